//! The thread: admits, steps, answers. All policy is in `schedule` and `row`.

use super::Error;
use super::handle::{Job, Shared};
use super::request::{Applied, Merge};
use super::row::{Next, Row};
use super::schedule::{Lane, Waiting};
use crate::lm::{KvCache, Model, RowAdapters, Tokenizer};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

pub(super) struct Worker {
    pub(super) model: Model,
    pub(super) tokenizer: Tokenizer,
    pub(super) ends: Vec<u32>,
    pub(super) jobs: Receiver<Job>,
    pub(super) shared: Arc<Shared>,
}

/// The running batch of one lane.
struct Batch {
    lane: Lane,
    /// The base, or the base with the lane's adapter in it.
    model: Model,
    rows: Vec<Row>,
    cache: KvCache,
    /// Built anew only when rows come or go.
    adapters: Option<RowAdapters>,
}

/// How long the idle thread sleeps before it looks whether it should stop.
const IDLE: Duration = Duration::from_millis(200);

impl Worker {
    /// Runs until the engine is dropped or stopped, and its last row has left.
    pub(super) fn run(self, max_rows: usize) {
        let mut waiting = Waiting::new(max_rows);
        let mut batch: Option<Batch> = None;
        loop {
            let idle = batch.is_none() && waiting.len() == 0;
            if !self.receive(&mut waiting, idle) && idle {
                return;
            }
            let (lane, running) = batch.as_ref().map_or((None, 0), |b| (Some(&b.lane), b.rows.len()));
            for (lane, job) in waiting.admit(lane, running) {
                self.join(&mut batch, lane, job);
            }
            if let Some(running) = &mut batch {
                self.step(running);
                if running.rows.is_empty() {
                    batch = None;
                }
            }
            let rows = batch.as_ref().map_or(0, |b| b.rows.len());
            self.shared.running.store(rows, Ordering::Relaxed);
        }
    }

    /// Takes what has come; waits for it where there is nothing to do. False where nothing will come.
    fn receive(&self, waiting: &mut Waiting<Job>, idle: bool) -> bool {
        if idle {
            match self.jobs.recv_timeout(IDLE) {
                Ok(job) => waiting.push(lane(&job), job),
                Err(RecvTimeoutError::Timeout) => return !self.shared.stopping.load(Ordering::Acquire),
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        loop {
            match self.jobs.try_recv() {
                Ok(job) => waiting.push(lane(&job), job),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn join(&self, batch: &mut Option<Batch>, lane: Lane, job: Job) {
        self.shared.queued.fetch_sub(1, Ordering::AcqRel);
        let applied = match (&job.request.adapter, &lane) {
            (None, _) => Applied::None,
            (Some(_), Lane::Mixed) => Applied::Unmerged,
            (Some(_), Lane::Merged { .. }) => Applied::Merged,
        };
        let row = Row::new(job.request, job.sink, job.queued_at, applied);
        if row.is_abandoned() {
            return;
        }
        let running = match batch {
            Some(running) => running,
            None => match self.open(lane, &row) {
                Ok(opened) => batch.insert(opened),
                Err(error) => return row.fail(error),
            },
        };
        running.cache.push_row(row.request.prompt.len() + row.request.max_tokens);
        running.rows.push(row);
        running.adapters = None;
    }

    fn open(&self, lane: Lane, row: &Row) -> Result<Batch, Error> {
        let model = match (&lane, &row.request.adapter) {
            (Lane::Merged { scale, .. }, Some(applied)) => {
                self.model.merged(&applied.adapter, *scale).map_err(|e| Error::Step { reason: e.to_string() })?
            }
            _ => self.model.clone(),
        };
        let cache = KvCache::new(model.config(), 0, model.device());
        Ok(Batch { lane, model, rows: Vec::new(), cache, adapters: None })
    }

    /// One step of the batch: new rows read their prompts alone, a part a step, so that running ones are not padded
    /// to a prompt's length; the others read one token each, together.
    fn step(&self, batch: &mut Batch) {
        batch.leave(|row| row.is_abandoned());
        let reading = batch.rows.iter().position(Row::is_reading);
        let chosen: Vec<usize> = match reading {
            Some(row) => vec![row],
            None => (0..batch.rows.len()).collect(),
        };
        match batch.forward(&chosen) {
            Ok(logits) => {
                if let Some(row) = reading {
                    batch.rows[row].has_read();
                    if batch.rows[row].is_reading() {
                        return;
                    }
                }
                let mut finished = vec![false; batch.rows.len()];
                for (row, logits) in chosen.into_iter().zip(logits) {
                    finished[row] = batch.rows[row].advance(&logits, &self.tokenizer, &self.ends) == Next::Finished;
                }
                let mut finished = finished.into_iter();
                batch.leave(|_| finished.next().unwrap_or(false));
            }
            Err(error) => {
                tracing::error!(%error, "an engine step failed");
                batch.rows.iter().for_each(|row| row.fail(Error::Step { reason: error.to_string() }));
                batch.leave(|_| true);
            }
        }
    }
}

impl Batch {
    /// Frees the rows for which `gone` holds.
    fn leave(&mut self, mut gone: impl FnMut(&Row) -> bool) {
        let stays: Vec<bool> = self.rows.iter().map(|row| !gone(row)).collect();
        if stays.iter().all(|stays| *stays) {
            return;
        }
        let kept: Vec<usize> = (0..stays.len()).filter(|row| stays[*row]).collect();
        self.cache.retain(&kept);
        let mut stays = stays.into_iter();
        self.rows.retain(|_| stays.next().unwrap_or(false));
        self.adapters = None;
    }

    /// The logits of the next token of the chosen rows.
    fn forward(&mut self, chosen: &[usize]) -> Result<Vec<Vec<f32>>, crate::lm::Error> {
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let tokens: Vec<Vec<u32>> = chosen.iter().map(|row| self.rows[*row].input()).collect();
        let whole = chosen.len() == self.rows.len();
        let hidden = if whole {
            let adapters = match self.adapters.take() {
                Some(adapters) => adapters,
                None => self.adapters_of(chosen)?,
            };
            let hidden = self.model.step(&tokens, &mut self.cache, &adapters);
            self.adapters = Some(adapters);
            hidden?
        } else {
            let adapters = self.adapters_of(chosen)?;
            let mut part = self.cache.take_rows(chosen);
            let hidden = self.model.step(&tokens, &mut part, &adapters);
            self.cache.put_rows(chosen, part);
            hidden?
        };
        Ok(self.model.logits(&hidden)?.to_dtype(candle_core::DType::F32)?.to_vec2()?)
    }

    fn adapters_of(&self, chosen: &[usize]) -> Result<RowAdapters, crate::lm::Error> {
        if self.lane != Lane::Mixed {
            return Ok(RowAdapters::none());
        }
        let row = |index: &usize| self.rows[*index].request.adapter.as_ref().map(|a| (&*a.adapter, a.scale));
        let rows: Vec<_> = chosen.iter().map(row).collect();
        Ok(RowAdapters::of_rows(&rows, self.model.dtype())?)
    }
}

fn lane(job: &Job) -> Lane {
    match (&job.request.adapter, job.request.merge) {
        (Some(applied), Merge::Always) => Lane::Merged { adapter: applied.id.clone(), scale: applied.scale },
        _ => Lane::Mixed,
    }
}
