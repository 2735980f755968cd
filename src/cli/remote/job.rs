//! A job on a server, shown until it has ended.

use super::{Error, Remote};
use crate::app::termination;
use crate::cli::job_progress::JobProgress;
use crate::cli::train::INTERRUPTED;
use crate::event_stream::Parser;
use crate::jobs::JobSpec;
use crate::store::JobState;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::cell::RefCell;
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
        // One key for all tries: where the connection breaks off behind the request, the next one finds its job.
        let key = uuid::Uuid::now_v7().to_string();
        let request = || Ok(self.request(Method::POST, &["jobs", "train"])?.header("Idempotency-Key", &key).json(spec));
        let job = match self.json(request()?).await {
            Err(Error::BrokenOff { .. }) => self.persistent(request).await?,
            answered => answered?,
        };
        let id = job["id"].as_str().unwrap_or_default();
        let shown = RefCell::new(JobProgress::new());
        let done = self.watch(id, &shown).await;
        shown.borrow().clear();
        done.map_err(|error| anyhow::Error::new(error).context(format!("job {id} is left to {self}")))
    }

    async fn watch(&self, id: &str, shown: &RefCell<JobProgress>) -> Result<Value, Error> {
        let mut following = pin!(self.follow(id, shown));
        tokio::select! {
            done = &mut following => return done,
            () = termination() => {}
        }
        shown.borrow().line("cancelling the job; once more to leave it to the server");
        let cancelling = async {
            match self.persistent(|| self.request(Method::POST, &["jobs", id, "cancel"])).await {
                // It ended on its own in the meantime.
                Ok(_) | Err(Error::Refused { status: 409, .. }) => following.await,
                Err(error) => Err(error),
            }
        };
        tokio::select! {
            done = cancelling => done,
            () = termination() => std::process::exit(INTERRUPTED),
        }
    }

    /// Follows the job's events to its end, through what breaks the connection.
    async fn follow(&self, id: &str, shown: &RefCell<JobProgress>) -> Result<Value, Error> {
        let mut seen = 0;
        loop {
            match self.events(id, &mut seen, shown).await {
                Err(error) if !error.may_pass() => return Err(error),
                _ => {}
            }
            let job = self.persistent(|| self.request(Method::GET, &["jobs", id])).await?;
            if is_finished(&job) {
                return Ok(job);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends the request again for as long as a server takes to start anew.
    async fn persistent(&self, request: impl Fn() -> Result<RequestBuilder, Error>) -> Result<Value, Error> {
        let mut tries = 0;
        loop {
            match self.json(request()?).await {
                Err(error) if error.may_pass() && tries < TRIES => tries += 1,
                done => return done,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Shows the events behind the `seen` ones, as long as they come.
    async fn events(&self, id: &str, seen: &mut u64, shown: &RefCell<JobProgress>) -> Result<(), Error> {
        let request = self.request(Method::GET, &["jobs", id, "events"])?.header("Last-Event-ID", *seen);
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
                    // The stream's own error, which ends it.
                    let told = data["detail"].as_str().unwrap_or("the stream broke off");
                    return Err(unreadable(told.to_owned()));
                };
                shown.borrow_mut().show(kind, &data);
                // A job's events are numbered 1, 2, 3, ….
                *seen += 1;
            }
        }
        Ok(())
    }
}

fn is_finished(job: &Value) -> bool {
    JobState::deserialize(&job["state"]).is_ok_and(JobState::is_finished)
}
