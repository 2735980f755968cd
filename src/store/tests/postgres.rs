//! A server to test with.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

use crate::store::DatabaseUrl;

/// Names the server, its database and a user who may make schemas there, as a URL.
pub(crate) const SERVER: &str = "ATTUNE_TEST_POSTGRES_URL";

/// A schema of one test.
pub(crate) struct TestSchema {
    server: String,
    name: String,
}

impl TestSchema {
    /// Runs the test in a new schema, and drops that. Says why where it cannot.
    pub(crate) async fn with(test: impl AsyncFnOnce(Arc<Self>)) {
        let Some(schema) = Self::new() else { return };
        schema.execute_as_owner(format!("CREATE SCHEMA {}", schema.name)).await;
        let done = AssertUnwindSafe(test(Arc::clone(&schema))).catch_unwind().await;
        schema.execute_as_owner(format!("DROP SCHEMA {} CASCADE", schema.name)).await;
        if let Err(panic) = done {
            std::panic::resume_unwind(panic);
        }
    }

    fn new() -> Option<Arc<Self>> {
        let Ok(server) = std::env::var(SERVER) else {
            eprintln!("SKIPPED: {SERVER} names no PostgreSQL server");
            return None;
        };
        let name = format!("attune_test_{}", uuid::Uuid::now_v7().simple());
        Some(Arc::new(Self { server, name }))
    }

    /// The database with this schema, as a server's option says it.
    pub(crate) fn url(&self) -> DatabaseUrl {
        let sign = if self.server.contains('?') { '&' } else { '?' };
        DatabaseUrl::from(format!("{}{sign}options[search_path]={}", self.server, self.name))
    }

    /// The driver's view of the URL.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.url().options().unwrap()
    }

    /// The same database by way of another port of this machine.
    pub(crate) fn url_through(&self, port: u16) -> DatabaseUrl {
        let url = self.url();
        let options = url.options().unwrap();
        let sign = format!("{}:{}", options.get_host(), options.get_port());
        let through = format!("127.0.0.1:{port}");
        assert!(self.server.contains(&sign), "{SERVER} must name host and port");
        DatabaseUrl::from(format!(
            "{}?options[search_path]={}",
            self.server.split('?').next().unwrap_or_default().replace(&sign, &through),
            self.name
        ))
    }

    /// A statement in the schema.
    pub(crate) async fn execute(&self, sql: impl Into<String>) {
        self.connected(&self.options(), sql.into()).await;
    }

    async fn execute_as_owner(&self, sql: String) {
        self.connected(&self.server.parse().unwrap(), sql).await;
    }

    async fn connected(&self, options: &PgConnectOptions, sql: String) {
        let mut connection: PgConnection = options.connect().await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    }
}
