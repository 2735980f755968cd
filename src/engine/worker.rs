//! The thread: receives, admits, steps, answers. All policy is in `schedule` and `lane`.

use super::Error;
use super::batch::{Batch, step_texts};
use super::blocks::PrefixContext;
use super::handle::{Job, MemoryStatus, Shared};
use super::lane::{AdapterKey, Wish};
use super::merging::BreakEven;
use super::request::{Applied, AppliedAdapter, Event, Merge, Request};
use super::row::{Ending, Next, Row, Vocabulary};
use super::schedule::{Arrival, Contexts, RowId, Schedule};
use crate::lm::{Model, Tokenizer};
use crate::telemetry::record::Histogram;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

pub(super) struct Worker {
    pub(super) batch: Batch,
    pub(super) schedule: Schedule,
    pub(super) rows: HashMap<RowId, Row>,
    pub(super) next_id: RowId,
    pub(super) tokenizer: Tokenizer,
    pub(super) ends: Vec<u32>,
    /// V
    pub(super) vocabulary: usize,
    /// What every cached key and value depends on: base and precision.
    pub(super) base_key: String,
    pub(super) jobs: Receiver<Job>,
    pub(super) shared: Arc<Shared>,
    pub(super) pool: Arc<rayon::ThreadPool>,
    /// Is told how many texts each step has.
    pub(super) step_rows: Histogram,
}

/// How long the idle thread sleeps before it looks whether it should stop.
const IDLE: Duration = Duration::from_millis(200);

impl Worker {
    /// Runs until the engine is dropped or stopped, and its last row has left.
    pub(super) fn run(mut self) {
        // The whole step runs inside the pool, so that its parts need not be handed over one by one.
        let pool = Arc::clone(&self.pool);
        loop {
            if !self.receive() && self.schedule.is_idle() {
                return self.refuse_late();
            }
            self.drop_gone();
            let now = Instant::now();
            let admitted = self.schedule.admit();
            self.shared.queued.fetch_sub(admitted.len(), Ordering::AcqRel);
            for id in admitted {
                if let Some(row) = self.rows.get_mut(&id) {
                    row.start(now);
                }
            }
            self.tell();
            // A fault in one step must not end all those to come.
            let stepped = catch_unwind(AssertUnwindSafe(|| pool.install(|| self.step())));
            if stepped.is_err() {
                tracing::error!("an engine step panicked");
                self.fail_running("it panicked; the log says where");
            }
            self.tell();
        }
    }

    /// Answers what came between the last look and the end.
    fn refuse_late(&self) {
        for job in self.jobs.try_iter() {
            let _ = job.sink.send(Event::Failed(Error::Stopping));
        }
    }

    /// Measures what merging costs here, before the first request.
    pub(super) fn measure_merging(&mut self, model: &Model) {
        let measured = self.pool.install(|| BreakEven::measure(model));
        match measured {
            Ok(measured) => {
                self.schedule.lanes.set_break_even(measured.tokens);
                *self.shared.break_even.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(measured);
            }
            Err(error) => tracing::warn!(%error, "merging was not measured: nothing is merged unasked"),
        }
    }

