-- Jobs have a priority, a time limit and, where another job needs them, a parent; processes that work jobs off say so.
--
-- A parent that gave its slot up for its children is queued and `waits`. When it may go on is in its children's
-- states and nowhere else.

ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100);
ALTER TABLE jobs ADD COLUMN timeout_ms BIGINT CHECK (timeout_ms > 0);
ALTER TABLE jobs ADD COLUMN parent_id TEXT COLLATE "C" REFERENCES jobs (id);
ALTER TABLE jobs ADD COLUMN waits BOOLEAN NOT NULL DEFAULT FALSE CHECK (NOT waits OR state = 'queued');

-- The order of claims, over the jobs that may be claimed alone.
CREATE INDEX jobs_to_claim ON jobs (priority DESC, created_at, id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_by_parent ON jobs (parent_id, id) WHERE parent_id IS NOT NULL;

-- seen_until is compared only with the database's own clock; slots is an object, {kind: how many at once}.
CREATE TABLE workers (
    name       TEXT COLLATE "C" PRIMARY KEY,
    slots      TEXT NOT NULL,
    seen_until BIGINT NOT NULL
);
