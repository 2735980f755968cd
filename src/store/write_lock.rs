//! What a transaction is about to change, beyond rows that it can hold.

use std::fmt;

/// Transactions that take the same lock go one after the other, from their beginning to their commit. SQLite has one
/// writer anyway; Postgres makes advisory locks of them. Who needs two takes them in the order of this list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WriteLock<'a> {
    /// What a tenant's idempotency key published.
    ImportKey {
        /// Whose.
        tenant: &'a str,
        /// The key.
        key: &'a str,
    },
    /// An adapter and who has it: it is published, and goes with its last tenant.
    Adapter(&'a str),
    /// A tenant's names, each of which belongs to one adapter.
    Names {
        /// Whose.
        tenant: &'a str,
    },
    /// A task and its examples.
    Task(&'a str),
    /// Which generator serves a base.
    Base(&'a str),
    /// How many jobs wait, and which idempotency keys were used.
    Queue,
}

impl fmt::Display for WriteLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImportKey { tenant, key } => write!(f, "import key {tenant} {key}"),
            Self::Adapter(id) => write!(f, "adapter {id}"),
            Self::Names { tenant } => write!(f, "names {tenant}"),
            Self::Task(name) => write!(f, "task {name}"),
            Self::Base(digest) => write!(f, "base {digest}"),
            Self::Queue => f.write_str("queue"),
        }
    }
}
