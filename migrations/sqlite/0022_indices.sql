-- What large tables are asked for, each by an index of its own: the named adapters by age, the jobs that have not ended by
-- age (claims pass over no finished one), and leases by their end.

CREATE INDEX adapter_owners_named_by_age ON adapter_owners (tenant, created_at, adapter_id) WHERE name IS NOT NULL;
CREATE INDEX jobs_unfinished ON jobs (created_at, id) WHERE finished_at IS NULL;
CREATE INDEX jobs_by_lease ON jobs (lease_until) WHERE lease_until IS NOT NULL;
