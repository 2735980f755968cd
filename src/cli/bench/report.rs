//! What was measured, as one JSON document.

use super::adapters::Making;
use super::measure::Recorder;
use super::options::{BenchArgs, RunKind};
use serde_json::{Value, json};

/// A whole load test.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) args: BenchArgs,
    /// The server's address, and its own description of itself.
    pub(super) url: String,
    pub(super) info: Value,
    /// The fields that every request had.
    pub(super) request: Value,
    pub(super) adapters: Option<Making>,
    pub(super) runs: Vec<Measured>,
    pub(super) interrupted: bool,
}

/// One run.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) kind: RunKind,
    pub(super) result: Outcome,
    pub(super) notes: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// From its first request to the end of its last.
    Done { recorder: Box<Recorder>, wall_s: f64 },
    /// The server does not do this; why.
    Skipped { reason: String },
}

impl Measured {
    /// What was measured, with the seconds that it took.
    pub(super) fn figures(&self) -> Option<(&Recorder, f64)> {
        match &self.result {
            Outcome::Done { recorder, wall_s } => Some((recorder, *wall_s)),
            Outcome::Skipped { .. } => None,
        }
    }

    fn json(&self) -> Value {
        let mut run = json!({"run": self.kind.to_string(), "mode": self.kind.mode, "adapters": self.kind.adapters});
        let more = match &self.result {
            Outcome::Skipped { reason } => json!({"skipped": reason}),
            Outcome::Done { recorder, wall_s } => figures(recorder, *wall_s),
        };
        if let (Value::Object(run), Value::Object(more)) = (&mut run, more) {
            run.extend(more);
        }
        run["notes"] = json!(self.notes);
        run
    }
}

/// Times are milliseconds; rates count completed requests alone.
fn figures(recorder: &Recorder, wall_s: f64) -> Value {
    json!({
        "wall_s": wall_s,
        "requests": {
            "ended": recorder.ended(), "completed": recorder.completed, "busy": recorder.busy.count,
            "failed": recorder.failed(),
        },
        "tokens_per_s": rate(recorder.completion_tokens, wall_s),
        "requests_per_s": rate(recorder.completed, wall_s),
        "prompt_tokens_mean": recorder.mean(recorder.prompt_tokens),
        "completion_tokens_mean": recorder.mean(recorder.completion_tokens),
        "completion_tokens": recorder.completion_tokens,
        "time_to_first_token_ms": recorder.first_token.summary(),
        "between_tokens_ms": recorder.between_tokens.summary(),
        "end_to_end_ms": recorder.end_to_end.summary(),
        "server_mean_ms": recorder.server_ms(),
        "applied": recorder.applied,
        "busy": recorder.busy,
        "failures": recorder.failures,
    })
}

/// So many a second; 0 where no time went by.
pub(super) fn rate(count: u64, wall_s: f64) -> f64 {
    if wall_s > 0.0 { count as f64 / wall_s } else { 0.0 }
}

impl Report {
    pub(super) fn json(&self) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "options": self.args,
            "server": {"url": self.url, "info": self.info},
            "request": self.request,
            "adapters": self.adapters,
            "runs": self.runs.iter().map(Measured::json).collect::<Vec<_>>(),
            "interrupted": self.interrupted,
        })
    }
}
