//! Counting where things happen: once a request, once a job, once a step. Where nothing is installed these do nothing.

use super::metrics::*;
use metrics::{counter, gauge, histogram};

pub use metrics::Histogram;

/// What became of a request for an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdapterOutcome {
    /// It was made.
    Created,
    /// The caller had it already.
    Cached,
    /// There is none.
    Failed,
}

/// Why a request was refused with 429.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The caller's quota of requests.
    Requests,
    /// The caller's quota of adapters.
    Adapters,
    /// The caller's quota of training.
    Training,
    /// A queue is full.
    Queue,
}

/// Seconds of making an adapter; none of what was not done.
#[derive(Clone, Copy, Debug, Default)]
pub struct AdapterTimes {
    /// Reading the description.
    pub encode: f64,
    /// Writing the weights.
    pub generate: f64,
    /// Trying them.
    pub confidence: Option<f64>,
    /// Refining them.
    pub refine: Option<f64>,
}

/// A completion that was answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answered {
    /// Seconds in the queue.
    pub queue: f64,
    /// Seconds from the queue to the first token.
    pub prefill: f64,
    /// Seconds from the first token to the last.
    pub decode: f64,
    /// Seconds from the arrival to the first token.
    pub first_token: f64,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them that were cached.
    pub cached_tokens: usize,
    /// Tokens of the answer.
    pub completion_tokens: usize,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
pub struct InFlight(());

impl InFlight {
    /// It begins.
    #[must_use]
    pub fn begin() -> Self {
        gauge!(HTTP_IN_FLIGHT.name).increment(1.0);
        Self(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!(HTTP_IN_FLIGHT.name).decrement(1.0);
    }
}

/// A request was answered. `route` is a template.
pub fn http_request(method: &'static str, route: &str, status: u16, seconds: f64) {
    let (status, route) = (status.to_string(), route.to_owned());
    counter!(HTTP_REQUESTS.name, "method" => method, "route" => route.clone(), "status" => status).increment(1);
    histogram!(HTTP_DURATION.name, "method" => method, "route" => route).record(seconds);
}

/// An adapter was asked for.
pub fn adapter_request(outcome: AdapterOutcome) {
    counter!(ADAPTER_REQUESTS.name, "outcome" => outcome.word()).increment(1);
}

/// An adapter was made.
pub fn adapter_made(times: AdapterTimes) {
    histogram!(ADAPTER_ENCODE.name).record(times.encode);
    histogram!(ADAPTER_GENERATE.name).record(times.generate);
    if let Some(confidence) = times.confidence {
        histogram!(ADAPTER_CONFIDENCE.name).record(confidence);
    }
    if let Some(refine) = times.refine {
        histogram!(ADAPTER_REFINE.name).record(refine);
    }
}

/// A completion ended: `stop`, `length`, `failed` or `cancelled`.
pub fn completion(finish_reason: &'static str) {
    counter!(COMPLETIONS.name, "finish_reason" => finish_reason).increment(1);
}

/// A completion was answered.
pub fn answered(answered: &Answered) {
    histogram!(REQUEST_QUEUE.name).record(answered.queue);
    histogram!(REQUEST_PREFILL.name).record(answered.prefill);
    histogram!(REQUEST_DECODE.name).record(answered.decode);
    histogram!(FIRST_TOKEN.name).record(answered.first_token);
    counter!(PROMPT_TOKENS.name).increment(answered.prompt_tokens as u64);
    counter!(PROMPT_TOKENS_CACHED.name).increment(answered.cached_tokens as u64);
    counter!(GENERATION_TOKENS.name).increment(answered.completion_tokens as u64);
}

/// What an engine tells the texts of each of its steps. It is asked for once, when the engine starts.
pub fn step_rows() -> Histogram {
    histogram!(STEP_ROWS.name)
}

/// A job was taken up.
pub fn job_attempt(kind: &str) {
    counter!(JOB_ATTEMPTS.name, "kind" => kind.to_owned()).increment(1);
}

/// A job ended here.
pub fn job_ended(kind: &str, outcome: &'static str, seconds: f64) {
    histogram!(JOB_DURATION.name, "kind" => kind.to_owned(), "outcome" => outcome).record(seconds);
}

/// A request was refused with 429.
pub fn rate_limited(limit: Limit) {
    counter!(RATE_LIMITED.name, "reason" => limit.word()).increment(1);
}

/// A request was refused with 401 or 403. `reason` is one of a few words.
pub fn auth_failure(reason: &'static str) {
    counter!(AUTH_FAILURES.name, "reason" => reason).increment(1);
}

impl AdapterOutcome {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Cached => "cached",
            Self::Failed => "failed",
        }
    }
}

impl Limit {
    fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Adapters => "adapters",
            Self::Training => "training",
            Self::Queue => "queue",
        }
    }
}

/// Makes what has not happened yet a 0: a rate needs a value to begin with.
pub(super) fn touch() {
    gauge!(HTTP_IN_FLIGHT.name).set(0.0);
    for metric in [PROMPT_TOKENS, PROMPT_TOKENS_CACHED, GENERATION_TOKENS] {
        counter!(metric.name).increment(0);
    }
    for metric in [ADAPTER_ENCODE, ADAPTER_GENERATE, ADAPTER_CONFIDENCE, ADAPTER_REFINE] {
        let _ = histogram!(metric.name);
    }
    for metric in [REQUEST_QUEUE, REQUEST_PREFILL, REQUEST_DECODE, FIRST_TOKEN, STEP_ROWS] {
        let _ = histogram!(metric.name);
    }
    for outcome in [AdapterOutcome::Created, AdapterOutcome::Cached, AdapterOutcome::Failed] {
        counter!(ADAPTER_REQUESTS.name, "outcome" => outcome.word()).increment(0);
    }
    for reason in ["stop", "length", "failed", "cancelled"] {
        counter!(COMPLETIONS.name, "finish_reason" => reason).increment(0);
    }
    for limit in [Limit::Requests, Limit::Adapters, Limit::Training, Limit::Queue] {
        counter!(RATE_LIMITED.name, "reason" => limit.word()).increment(0);
    }
    for reason in ["missing", "invalid", "scope"] {
        counter!(AUTH_FAILURES.name, "reason" => reason).increment(0);
    }
    for kind in ["adapter", "generator"] {
        counter!(JOB_ATTEMPTS.name, "kind" => kind).increment(0);
        for outcome in ["succeeded", "failed", "cancelled"] {
            let _ = histogram!(JOB_DURATION.name, "kind" => kind, "outcome" => outcome);
        }
    }
    // The families of requests that have none yet.
    let labels = [("method", "GET"), ("route", "/metrics")];
    counter!(HTTP_REQUESTS.name, &[labels[0], labels[1], ("status", "200")]).increment(0);
    let _ = histogram!(HTTP_DURATION.name, &labels);
}
