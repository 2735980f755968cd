//! The engine as its callers hold it.

use super::Error;
use super::batch::Batch;
use super::blocks::BlocksStatus;
use super::load::{Counted, Load, LoadStatus};
use super::merging::BreakEven;
use super::request::{Event, Merge, Request, Sink};
use super::schedule::{Bounds, Kept, Schedule};
use super::worker::Worker;
use crate::lm::{KvMemory, Model, Tokenizer};
use crate::telemetry::record;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The engine's bounds.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Requests that may wait.
    pub queue: usize,
    /// Texts that run at once.
    pub max_rows: usize,
    /// Tokens that one step reads: prompts are read so much at a time beside the texts that write.
    pub step_tokens: usize,
    /// Bytes for keys and values.
    pub kv_bytes: u64,
    /// Bytes for the weights of a merged adapter; 0 merges none.
    pub merge_bytes: u64,
    /// Threads of a step; 0 takes all cores.
    pub threads: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { queue: 256, max_rows: 32, step_tokens: 128, kv_bytes: 64 << 20, merge_bytes: 64 << 20, threads: 0 }
    }
}

/// What the engine runs on.
#[derive(Clone, Debug)]
pub struct EngineModel {
    /// The base.
    pub model: Model,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The tokens that end an answer.
    pub ends: Vec<u32>,
    /// Names base and precision: cached keys and values of another are not used.
    pub key: String,
}

/// What the engine is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EngineStatus {
    /// Requests that wait.
    pub queued: usize,
    /// Texts that run.
    pub running: usize,
    /// The memory of keys and values.
    pub memory: MemoryStatus,
    /// What merging costs and saves; none while it is not measured, or where nothing can be merged.
    pub break_even: Option<BreakEven>,
}

/// The memory of keys and values, in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStatus {
    /// All of them.
    pub blocks: usize,
    /// Held by texts that run.
    pub used: usize,
    /// Kept for prompts that begin alike.
    pub cached: usize,
}

/// A handle to the thread; it stops, after its last row, when the last handle is dropped or at [`Self::stop`].
#[derive(Clone, Debug)]
pub struct Engine {
    jobs: Sender<Job>,
    shared: Arc<Shared>,
    context: usize,
    kv_tokens: usize,
    /// Why nothing can be merged.
    unmergeable: Option<&'static str>,
    options: EngineOptions,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) sink: Sink,
    pub(super) queued_at: Instant,
    pub(super) counted: Option<Counted>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) queued: AtomicUsize,
    pub(super) running: AtomicUsize,
    pub(super) stopping: AtomicBool,
    pub(super) memory: Mutex<MemoryStatus>,
    pub(super) break_even: Mutex<Option<BreakEven>>,
    pub(super) load: Arc<Load>,
}

