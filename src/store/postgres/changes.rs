//! What happens to jobs, as the server tells it: each change is told on a channel ([`super::dialect::notify`]) and
//! arrives at every process that listens, its own included.
//!
//! What is told while the connection is away is lost. Nobody relies on it: whoever waits also looks from time to time.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::unfold;
use sqlx::postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions};

use super::dialect::CHANNEL;
use crate::store::repository::{JobChange, JobChanges};

/// How long nothing may be heard before the connection is asked whether it still lives.
const QUIET: Duration = Duration::from_secs(30);
/// How long connecting and that answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// The first and the longest wait between two tries to connect.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The changes from now on, on a connection of its own that comes back after it was lost. The stream does not end.
pub(super) fn listen(options: PgConnectOptions) -> JobChanges {
    let ear = Ear { options, listener: None, wait: WAITS.0 };
    unfold(ear, |mut ear| async move { Some((ear.next().await, ear)) }).boxed()
}

struct Ear {
    options: PgConnectOptions,
    listener: Option<PgListener>,
    /// Before the next try to connect.
    wait: Duration,
}

impl Ear {
    async fn next(&mut self) -> JobChange {
        loop {
            let Some(listener) = &mut self.listener else {
                self.connect().await;
                continue;
            };
            match hear(listener).await {
                Ok(told) => match change(told.payload()) {
                    Some(change) => return change,
                    None => tracing::debug!(payload = told.payload(), "a notification that means nothing here"),
                },
                Err(error) => {
                    tracing::warn!(%error, "the connection that tells of jobs was lost");
                    self.listener = None;
                }
            }
        }
    }

    /// One try; a wait after one that failed.
    async fn connect(&mut self) {
        match tokio::time::timeout(ANSWER, connected(&self.options)).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Ok(listener) => (self.listener, self.wait) = (Some(listener), WAITS.0),
            Err(error) => {
                tracing::warn!(%error, "cannot listen to what other processes do to jobs; looking each second instead");
                tokio::time::sleep(self.wait).await;
                self.wait = (self.wait * 2).min(WAITS.1);
            }
        }
    }
}

async fn connected(options: &PgConnectOptions) -> sqlx::Result<PgListener> {
    // The listener lives in a pool of one, which must not end it for its age.
    let pool = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let mut listener = PgListener::connect_with(&pool.connect_with(options.clone()).await?).await?;
    listener.eager_reconnect(false);
    let channel: String = sqlx::query_scalar(CHANNEL).fetch_one(&mut listener).await?;
    listener.listen(&channel).await?;
    Ok(listener)
}

/// The next notification, however long that takes. A connection whose other end is gone without a word is an error too.
async fn hear(listener: &mut PgListener) -> sqlx::Result<PgNotification> {
    loop {
        match tokio::time::timeout(QUIET, listener.try_recv()).await {
            Ok(told) => return told?.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into()),
            Err(_) => {
                let answered = tokio::time::timeout(ANSWER, sqlx::query("SELECT 1").execute(&mut *listener)).await;
                answered.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
            }
        }
    }
}

fn change(payload: &str) -> Option<JobChange> {
    let (told, job) = payload.split_once(' ')?;
    let arrived = match told {
        "arrived" => true,
        "changed" => false,
        _ => return None,
    };
    Some(JobChange { job: job.to_owned(), arrived })
}
