-- The first schema. Times are milliseconds since the Unix epoch; lease_until and run_after are
-- compared only with the database's own clock. JSON columns hold text.

CREATE TABLE adapters (
    id             TEXT PRIMARY KEY,
    kind           TEXT NOT NULL CHECK (kind IN ('generated', 'trained', 'imported')),
    generator      TEXT,
    base_digest    TEXT NOT NULL,
    rank           INTEGER NOT NULL,
    alpha          REAL NOT NULL,
    target_modules TEXT NOT NULL,
    parameters     INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    digest         TEXT NOT NULL,
    config         TEXT NOT NULL,
    seed           INTEGER
) STRICT;

-- Who may see an adapter, and under what name. What one tenant's request said (its wording, its
-- nearest tasks, its time) stays in that tenant's row.
CREATE TABLE adapter_owners (
    tenant     TEXT NOT NULL,
    adapter_id TEXT NOT NULL REFERENCES adapters (id),
    name       TEXT,
    task       TEXT,
    confidence TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, adapter_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX adapter_owners_by_name ON adapter_owners (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX adapter_owners_by_age ON adapter_owners (tenant, created_at, adapter_id);
CREATE INDEX adapter_owners_by_adapter ON adapter_owners (adapter_id);

CREATE TABLE tasks (
    name            TEXT PRIMARY KEY,
    descriptions    TEXT NOT NULL,
    examples_digest TEXT NOT NULL,
    train_count     INTEGER NOT NULL,
    test_count      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE task_examples (
    task     TEXT NOT NULL REFERENCES tasks (name) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    example  TEXT NOT NULL,
    PRIMARY KEY (task, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE generators (
    id          TEXT PRIMARY KEY,
    base_digest TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('ready', 'rejected')),
    arch        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    evaluation  TEXT,
    parent      TEXT,
    active      INTEGER NOT NULL DEFAULT 0 CHECK (active IN (0, 1)),
    created_at  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX generators_active ON generators (base_digest) WHERE active = 1;
CREATE INDEX generators_by_age ON generators (created_at, id);

CREATE TABLE jobs (
    id              TEXT PRIMARY KEY,
    kind            TEXT NOT NULL,
    payload         TEXT NOT NULL,
    state           TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
    attempt         INTEGER NOT NULL DEFAULT 0,
    given_back      INTEGER NOT NULL DEFAULT 0,
    max_attempts    INTEGER NOT NULL CHECK (max_attempts > 0),
    progress        TEXT,
    metrics         TEXT NOT NULL DEFAULT '{}',
    result          TEXT,
    error           TEXT,
    idempotency_key TEXT UNIQUE,
    worker          TEXT,
    lease_until     INTEGER,
    run_after       INTEGER,
    created_at      INTEGER NOT NULL,
    started_at      INTEGER,
    finished_at     INTEGER,
    CHECK ((state IN ('running', 'cancelling')) = (lease_until IS NOT NULL)),
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
) STRICT;

CREATE INDEX jobs_by_state ON jobs (state, created_at, id);
CREATE INDEX jobs_by_age ON jobs (created_at, id);

CREATE TABLE job_events (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id     INTEGER NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('state', 'progress', 'metric', 'log')),
    data   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (job_id, id)
) STRICT, WITHOUT ROWID;