impl Engine {
    /// Starts the thread over a base.
    ///
    /// # Errors
    /// Where the system gives no thread, or the device no memory for keys and values.
    pub fn start(on: EngineModel, options: EngineOptions) -> Result<Self, std::io::Error> {
        let EngineModel { model, tokenizer, ends, key } = on;
        let (config, dtype, device) = (model.config().clone(), model.dtype(), model.device().clone());
        // Places of keys are 32-bit numbers.
        let most = u64::from(u32::MAX) / (config.kv_heads * KvMemory::BLOCK_TOKENS) as u64;
        let blocks = (options.kv_bytes / KvMemory::block_bytes(&config, dtype, &device)).clamp(1, most) as usize;
        let memory = KvMemory::new(&config, blocks, dtype, &device).map_err(std::io::Error::other)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.threads)
            .thread_name(|index| format!("engine-{index}"))
            .build()
            .map_err(std::io::Error::other)?;
        let unmergeable = unmergeable(&model, options.merge_bytes);
        let kept = if model.reads_as_it_writes() { Kept::Texts } else { Kept::Prompts };
        let bounds = Bounds { rows: options.max_rows, step_tokens: options.step_tokens, kept };
        let (jobs, received) = std::sync::mpsc::channel();
        let shared = Arc::new(Shared::default());
        let mut worker = Worker {
            batch: Batch::new(model.clone(), memory, options.merge_bytes),
            schedule: Schedule::new(bounds, blocks),
            rows: HashMap::new(),
            next_id: 0,
            tokenizer,
            ends,
            vocabulary: config.vocab_size,
            base_key: key,
            jobs: received,
            shared: Arc::clone(&shared),
            pool: Arc::new(pool),
            step_rows: record::step_rows(),
        };
        let measures = unmergeable.is_none();
        std::thread::Builder::new().name("engine".into()).spawn(move || {
            if measures {
                worker.measure_merging(&model);
            }
            drop(model);
            let _ended = Ended(Arc::clone(&worker.shared));
            worker.run();
        })?;
        let kv_tokens = blocks * KvMemory::BLOCK_TOKENS;
        Ok(Self { jobs, shared, context: config.context, kv_tokens, unmergeable, options })
    }

    /// Puts a request in the queue. Dropping the receiver frees its row at the next step.
    ///
    /// # Errors
    /// [`Error::QueueFull`], [`Error::TooLong`], [`Error::KvCapacity`], [`Error::EmptyPrompt`], [`Error::Unmergeable`],
    /// [`Error::Stopping`]; nothing waits then.
    pub fn submit(&self, request: Request) -> Result<UnboundedReceiver<Event>, Error> {
        self.check(&request)?;
        let limit = self.options.queue;
        let reserve = |queued: usize| (queued < limit).then_some(queued + 1);
        if self.shared.queued.fetch_update(Ordering::AcqRel, Ordering::Acquire, reserve).is_err() {
            return Err(Error::QueueFull { limit });
        }
        let (sink, events) = unbounded_channel();
        let counted = request.adapter.as_ref().map(|applied| self.shared.load.arrives(&applied.called));
        let job = Job { request, sink, queued_at: Instant::now(), counted };
        self.jobs.send(job).map_err(|_| {
            self.shared.queued.fetch_sub(1, Ordering::AcqRel);
            Error::Stopping
        })?;
        Ok(events)
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        let (prompt_tokens, max_tokens) = (request.prompt.len(), request.max_tokens);
        let tokens = prompt_tokens.saturating_add(max_tokens);
        if prompt_tokens == 0 {
            return Err(Error::EmptyPrompt);
        }
        if tokens > self.context {
            return Err(Error::TooLong { prompt_tokens, max_tokens, context: self.context });
        }
        if tokens > self.kv_tokens {
            return Err(Error::KvCapacity { tokens, capacity: self.kv_tokens });
        }
        if let (Merge::Always, Some(_), Some(reason)) = (request.merge, &request.adapter, self.unmergeable) {
            return Err(Error::Unmergeable { reason: reason.to_owned() });
        }
        if self.is_stopping() { Err(Error::Stopping) } else { Ok(()) }
    }

    /// Takes no more requests; those that were accepted are finished.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
    }

    /// Whether [`Self::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Acquire)
    }

    /// What it is doing.
    pub fn status(&self) -> EngineStatus {
        let read = |n: &AtomicUsize| n.load(Ordering::Relaxed);
        EngineStatus {
            queued: read(&self.shared.queued),
            running: read(&self.shared.running),
            memory: *self.shared.memory.lock().unwrap_or_else(PoisonError::into_inner),
            break_even: *self.shared.break_even.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// The adapters that requests run with and wait for.
    pub fn load(&self) -> LoadStatus {
        self.shared.load.status()
    }

    /// Its bounds.
    pub fn options(&self) -> EngineOptions {
        self.options
    }

    /// Tokens that prompt and answer may have together.
    pub fn context(&self) -> usize {
        self.context.min(self.kv_tokens)
    }

    /// Why no adapter can be merged; none where one can be.
    pub fn unmergeable(&self) -> Option<&'static str> {
        self.unmergeable
    }
}

impl MemoryStatus {
    pub(super) fn of(blocks: BlocksStatus) -> Self {
        Self { blocks: blocks.total, used: blocks.used, cached: blocks.cached }
    }
}

/// Says that the thread has ended, however it did: readiness tells it, and nobody waits for an answer.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.stopping.store(true, Ordering::Release);
    }
}

fn unmergeable(model: &Model, budget: u64) -> Option<&'static str> {
    if model.is_quantised() {
        return Some("the base's weights are quantised, and a merged adapter would be rounded away; leave merge out");
    }
    (budget == 0).then_some("the server was started with --merge-mib 0")
}
