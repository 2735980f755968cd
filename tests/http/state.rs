//! Where a test's records and artifacts lie.
//!
//! By default in a directory that goes with the test: SQLite and files. Where `ATTUNE_TEST_POSTGRES_URL` names a server, the
//! records lie in a schema of the test's own there; where `ATTUNE_TEST_ARTIFACTS` names a place (`s3://BUCKET/PREFIX`, with the
//! account and the endpoint in `AWS_…`), the artifacts lie below a name of the test's own there. Both are removed with
//! the test. `.ci/http_on_postgres_s3.sh` sets both. A variable that is set is used, or the test fails.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use attune::store::collect::collect;
use attune::store::{
    ArtifactLocation, Artifacts, CollectMode, Collection, DatabaseUrl, PostgresStore, SqliteStore, Store,
};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

const SERVER: &str = "ATTUNE_TEST_POSTGRES_URL";
const ARTIFACTS: &str = "ATTUNE_TEST_ARTIFACTS";

/// A test's place.
pub(crate) struct State {
    directory: tempfile::TempDir,
    /// The name of the schema, of the part of the bucket, and of the connections.
    name: String,
    server: Option<String>,
    bucket: Option<String>,
}

impl State {
    pub(crate) async fn new() -> Self {
        let state = Self {
            directory: tempfile::tempdir().unwrap(),
            name: format!("attune_test_{}", uuid::Uuid::now_v7().simple()),
            server: std::env::var(SERVER).ok(),
            bucket: std::env::var(ARTIFACTS).ok(),
        };
        if let Some(server) = &state.server {
            on_server(server, &format!("CREATE SCHEMA {}", state.name)).await.unwrap();
        }
        state
    }

    /// The data directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Whether the records lie on a server, where several processes share them.
    pub(crate) fn on_server(&self) -> bool {
        self.server.is_some()
    }

    /// Host and port of the database's server.
    pub(crate) fn database_address(&self) -> Option<(String, u16)> {
        let options: PgConnectOptions = self.server.as_ref()?.parse().unwrap();
        Some((options.get_host().to_owned(), options.get_port()))
    }

    /// Whether the artifacts lie in a bucket.
    pub(crate) fn in_bucket(&self) -> bool {
        self.bucket.is_some()
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        match self.database_url() {
            Some(url) => Arc::new(PostgresStore::open(&DatabaseUrl::from(url)).await.unwrap()),
            None => Arc::new(SqliteStore::open(self.directory()).await.unwrap()),
        }
    }

    pub(crate) async fn artifacts(&self) -> Arc<Artifacts> {
        let beside = ArtifactLocation::Directory(self.directory().join("artifacts"));
        let location = self.location().map_or(beside, |text| text.parse().unwrap());
        Arc::new(Artifacts::open(&location, None).await.unwrap())
    }

    /// The options of a process over this state, as its environment has them.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let directory = self.directory().to_str().unwrap().to_owned();
        let database = self.database_url().map(|url| ("ATTUNE_DATABASE_URL", url));
        let artifacts = self.location().map(|place| ("ATTUNE_ARTIFACTS", place));
        [Some(("ATTUNE_DATA_DIR", directory)), database, artifacts].into_iter().flatten().collect()
    }

    /// A statement past the repositories.
    pub(crate) async fn execute(&self, sql: &'static str) {
        match self.database_url() {
            Some(url) => {
                let options: PgConnectOptions = url.parse().unwrap();
                options.connect().await.unwrap().execute(sql).await.map(drop).unwrap();
            }
            None => drop(self.file().connect().await.unwrap().execute(sql).await.unwrap()),
        }
    }

    /// The database's file.
    pub(crate) fn file(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(self.directory().join("attune.db"))
    }

    fn database_url(&self) -> Option<String> {
        let server = self.server.as_ref()?;
        let sign = if server.contains('?') { '&' } else { '?' };
        Some(format!("{server}{sign}options[search_path]={0}&application_name={0}", self.name))
    }

    fn location(&self) -> Option<String> {
        Some(format!("{}/{}", self.bucket.as_ref()?.trim_end_matches('/'), self.name))
    }

    /// Removes what lies elsewhere.
    async fn clean(name: &str, server: Option<String>, location: Option<String>) -> Result<(), String> {
        if let Some(location) = location {
            // No record of an empty database names an artifact, so all of them go.
            let empty = tempfile::tempdir().map_err(text)?;
            let store = SqliteStore::open(empty.path()).await.map_err(text)?;
            let location: ArtifactLocation = location.parse().map_err(text)?;
            let artifacts = Artifacts::open(&location, None).await.map_err(text)?;
            let all = Collection { now: SystemTime::now(), grace: Duration::ZERO, mode: CollectMode::Collect };
            collect(&store, &artifacts, all).await.map_err(text)?;
        }
        if let Some(server) = server {
            // The test's own pools may be in the middle of something, and their runtime stands still.
            let end =
                format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}'");
            on_server(&server, &end).await.map_err(text)?;
            on_server(&server, &format!("DROP SCHEMA {name} CASCADE")).await.map_err(text)?;
        }
        Ok(())
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let (name, server, location) = (self.name.clone(), self.server.take(), self.location());
        if server.is_none() && location.is_none() {
            return;
        }
        let clean = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
            runtime.block_on(Self::clean(&name, server, location))
        };
        // A thread of its own, because a runtime cannot wait for another within itself.
        match std::thread::spawn(clean).join() {
            Ok(Ok(())) => {}
            failed => eprintln!("what a test kept elsewhere is left there: {failed:?}"),
        }
    }
}

async fn on_server(server: &str, sql: &str) -> Result<(), sqlx::Error> {
    let options: PgConnectOptions = server.parse()?;
    let mut connection = options.connect().await?;
    connection.execute(AssertSqlSafe(sql.to_owned())).await?;
    connection.close().await
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
