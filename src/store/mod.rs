//! What attune remembers: adapters, tasks, generators and jobs in a database in a locked data directory, their bytes in a
//! content-addressed store, there or elsewhere.
//!
//! The module knows no tensors, no HTTP and no job kinds. A store is used through the traits of
//! [`repository`], as `Arc<dyn Store>`; [`SqliteStore`] is the one that needs nothing installed.
//! Time and ids are arguments. Only leases run on the database's clock, so that two machines whose
//! clocks differ never both hold one job.

pub mod artifacts;
pub mod collect;
pub mod error;
pub(crate) mod job_policy;
pub mod lock;
pub mod page;
pub mod records;
pub mod repository;
pub mod sqlite;

pub use artifacts::{
    ArtifactEntry, ArtifactError, ArtifactLocation, Artifacts, CheckpointKey, Inventory, JobFile, LocationError,
};
pub use collect::{CollectMode, Collected, Collection};
pub use error::StoreError;
pub use lock::{DataDirLock, LockError};
pub use page::{Page, PageRequest};
pub use records::*;
pub use repository::{AdapterStore, GeneratorStore, JobStore, Store, StoreFuture, TaskStore};
pub use sqlite::{AppliedMigration, Migrated, SqliteStore};

/// The tenant of a server without tenants.
pub const DEFAULT_TENANT: &str = "default";
