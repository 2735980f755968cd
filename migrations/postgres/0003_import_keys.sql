-- What an Idempotency-Key of an import published. A key goes with its adapter's row.

CREATE TABLE import_keys (
    tenant     TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    request    TEXT NOT NULL,
    adapter_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key),
    FOREIGN KEY (tenant, adapter_id) REFERENCES adapter_owners (tenant, adapter_id) ON DELETE CASCADE
);

CREATE INDEX import_keys_by_adapter ON import_keys (tenant, adapter_id);
