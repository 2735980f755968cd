//! What is told of a completion: a span with the engine's steps in it, metrics, and a line in the log.

use crate::engine::{FinishReason, Timings, Usage};
use crate::telemetry::record::{self, Answered};
use crate::telemetry::trace::Steps;
use std::time::{Instant, SystemTime};
use tracing::Span;
use tracing::field::Empty;

/// A completion that the engine is asked for. One that is dropped before its end was given up by its caller.
pub(super) struct Told {
    span: Span,
    /// How long its request had taken before.
    before: f64,
    asked_at: SystemTime,
    ended: bool,
}

impl Told {
    /// The engine is about to be asked, for a request that came then.
    pub(super) fn begin(adapter: Option<&str>, arrived: Instant) -> Self {
        let span = tracing::info_span!("completion", adapter, finish_reason = Empty);
        Self { span, before: arrived.elapsed().as_secs_f64(), asked_at: SystemTime::now(), ended: false }
    }

    /// It was answered.
    pub(super) fn done(&mut self, reason: FinishReason, usage: &Usage, timings: &Timings) {
        let &Timings { queue, prefill, decode } = timings;
        let &Usage { prompt_tokens, completion_tokens, cached_tokens, .. } = usage;
        let word = match reason {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
        };
        self.end(word);
        record::answered(&Answered {
            queue: queue / 1e3,
            prefill: prefill / 1e3,
            decode: decode / 1e3,
            first_token: self.before + (queue + prefill) / 1e3,
            prompt_tokens,
            cached_tokens,
            completion_tokens,
        });
        // The engine's thread keeps no spans: it tells when it has done.
        Steps::of(&self.span, self.asked_at)
            .then("engine.queue", queue, &[])
            .then("engine.prefill", prefill, &[("prompt_tokens", prompt_tokens), ("cached_tokens", cached_tokens)])
            .then("engine.decode", decode, &[("completion_tokens", completion_tokens)])
            .end();
        self.span.in_scope(|| {
            tracing::info!(
                queue_ms = queue,
                prefill_ms = prefill,
                decode_ms = decode,
                prompt_tokens,
                cached_tokens,
                completion_tokens,
                "completed"
            );
        });
    }

    /// It cannot be answered.
    pub(super) fn failed(&mut self) {
        self.end("failed");
    }

    fn end(&mut self, word: &'static str) {
        if !std::mem::replace(&mut self.ended, true) {
            self.span.record("finish_reason", word);
            record::completion(word);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.end("cancelled");
    }
}
