-- What large tables are asked for, each by an index of its own: the named adapters by age, and leases by their end.

CREATE INDEX adapter_owners_named_by_age ON adapter_owners (tenant, created_at, adapter_id) WHERE name IS NOT NULL;
CREATE INDEX jobs_by_lease ON jobs (lease_until) WHERE lease_until IS NOT NULL;
