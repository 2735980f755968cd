//! The statements that large tables are asked often. The databases' tests hold their plans against the indices.

use super::{adapters, dialect, generators, job_events, jobs, keys, tasks};

/// What is asked, the statement, and its parameters' types, which Postgres is not told otherwise.
pub(in crate::store) const HOT: [(&str, &str, &str); 26] = [
    ("an adapter", adapters::ADAPTER, "text, text"),
    ("an adapter by its name", adapters::ADAPTER_BY_NAME, "text, text"),
    ("what a key imported", adapters::ADAPTER_OF_KEY, "text, text"),
    ("a page of adapters", dialect::LIST_ADAPTERS, "text, bigint, text, text, bigint"),
    ("a page of named adapters", dialect::LIST_NAMED_ADAPTERS, "text, bigint, text, text, bigint"),
    ("a task", tasks::TASK, "text"),
    ("a task's examples", tasks::EXAMPLES, "text"),
    ("a page of tasks", tasks::LIST_TASKS, "text, bigint"),
    ("a generator", generators::GENERATOR, "text"),
    ("the generator that serves", dialect::ACTIVE_GENERATOR, "text"),
    ("a page of generators", generators::LIST_GENERATORS, "bigint, text, bigint"),
    ("a job", jobs::JOB, "text"),
    ("the job of a key", jobs::JOB_OF_KEY, "text"),
    ("how many jobs wait", jobs::COUNT_WAITING, ""),
    ("a page of jobs", jobs::LIST_JOBS, "bigint, text, text, bigint, text"),
    ("a page of jobs in a state", jobs::LIST_JOBS_IN_STATE, "bigint, text, text, bigint, text, text"),
    ("a key", keys::KEY_OF_PREFIX, "text"),
    ("a page of keys", keys::LIST_KEYS, "bigint, text, bigint"),
    ("a page of a tenant's keys", keys::LIST_KEYS_OF_TENANT, "bigint, text, bigint, text"),
    ("what a key trained", keys::TRAINED_MS, "text, bigint, bigint"),
    ("a job to change", dialect::JOB_TO_CHANGE, "text"),
    ("a job of a lost worker", dialect::LOST_JOB, "bigint"),
    ("the next job", dialect::TAKE_NEXT_JOB, "text, bigint, bigint, text, bigint, text"),
    ("a job's children", jobs::CHILDREN, "text"),
    ("a job's children to stop", dialect::CHILDREN_TO_STOP, "text"),
    ("a job's events", job_events::EVENTS_AFTER, "text, bigint, bigint"),
];
