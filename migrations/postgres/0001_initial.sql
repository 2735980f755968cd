-- The first schema. Numbers are BIGINT as in SQLite, so that both databases are read by the same code; times are
-- milliseconds since the Unix epoch; lease_until and run_after are compared only with the database's own clock.
-- JSON columns hold text: the order of keys, the digits of numbers and a \u0000 come back as they went in, which jsonb
-- would change or refuse (cast them to ask about their contents). Ids and names compare byte by byte, whatever the
-- database's own collation is.

CREATE TABLE adapters (
    id             TEXT COLLATE "C" PRIMARY KEY,
    kind           TEXT NOT NULL CHECK (kind IN ('generated', 'trained', 'imported')),
    generator      TEXT,
    base_digest    TEXT NOT NULL,
    rank           BIGINT NOT NULL,
    alpha          DOUBLE PRECISION NOT NULL,
    target_modules TEXT NOT NULL,
    parameters     BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    digest         TEXT NOT NULL,
    config         TEXT NOT NULL,
    seed           BIGINT
);

-- Who may see an adapter, and under what name. What one tenant's request said (its wording, its
-- nearest tasks, its time) stays in that tenant's row.
CREATE TABLE adapter_owners (
    tenant     TEXT COLLATE "C" NOT NULL,
    adapter_id TEXT COLLATE "C" NOT NULL REFERENCES adapters (id),
    name       TEXT COLLATE "C",
    task       TEXT COLLATE "C",
    confidence TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, adapter_id)
);

CREATE UNIQUE INDEX adapter_owners_by_name ON adapter_owners (tenant, name) WHERE name IS NOT NULL;
CREATE INDEX adapter_owners_by_age ON adapter_owners (tenant, created_at, adapter_id);
CREATE INDEX adapter_owners_by_adapter ON adapter_owners (adapter_id);

CREATE TABLE tasks (
    name            TEXT COLLATE "C" PRIMARY KEY,
    descriptions    TEXT NOT NULL,
    examples_digest TEXT NOT NULL,
    train_count     BIGINT NOT NULL,
    test_count      BIGINT NOT NULL,
    version         BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL
);

CREATE TABLE task_examples (
    task     TEXT COLLATE "C" NOT NULL REFERENCES tasks (name) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    example  TEXT NOT NULL,
    PRIMARY KEY (task, position)
);

CREATE TABLE generators (
    id          TEXT COLLATE "C" PRIMARY KEY,
    base_digest TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('ready', 'rejected')),
    arch        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    bytes       BIGINT NOT NULL,
    evaluation  TEXT,
    parent      TEXT,
    active      BOOLEAN NOT NULL DEFAULT FALSE,
    created_at  BIGINT NOT NULL
);

CREATE UNIQUE INDEX generators_active ON generators (base_digest) WHERE active;
CREATE INDEX generators_by_age ON generators (created_at, id);

CREATE TABLE jobs (
    id              TEXT COLLATE "C" PRIMARY KEY,
    kind            TEXT NOT NULL,
    payload         TEXT NOT NULL,
    state           TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
    attempt         BIGINT NOT NULL DEFAULT 0,
    given_back      BIGINT NOT NULL DEFAULT 0,
    max_attempts    BIGINT NOT NULL CHECK (max_attempts > 0),
    progress        TEXT,
    metrics         TEXT NOT NULL DEFAULT '{}',
    result          TEXT,
    error           TEXT,
    idempotency_key TEXT UNIQUE,
    worker          TEXT,
    lease_until     BIGINT,
    run_after       BIGINT,
    created_at      BIGINT NOT NULL,
    started_at      BIGINT,
    finished_at     BIGINT,
    CHECK ((state IN ('running', 'cancelling')) = (lease_until IS NOT NULL)),
    CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);

CREATE INDEX jobs_by_state ON jobs (state, created_at, id);
CREATE INDEX jobs_by_age ON jobs (created_at, id);

CREATE TABLE job_events (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id     BIGINT NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('state', 'progress', 'metric', 'log')),
    data   TEXT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (job_id, id)
);
