//! The engine as its callers hold it.

use super::Error;
use super::request::{Event, Request, Sink};
use super::worker::Worker;
use crate::lm::{Model, Tokenizer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// The engine's bounds.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Requests that may wait.
    pub queue: usize,
    /// Rows of a batch.
    pub max_rows: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { queue: 256, max_rows: 32 }
    }
}

/// What the engine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineStatus {
    /// Requests that wait.
    pub queued: usize,
    /// Rows that run.
    pub running: usize,
}

/// A handle to the thread; it stops, after its last row, when the last handle is dropped or at [`Self::stop`].
#[derive(Clone, Debug)]
pub struct Engine {
    jobs: Sender<Job>,
    shared: Arc<Shared>,
    context: usize,
    options: EngineOptions,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) sink: Sink,
    pub(super) queued_at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) queued: AtomicUsize,
    pub(super) running: AtomicUsize,
    pub(super) stopping: AtomicBool,
}

impl Engine {
    /// Starts the thread over a base. `ends` are the tokens that end an answer.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        model: Model,
        tokenizer: Tokenizer,
        ends: Vec<u32>,
        options: EngineOptions,
    ) -> Result<Self, std::io::Error> {
        let (jobs, received) = std::sync::mpsc::channel();
        let shared = Arc::new(Shared::default());
        let context = model.config().context;
        let worker = Worker { model, tokenizer, ends, jobs: received, shared: Arc::clone(&shared) };
        std::thread::Builder::new().name("engine".into()).spawn(move || worker.run(options.max_rows))?;
        Ok(Self { jobs, shared, context, options })
    }

    /// Puts a request in the queue. Dropping the receiver frees its row at the next step.
    ///
    /// # Errors
    /// [`Error::QueueFull`], [`Error::TooLong`], [`Error::EmptyPrompt`], [`Error::Stopping`]; nothing waits then.
    pub fn submit(&self, request: Request) -> Result<UnboundedReceiver<Event>, Error> {
        let (prompt_tokens, max_tokens) = (request.prompt.len(), request.max_tokens);
        if prompt_tokens == 0 {
            return Err(Error::EmptyPrompt);
        }
        if prompt_tokens.saturating_add(max_tokens) > self.context {
            return Err(Error::TooLong { prompt_tokens, max_tokens, context: self.context });
        }
        if self.is_stopping() {
            return Err(Error::Stopping);
        }
        let limit = self.options.queue;
        let reserve = |queued: usize| (queued < limit).then_some(queued + 1);
        if self.shared.queued.fetch_update(Ordering::AcqRel, Ordering::Acquire, reserve).is_err() {
            return Err(Error::QueueFull { limit });
        }
        let (sink, events) = unbounded_channel();
        let job = Job { request, sink, queued_at: Instant::now() };
        self.jobs.send(job).map_err(|_| Error::Stopping)?;
        Ok(events)
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
        EngineStatus { queued: read(&self.shared.queued), running: read(&self.shared.running) }
    }

    /// Its bounds.
    pub fn options(&self) -> EngineOptions {
        self.options
    }

    /// Tokens that prompt and answer may have together.
    pub fn context(&self) -> usize {
        self.context
    }
}
