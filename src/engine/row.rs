//! What a running request has written, and when it ends.

use super::Error;
use super::handle::Job;
use super::load::Counted;
use super::request::{Applied, Event, FinishReason, Request, Sink, Timings, Token, Usage};
use super::written::{self, Written};
use crate::lm::Tokenizer;
use crate::noise::Noise;
use std::time::Instant;

/// The state of a request from its arrival on.
pub(super) struct Row {
    pub(super) request: Request,
    sink: Sink,
    noise: Noise,
    written: Written,
    queued_at: Instant,
    started_at: Option<Instant>,
    first_token_at: Option<Instant>,
    /// Says which adapter it has.
    counted: Option<Counted>,
}

/// Whether a row goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Continue(u32),
    Finished,
}

/// What a row needs of the model's world to go on.
#[derive(Clone, Copy)]
pub(super) struct Vocabulary<'a> {
    pub(super) tokenizer: &'a Tokenizer,
    /// Tokens that end an answer.
    pub(super) ends: &'a [u32],
}

/// What the engine says of a text that ends.
#[derive(Clone, Copy)]
pub(super) struct Ending {
    pub(super) cached_tokens: usize,
    pub(super) applied: Applied,
}

impl Row {
    pub(super) fn new(job: Job) -> Self {
        let Job { request, sink, queued_at, counted } = job;
        let noise = Noise::stream(request.seed, "sampling");
        let written = Written::new(request.stop.clone());
        Self { request, sink, noise, written, queued_at, started_at: None, first_token_at: None, counted }
    }

    /// Whether nobody waits for the answer any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.sink.is_closed()
    }

    /// Whether its time is over.
    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.request.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Notes that it runs.
    pub(super) fn start(&mut self, now: Instant) {
        self.started_at = Some(now);
        if let Some(counted) = &mut self.counted {
            counted.starts();
        }
    }

    /// Tells the caller that it cannot go on.
    pub(super) fn fail(&self, error: Error) {
        let _ = self.sink.send(Event::Failed(error));
    }

    /// Chooses the next token from its logits, sends what it adds, and says whether the row goes on. `text` is prompt and
    /// answer so far.
    pub(super) fn advance(
        &mut self,
        logits: &mut [f32],
        text: &[u32],
        vocabulary: Vocabulary<'_>,
        ending: Ending,
    ) -> Result<Next, Error> {
        let Vocabulary { tokenizer, ends } = vocabulary;
        let (prompt, _) = text.split_at(self.request.prompt.len());
        let before = self.request.logprobs.map(|_| logits.to_vec());
        let guided = |e: crate::lm::guide::GuideError| Error::Guide { reason: e.to_string() };
        if let Some(guide) = &mut self.request.guide {
            guide.mask(logits).map_err(guided)?;
        }
        let token = self.request.sampling.choose(logits, (text, prompt.len()), &mut self.noise);
        if let Some(guide) = &mut self.request.guide {
            guide.accept(token).map_err(guided)?;
        }
        let now = Instant::now();
        self.first_token_at.get_or_insert(now);
        let told = before.zip(self.request.logprobs).map(|(logits, top)| written::told(&logits, token, top, tokenizer));
        let ended = ends.contains(&token) && !self.request.ignore_end;
        let new = if ended { self.written.end(token) } else { self.written.push(token, tokenizer) };
        let full = self.written.tokens() >= self.request.max_tokens;
        let complete = self.request.guide.as_ref().is_some_and(crate::lm::guide::Guide::is_complete);
        let reason = match (ended || self.written.is_stopped() || complete, full) {
            (true, _) => FinishReason::Stop,
            (false, true) => FinishReason::Length,
            (false, false) => {
                self.send(new, told);
                return Ok(Next::Continue(token));
            }
        };
        let rest = self.written.rest(tokenizer);
        self.send(new + &rest, told);
        self.finish(reason, ending, now);
        Ok(Next::Finished)
    }

    fn send(&self, text: String, token: Option<Token>) {
        let _ = self.sink.send(Event::Text { text, token });
    }

    fn finish(&self, reason: FinishReason, ending: Ending, now: Instant) {
        let (prompt_tokens, completion_tokens) = (self.request.prompt.len(), self.written.tokens());
        let total_tokens = prompt_tokens + completion_tokens;
        let usage = Usage { prompt_tokens, completion_tokens, total_tokens, cached_tokens: ending.cached_tokens };
        let ms = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1e3;
        let started = self.started_at.unwrap_or(now);
        let first = self.first_token_at.unwrap_or(now);
        let timings =
            Timings { queue: ms(self.queued_at, started), prefill: ms(started, first), decode: ms(first, now) };
        let _ = self.sink.send(Event::Done { reason, usage, timings, applied: ending.applied });
    }
}
