//! From an empty database to the current schema. Steps only go forward.

use std::collections::HashSet;

use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::error::StoreError;

/// Where sqlx remembers the steps that a database has behind it.
const REMEMBERED_IN: &str = "_sqlx_migrations";

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The database: a file, or a server's.
    pub database: String,
    /// The steps that were applied now; none where it was up to date.
    pub applied: Vec<AppliedMigration>,
    /// The schema that it has now: the number of its last step.
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

/// Applies the steps that this database does not have yet, while nobody else does. The connection's session holds the
/// lock: after an error, close it.
///
/// # Errors
/// `NewerSchema` where the database has a later step than the last of these; `Migrate`.
pub(super) async fn migrate<C: Migrate>(
    connection: &mut C,
    steps: &Migrator,
    database: String,
) -> Result<Migrated, StoreError> {
    let schema = steps.iter().map(|step| step.version).max().unwrap_or(0);
    let before = match apply(connection, steps).await {
        Ok(before) => before,
        Err(MigrateError::VersionMissing(found)) if found > schema => {
            return Err(StoreError::NewerSchema { database, found, supported: schema });
        }
        Err(source) => return Err(StoreError::Migrate { database, source }),
    };
    let new = steps.iter().filter(|step| !before.contains(&step.version));
    let applied =
        new.map(|step| AppliedMigration { version: step.version, description: step.description.to_string() }).collect();
    Ok(Migrated { database, applied, schema })
}

/// Refuses a database whose schema is another than the last of these steps.
///
/// # Errors
/// `NewerSchema`, `OlderSchema`; `Migrate` where it cannot be looked at.
pub(super) async fn check<C: Migrate>(
    connection: &mut C,
    steps: &Migrator,
    database: String,
) -> Result<(), StoreError> {
    let supported = steps.iter().map(|step| step.version).max().unwrap_or(0);
    let applied = async {
        // A database that never was migrated has no such table.
        connection.ensure_migrations_table(REMEMBERED_IN).await?;
        connection.list_applied_migrations(REMEMBERED_IN).await
    };
    let applied = match applied.await {
        Ok(applied) => applied,
        Err(source) => return Err(StoreError::Migrate { database, source }),
    };
    match applied.into_iter().map(|step| step.version).max().unwrap_or(0) {
        found if found > supported => Err(StoreError::NewerSchema { database, found, supported }),
        found if found < supported => Err(StoreError::OlderSchema { database, found, supported }),
        _ => Ok(()),
    }
}

/// Gives the steps that the database had behind it.
async fn apply<C: Migrate>(connection: &mut C, steps: &Migrator) -> Result<HashSet<i64>, MigrateError> {
    connection.lock().await?;
    connection.ensure_migrations_table(REMEMBERED_IN).await?;
    let before = connection.list_applied_migrations(REMEMBERED_IN).await?;
    // It takes the lock once more, which the session that has it may.
    steps.run_direct(None, connection, false).await?;
    connection.unlock().await?;
    Ok(before.into_iter().map(|step| step.version).collect())
}
