//! What attune remembers: adapters, tasks, generators and jobs in a database, their bytes in a
//! content-addressed store. The database is a file in the locked data directory ([`SqliteStore`], which needs nothing
//! installed) or a server's ([`PostgresStore`], which any number of processes share).
//!
//! The module knows no tensors, no HTTP and no job kinds. A store is used through the traits of
//! [`repository`], as `Arc<dyn Store>`, and [`open_store`] chooses it.
//! Time and ids are arguments. Only leases run on the database's clock, so that two machines whose
//! clocks differ never both hold one job.

pub mod artifacts;
pub mod backup;
pub mod collect;
pub mod database_url;
pub mod error;
mod fault;
pub(crate) mod job_policy;
pub mod lock;
pub mod migrate;
pub mod open;
pub mod page;
pub mod postgres;
pub mod records;
pub mod repository;
pub mod sqlite;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod write_lock;

pub use artifacts::{
    ArtifactEntry, ArtifactError, ArtifactLocation, Artifacts, CheckpointKey, Inventory, JobFile, LocationError,
};
pub use backup::{BackupError, RowBatch, backup, restore};
pub use collect::{CollectMode, Collected, Collection};
pub use database_url::DatabaseUrl;
pub use error::{RowFault, StoreError};
pub use lock::{DataDirLock, LockError};
pub use migrate::{AppliedMigration, Migrated};
pub use open::{attach_store, migrate_database, open_store};
pub use page::{Page, PageRequest};
pub use postgres::PostgresStore;
pub use records::*;
pub use repository::{
    AdapterStore, GeneratorStore, JobChange, JobChanges, JobStore, KeyStore, Store, StoreFuture, TaskStore, WorkerStore,
};
pub use sqlite::SqliteStore;

/// The tenant of a server without tenants.
pub const DEFAULT_TENANT: &str = "default";
