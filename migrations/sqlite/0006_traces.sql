-- Where a job stands in a trace: the W3C traceparent of the request that queued it, for the process that works it off.

ALTER TABLE jobs ADD COLUMN traceparent TEXT;
