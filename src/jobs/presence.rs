//! A runner's word that it is there, for others who ask whether it pays to hand work out.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::queue::Queue;
use crate::store::WorkerRecord;

/// How often it is said.
const EVERY: Duration = Duration::from_secs(10);
/// How long it counts.
const COUNTS: Duration = Duration::from_secs(35);

/// Says so as long as it lives.
pub(super) struct Presence {
    queue: Queue,
    name: String,
    saying: JoinHandle<()>,
}

impl Presence {
    /// Begins to say it.
    pub(super) fn start(queue: Queue, worker: WorkerRecord) -> Self {
        let (saying_to, name) = (queue.clone(), worker.name.clone());
        let saying = tokio::spawn(async move {
            loop {
                if let Err(error) = saying_to.store().announce_worker(&worker, COUNTS).await {
                    tracing::warn!(%error, "cannot tell the database that this worker is there");
                }
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { queue, name, saying }
    }

    /// Says that it is gone.
    pub(super) async fn end(self) {
        self.saying.abort();
        if let Err(error) = self.queue.store().retire_worker(&self.name).await {
            tracing::debug!(%error, "this worker is forgotten later");
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.saying.abort();
    }
}
