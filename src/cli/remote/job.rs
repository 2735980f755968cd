//! A job on a server, shown until it has ended.

use super::{Error, Remote};
use crate::app::termination;
use crate::cli::job_progress::JobProgress;
use crate::cli::train::INTERRUPTED;
use crate::event_stream::Parser;
use crate::jobs::JobSpec;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::pin::pin;
use std::time::Duration;

/// Between two tries to reach a server that went away.
const PAUSE: Duration = Duration::from_secs(2);
/// Tries one after the other: a server that starts anew is back within them.
const TRIES: u32 = 60;

impl Remote {
    /// Queues the job, shows it as it runs, and gives it as it ended. The first Ctrl-C cancels it, the second leaves it
    /// to the server.
    pub(in crate::cli) async fn train(&self, spec: &JobSpec) -> anyhow::Result<Value> {
        // A connection that breaks between the request and its answer must not make two of it.
        let key = uuid::Uuid::now_v7().to_string();
        let request = self.request(Method::POST, &["jobs", "train"]).header("Idempotency-Key", key).json(spec);
        let job: Value = self.json(request).await?;
        let id = job["id"].as_str().unwrap_or_default();
        let mut shown = JobProgress::new();
        let done = self.watch(id, &mut shown).await;
        shown.clear();
        done.map_err(|error| anyhow::Error::new(error).context(format!("job {id} is left to {self}")))
    }

    async fn watch(&self, id: &str, shown: &mut JobProgress) -> Result<Value, Error> {
        let mut stop = pin!(termination());
        let mut following = pin!(self.follow(id, shown));
        let mut stopping = false;
        loop {
            tokio::select! {
                done = &mut following => return done,
                () = &mut stop => {
                    if stopping {
                        std::process::exit(INTERRUPTED);
                    }
                    stopping = true;
                    stop.set(termination());
                    eprintln!("cancelling job {id}; once more to leave it to the server");
                    match self.post::<Value>(&["jobs", id, "cancel"], &json!({})).await {
                        // It ended on its own in the meantime.
                        Ok(_) | Err(Error::Refused { status: 409, .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    /// Follows the job's events to its end, through what breaks the connection.
    async fn follow(&self, id: &str, shown: &mut JobProgress) -> Result<Value, Error> {
        let (mut seen, mut tries) = (0, 0);
        loop {
            let before = seen;
            match self.events(id, &mut seen, shown).await {
                Err(error) if !error.may_pass() => return Err(error),
                _ => {}
            }
            match self.get::<Value>(&["jobs", id]).await {
                Ok(job) if is_finished(&job) => return Ok(job),
                Err(error) if !error.may_pass() || tries >= TRIES => return Err(error),
                _ => {}
            }
            tries = if seen > before { 0 } else { tries + 1 };
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Shows the events behind the `seen` ones, as long as they come.
    async fn events(&self, id: &str, seen: &mut u64, shown: &mut JobProgress) -> Result<(), Error> {
        let request = self.request(Method::GET, &["jobs", id, "events"]).header("Last-Event-ID", *seen);
        let mut response = self.send(request).await?;
        if response.status() == StatusCode::NO_CONTENT {
            return Ok(());
        }
        let mut parser = Parser::default();
        while let Some(piece) = response.chunk().await.map_err(|error| Error::sending(&self.url, &error))? {
            let events = parser.push(&piece);
            let unreadable = |reason: String| Error::Unreadable { url: self.url.clone(), reason };
            for event in events.map_err(|error| unreadable(error.to_string()))? {
                let data: Value = serde_json::from_str(&event.data).map_err(|error| unreadable(error.to_string()))?;
                let Ok(kind) = serde_json::from_value(json!(event.name)) else {
                    let told = data["detail"].as_str().unwrap_or("the stream broke off");
                    return Err(unreadable(told.to_owned()));
                };
                shown.show(kind, &data);
                // A job's events are numbered 1, 2, 3, ….
                *seen += 1;
            }
        }
        Ok(())
    }
}

fn is_finished(job: &Value) -> bool {
    matches!(job["state"].as_str(), Some("succeeded" | "failed" | "cancelled"))
}