    /// Takes what has come; waits for it where there is nothing to do. False where nothing will come.
    fn receive(&mut self) -> bool {
        if self.schedule.is_idle() {
            match self.jobs.recv_timeout(IDLE) {
                Ok(job) => self.accept(job),
                Err(RecvTimeoutError::Timeout) => return !self.shared.stopping.load(Ordering::Acquire),
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        loop {
            match self.jobs.try_recv() {
                Ok(job) => self.accept(job),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn accept(&mut self, job: Job) {
        let id = self.next_id;
        self.next_id += 1;
        let request = &job.request;
        self.schedule.arrive(Arrival {
            id,
            prompt: request.prompt.clone(),
            max_tokens: request.max_tokens,
            wish: wish(request),
            contexts: request.cache_prompt.then(|| self.contexts(request)),
        });
        self.rows.insert(id, Row::new(job));
    }

    /// What a request's cached keys and values depend on.
    fn contexts(&self, request: &Request) -> Contexts {
        let (adapter, scale) =
            request.adapter.as_ref().map_or(("", 0.0), |applied| (applied.id.as_str(), applied.scale));
        let scale = scale.to_bits().to_le_bytes();
        let turning = self.batch.turning(request.prompt.len() + request.max_tokens);
        let (base, owner) = (self.base_key.as_bytes(), request.owner.as_bytes());
        let of = |how: &[u8]| PrefixContext::new(&[base, adapter.as_bytes(), &scale, how, owner, turning.as_bytes()]);
        Contexts { mixed: of(b"unmerged"), merged: of(b"merged") }
    }

    /// Frees the rows that nobody waits for, and those whose time is over.
    fn drop_gone(&mut self) {
        let now = Instant::now();
        let mut gone = HashSet::new();
        for (id, row) in &self.rows {
            if row.is_abandoned() {
                gone.insert(*id);
            } else if row.is_expired(now) {
                row.fail(Error::Expired);
                gone.insert(*id);
            }
        }
        self.leave(&gone);
    }

    fn leave(&mut self, gone: &HashSet<RowId>) {
        if !gone.is_empty() {
            let waited = self.schedule.leave(|id| gone.contains(&id));
            self.shared.queued.fetch_sub(waited, Ordering::AcqRel);
            self.rows.retain(|id, _| !gone.contains(id));
        }
    }

    fn tell(&self) {
        let running = self.schedule.running().len();
        self.shared.running.store(running, Ordering::Relaxed);
        *self.shared.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            MemoryStatus::of(self.schedule.memory());
    }

    /// One step of the batch.
    fn step(&mut self) {
        if !self.enter_lane() {
            return;
        }
        let shares = self.schedule.plan();
        if shares.is_empty() {
            return;
        }
        let adapter_of = |text: &super::schedule::Text| {
            let applied = self.rows.get(&text.id)?.request.adapter.as_ref()?;
            Some((&applied.adapter, applied.scale))
        };
        self.step_rows.record(shares.len() as f64);
        let texts = step_texts(&shares, self.schedule.running(), adapter_of);
        let logits = self.batch.forward(&texts);
        drop(texts);
        match logits {
            Ok(logits) => {
                self.schedule.ran(&shares);
                let finished = self.advance(&shares.iter().map(|share| share.text).collect::<Vec<_>>(), logits);
                self.leave(&finished);
            }
            Err(error) => {
                tracing::error!(%error, "an engine step failed");
                self.fail_running(&error.to_string());
            }
        }
    }

    /// Makes the weights of the lane; where they cannot be made, rows that must be merged fail and others go on unmerged.
    fn enter_lane(&mut self) -> bool {
        let lane = self.schedule.lanes.current().clone();
        let adapter = self.schedule.running().iter().find_map(|text| self.rows.get(&text.id)?.request.adapter.as_ref());
        if self.schedule.running().is_empty() {
            return false;
        }
        let Err(error) = self.batch.enter(&lane, adapter.map(|applied: &AppliedAdapter| &applied.adapter)) else {
            return true;
        };
        tracing::warn!(%error, "an adapter was not merged");
        self.schedule.lanes.give_up();
        let must = |row: &Row| row.request.merge == Merge::Always;
        let failed = self.schedule.running().iter().map(|text| text.id);
        let failed = failed.filter(|id| self.rows.get(id).is_some_and(must)).collect();
        self.fail(&failed, &error);
        false
    }

    fn fail_running(&mut self, reason: &str) {
        let failed = self.schedule.running().iter().map(|text| text.id).collect();
        self.fail(&failed, &Error::Step { reason: reason.to_owned() });
    }

    fn fail(&mut self, failed: &HashSet<RowId>, error: &Error) {
        failed.iter().filter_map(|id| self.rows.get(id)).for_each(|row| row.fail(error.clone()));
        self.leave(failed);
    }

    /// Gives each text that has read all its tokens its next one; tells which ended. Texts are independent of each other here, so
    /// the threads share them: forms of answers and log-probabilities take their time.
    fn advance(&mut self, texts: &[usize], mut logits: Vec<f32>) -> HashSet<RowId> {
        let mut logits = logits.chunks_mut(self.vocabulary);
        let running = self.schedule.running();
        let whole = texts.iter().filter(|at| running[**at].filled == running[**at].tokens.len());
        let mut chosen: HashMap<RowId, (usize, &mut [f32])> =
            whole.filter_map(|at| Some((running[*at].id, (*at, logits.next()?)))).collect();
        let rows = self.rows.iter_mut().filter_map(|(id, row)| Some((chosen.remove(id)?, row)));
        let vocabulary = Vocabulary { tokenizer: &self.tokenizer, ends: &self.ends };
        let advanced: Vec<(usize, Next)> = rows
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|((at, logits), row)| {
                let text = &running[at];
                let applied = match (&row.request.adapter, text.always_merged) {
                    (None, _) => Applied::None,
                    (Some(_), true) => Applied::Merged,
                    (Some(_), false) => Applied::Unmerged,
                };
                let ending = Ending { cached_tokens: text.cached(), applied };
                let next = row.advance(logits, &text.tokens, vocabulary, ending);
                (
                    at,
                    next.unwrap_or_else(|error| {
                        row.fail(error);
                        Next::Finished
                    }),
                )
            })
            .collect();
        let mut finished = HashSet::new();
        for (at, next) in advanced {
            match next {
                Next::Continue(token) => self.schedule.wrote(at, token),
                Next::Finished => {
                    finished.insert(self.schedule.running()[at].id);
                }
            }
        }
        finished
    }
}

/// Which lanes a request can run in.
fn wish(request: &Request) -> Wish {
    match (&request.adapter, request.merge) {
        (None, _) | (Some(_), Merge::Never) => Wish::Mixed,
        (Some(applied), Merge::Auto) => Wish::Either(AdapterKey::new(&applied.id, applied.scale)),
        (Some(applied), Merge::Always) => Wish::Merged(AdapterKey::new(&applied.id, applied.scale)),
    }
}
