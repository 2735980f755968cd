//! How the server is reached.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use crate::store::database_url::DatabaseUrl;
use crate::store::error::StoreError;

/// How long the first connection may take.
const FIRST: Duration = Duration::from_secs(10);

/// What the URL says.
pub(super) fn options(url: &DatabaseUrl) -> Result<PgConnectOptions, StoreError> {
    let options = url.options()?;
    Ok(match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("attune"),
    })
}

/// The same with an end to all waiting: for a lock as long as SQLite waits for its own; for a statement longer; and a
/// transaction whose process went silent is ended, because others wait for its locks.
pub(super) fn with_limits(options: PgConnectOptions) -> PgConnectOptions {
    options.options([
        ("lock_timeout", "10s"),
        ("statement_timeout", "30s"),
        ("idle_in_transaction_session_timeout", "60s"),
    ])
}

/// The database as messages call it: without the user, and without the password.
pub(super) fn shown(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(socket) => format!("the database {database} at {}", socket.display()),
        None => format!("the database {database} on {}:{}", options.get_host(), options.get_port()),
    }
}

/// The first connection. Unlike later ones it is not tried again: a process that cannot start says so at once.
pub(super) async fn first(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connected = tokio::time::timeout(FIRST, options.connect()).await;
    connected
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
        .map_err(|source| StoreError::Connect { database: shown(options), source })
}
