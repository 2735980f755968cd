//! Which database: the one that a URL names, else the file in the data directory.

use std::path::Path;
use std::sync::Arc;

use super::database_url::DatabaseUrl;
use super::error::StoreError;
use super::migrate::Migrated;
use super::postgres::PostgresStore;
use super::repository::Store;
use super::sqlite::SqliteStore;

/// Opens the store and brings it to the current schema.
///
/// # Errors
/// Those of [`PostgresStore::open`] and [`SqliteStore::open`].
pub async fn open_store(data_dir: &Path, url: Option<&DatabaseUrl>) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url {
        Some(url) => Arc::new(PostgresStore::open(url).await?),
        None => Arc::new(SqliteStore::open(data_dir).await?),
    })
}

/// Opens a store that is there, as it is: beside a process that uses it, and without a step towards another schema.
///
/// # Errors
/// Those of [`PostgresStore::attach`] and [`SqliteStore::attach`].
pub async fn attach_store(data_dir: &Path, url: Option<&DatabaseUrl>) -> Result<Arc<dyn Store>, StoreError> {
    Ok(match url {
        Some(url) => Arc::new(PostgresStore::attach(url).await?),
        None => Arc::new(SqliteStore::attach(data_dir).await?),
    })
}

/// Brings the database to the current schema and tells what that took.
///
/// # Errors
/// Those of [`open_store`].
pub async fn migrate_database(data_dir: &Path, url: Option<&DatabaseUrl>) -> Result<Migrated, StoreError> {
    match url {
        Some(url) => PostgresStore::migrate(url).await,
        None => SqliteStore::migrate(data_dir).await,
    }
}
