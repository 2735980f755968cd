//! The metrics of a process. Counters and histograms were counted where things happened; gauges are read here, when
//! somebody asks.

use super::Service;
use super::backend::Backend;
use crate::engine::{LoadStatus, ResidencyStatus};
use crate::jobs::JobKind;
use crate::lm::KvMemory;
use crate::store::{JobState, OpenJobs, StoreError};
use crate::telemetry::{Exposition, metrics, process_metrics};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Mutex;

/// How long what the database said of the queue is told again, so that those who ask cost it little.
const QUEUE_SEEN: Duration = Duration::from_secs(5);
/// How long the database may take to say it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the database said of the queue, and when. Of several that ask at once one asks the database.
#[derive(Debug, Default)]
pub(super) struct QueueSeen(Mutex<Option<(Instant, Option<Seen>)>>);

#[derive(Clone, Debug)]
struct Seen {
    jobs: OpenJobs,
    workers: usize,
}

impl Service {
    /// All metrics of this process, in Prometheus' text format.
    pub async fn metrics(&self) -> String {
        let mut text = Exposition::default();
        text.sample(metrics::BUILD_INFO, &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        let generator = self.active().map(|active| active.id);
        let labels = [("generator", generator.as_deref().unwrap_or("")), ("base_model", self.base.name())];
        text.sample(metrics::GENERATOR_INFO, &labels, 1.0);
        text.value(metrics::READY, if self.unready().is_none() { 1.0 } else { 0.0 });
        self.backend.write_metrics(&mut text);
        self.write_queue(&mut text).await;
        process_metrics(&mut text);
        metrics::render() + &text.into_text()
    }

    async fn write_queue(&self, text: &mut Exposition) {
        let seen = self.queue_seen().await;
        text.family(metrics::JOBS);
        if let Some(Seen { jobs, .. }) = &seen {
            for state in [JobState::Queued, JobState::Waiting, JobState::Running, JobState::Cancelling] {
                for kind in JobKind::NAMES {
                    let count = jobs.counts.iter().find(|(of, name, _)| *of == state && name == kind);
                    let labels = [("state", state.as_str()), ("kind", kind)];
                    text.sample(metrics::JOBS, &labels, count.map_or(0.0, |(_, _, count)| *count as f64));
                }
            }
        }
        text.family(metrics::JOBS_OLDEST);
        if let Some(Seen { jobs, .. }) = &seen {
            let age = jobs.oldest_queued.map_or(0.0, |queued| (self.now() - queued).as_seconds_f64().max(0.0));
            text.value(metrics::JOBS_OLDEST, age);
        }
        text.family(metrics::WORKERS);
        if let Some(Seen { workers, .. }) = &seen {
            text.value(metrics::WORKERS, *workers as f64);
        }
    }

    /// What the queue holds; none where the database does not say so in time.
    async fn queue_seen(&self) -> Option<Seen> {
        let mut last = self.queue_seen.0.lock().await;
        if let Some((_, seen)) = last.as_ref().filter(|(at, _)| at.elapsed() < QUEUE_SEEN) {
            return seen.clone();
        }
        let look = async {
            let (jobs, workers) = (self.queue.open_jobs().await?, self.queue.workers().await?);
            Ok::<_, StoreError>(Seen { jobs, workers })
        };
        let seen = match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(seen)) => Some(seen),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the metrics lack the queue's");
                None
            }
            Err(_) => {
                tracing::warn!("the metrics lack the queue's: the database is late");
                None
            }
        };
        *last = Some((Instant::now(), seen.clone()));
        seen
    }
}

impl Backend {
    /// Writes the engine's gauges. What vLLM does not tell is 0; it has metrics of its own.
    fn write_metrics(&self, text: &mut Exposition) {
        match self {
            Self::Local { engine, resident } => {
                let (status, options) = (engine.status(), engine.options());
                let (used, blocks) = (status.memory.used as f64, status.memory.blocks as f64);
                text.value(metrics::RUNNING, status.running as f64);
                text.value(metrics::WAITING, status.queued as f64);
                text.value(metrics::KV_USAGE, if blocks > 0.0 { used / blocks } else { 0.0 });
                text.value(metrics::KV_CAPACITY, blocks * KvMemory::BLOCK_TOKENS as f64);
                let resident = resident.status();
                write_resident(text, resident, (resident.bytes, resident.budget));
                write_load(text, options.max_rows, &engine.load());
            }
            Self::Vllm(vllm) => {
                let status = vllm.status();
                text.value(metrics::RUNNING, status.running as f64);
                text.value(metrics::WAITING, 0.0);
                text.value(metrics::KV_USAGE, 0.0);
                text.value(metrics::KV_CAPACITY, 0.0);
                // The unit of its budget is an adapter.
                write_resident(text, status.loras, (0, 0));
                let none = LoadStatus { running: Vec::new(), waiting: Vec::new(), changed: SystemTime::UNIX_EPOCH };
                write_load(text, vllm.options().max_loras, &none);
            }
        }
    }
}

fn write_resident(text: &mut Exposition, status: ResidencyStatus, (bytes, capacity): (u64, u64)) {
    text.value(metrics::ADAPTERS_RESIDENT, status.resident as f64);
    text.value(metrics::ADAPTERS_BYTES, bytes as f64);
    text.value(metrics::ADAPTERS_CAPACITY, capacity as f64);
    text.value(metrics::ADAPTER_LOADS, status.loads as f64);
}

/// The gauge that the Gateway API inference extension asks of a model server. Each text of a batch may have an adapter of
/// its own, so that as many can run as texts.
fn write_load(text: &mut Exposition, max_lora: usize, load: &LoadStatus) {
    let changed = load.changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (max, running, waiting) = (max_lora.to_string(), load.running.join(","), load.waiting.join(","));
    let labels = [
        ("max_lora", max.as_str()),
        ("running_lora_adapters", running.as_str()),
        ("waiting_lora_adapters", waiting.as_str()),
    ];
    text.sample(metrics::LORA_INFO, &labels, changed.as_secs_f64());
}
