//! From an empty file to the current schema.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use sqlx::SqlitePool;
use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::SqliteStore;
use crate::store::error::StoreError;

/// The steps, in order. A new file needs a change here too, or cargo does not see it.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
/// Where sqlx remembers the steps that a database has behind it.
const REMEMBERED_IN: &str = "_sqlx_migrations";

/// What a call of [`SqliteStore::migrate`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The database file.
    pub path: PathBuf,
    /// The steps that were applied now; none where the file was up to date.
    pub applied: Vec<AppliedMigration>,
    /// The schema that the file has now: the number of its last step.
    pub schema: i64,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its number.
    pub version: i64,
    /// What it is about.
    pub description: String,
}

impl SqliteStore {
    /// Brings the file in this directory to the current schema, as [`SqliteStore::open`] does, and tells what that
    /// took. Both are made where they are missing.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn migrate(directory: &Path) -> Result<Migrated, StoreError> {
        let (pool, path) = super::connect(directory).await?;
        let before = behind(&pool).await.map_err(|source| error(&path, source))?;
        run(&pool, &path).await?;
        let new = MIGRATIONS.iter().filter(|step| !before.contains(&step.version));
        let applied = new
            .map(|step| AppliedMigration { version: step.version, description: step.description.to_string() })
            .collect();
        pool.close().await;
        Ok(Migrated { path, applied, schema: supported() })
    }
}

/// Applies what is missing.
pub(super) async fn run(pool: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    MIGRATIONS.run(pool).await.map_err(|source| error(path, source))
}

/// The steps that the database has behind it.
async fn behind(pool: &SqlitePool) -> Result<HashSet<i64>, MigrateError> {
    let mut connection = pool.acquire().await?;
    connection.ensure_migrations_table(REMEMBERED_IN).await?;
    let applied = connection.list_applied_migrations(REMEMBERED_IN).await?;
    Ok(applied.into_iter().map(|step| step.version).collect())
}

fn error(path: &Path, source: MigrateError) -> StoreError {
    let (path, supported) = (path.to_owned(), supported());
    match source {
        MigrateError::VersionMissing(found) if found > supported => StoreError::NewerSchema { path, found, supported },
        source => StoreError::Migrate { path, source },
    }
}

/// The last step that this binary has.
fn supported() -> i64 {
    MIGRATIONS.iter().map(|step| step.version).max().unwrap_or(0)
}
