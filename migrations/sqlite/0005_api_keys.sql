-- API keys, what they used of their daily quotas, and whose a job is. Of a key only a hash is stored.

CREATE TABLE api_keys (
    id                       TEXT PRIMARY KEY,
    tenant                   TEXT NOT NULL,
    name                     TEXT NOT NULL,
    scopes                   TEXT NOT NULL,
    prefix                   TEXT NOT NULL UNIQUE,
    hash                     TEXT NOT NULL,
    requests_per_minute      INTEGER CHECK (requests_per_minute >= 0),
    adapters_per_day         INTEGER CHECK (adapters_per_day >= 0),
    training_minutes_per_day INTEGER CHECK (training_minutes_per_day >= 0),
    created_at               INTEGER NOT NULL,
    expires_at               INTEGER,
    revoked_at               INTEGER,
    last_used_at             INTEGER
) STRICT;

CREATE INDEX api_keys_by_age ON api_keys (created_at, id);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant, created_at, id);

-- day counts from the Unix epoch, in UTC.
CREATE TABLE key_usage (
    key_id   TEXT NOT NULL REFERENCES api_keys (id),
    day      INTEGER NOT NULL,
    adapters INTEGER NOT NULL,
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;

ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE jobs ADD COLUMN key_id TEXT;

-- Lists are a tenant's. What a key's jobs took of a day is asked over the jobs that it queued.
DROP INDEX jobs_by_age;
CREATE INDEX jobs_by_tenant ON jobs (tenant, created_at, id);
CREATE INDEX jobs_by_tenant_and_state ON jobs (tenant, state, created_at, id);
CREATE INDEX jobs_by_key ON jobs (key_id, started_at) WHERE key_id IS NOT NULL;
