//! Every metric that `GET /metrics` tells, and the recorder behind the counters and histograms.
//!
//! Names, kinds and labels are an interface: dashboards and alerts are built on them. A label's values are few and known
//! beforehand (routes by their templates, never paths; never ids), but for `attune_lora_requests_info`, whose form others
//! have laid down and of which there is one sample at a time.

use super::record;
use metrics::Unit;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name; a unit is part of it.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it tells.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It only grows, from the process's start on.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often a value was at most each of these.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The word of the exposition format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// Seconds of what takes milliseconds: an adapter is generated in 2 to 30 of them on a CPU.
const BRIEF: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007_5, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0,
    10.0,
];
/// Seconds of requests and completions, from a cached adapter to a long answer.
const REQUEST: &[f64] =
    &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// Seconds of training jobs.
const JOB: &[f64] =
    &[1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0, 86_400.0];
/// Texts of a step.
const ROWS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 256.0];

macro_rules! metrics {
    ($($constant:ident = $kind:expr, $name:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Metric = Metric { name: $name, kind: $kind, help: $help };
        )*
        /// All of them.
        pub const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD_INFO = Kind::Gauge, "attune_build_info", "1; the label says which version runs.";
    GENERATOR_INFO = Kind::Gauge, "attune_generator_info", "1; the labels say which generator serves which base model.";
    READY = Kind::Gauge, "attune_ready", "1 where completions can be answered now, else 0.";
    HTTP_REQUESTS = Kind::Counter, "attune_http_requests_total",
        "Requests by method, template of the route and status; 499 where the caller hung up first.";
    HTTP_DURATION = Kind::Histogram(REQUEST), "attune_http_request_duration_seconds",
        "Seconds until a request was answered, a stream to its end.";
    HTTP_IN_FLIGHT = Kind::Gauge, "attune_http_requests_in_flight", "Requests that are being answered, streams included.";
    ADAPTER_REQUESTS = Kind::Counter, "attune_adapter_requests_total",
        "Adapters asked for by a description: created, cached (the caller had it already) or failed.";
    ADAPTER_ENCODE = Kind::Histogram(BRIEF), "attune_adapter_encode_seconds", "Seconds to read a description.";
    ADAPTER_GENERATE = Kind::Histogram(BRIEF), "attune_adapter_generate_seconds", "Seconds to write an adapter's weights.";
    ADAPTER_CONFIDENCE = Kind::Histogram(BRIEF), "attune_adapter_confidence_seconds",
        "Seconds to try an adapter for its confidence, where its generator asks for that.";
    ADAPTER_REFINE = Kind::Histogram(REQUEST), "attune_adapter_refine_seconds",
        "Seconds to wait for the turn to refine an adapter, and to refine it.";
    COMPLETIONS = Kind::Counter, "attune_completions_total",
        "Completions by their end: stop, length, failed, or cancelled where the caller hung up.";
    REQUEST_QUEUE = Kind::Histogram(REQUEST), "attune_request_queue_seconds", "Seconds in the engine's queue.";
    REQUEST_PREFILL = Kind::Histogram(REQUEST), "attune_request_prefill_seconds",
        "Seconds from the engine's queue to the first token.";
    REQUEST_DECODE = Kind::Histogram(REQUEST), "attune_request_decode_seconds", "Seconds from the first token to the last.";
    FIRST_TOKEN = Kind::Histogram(REQUEST), "attune_time_to_first_token_seconds",
        "Seconds from the arrival of a completion to its first token, making its adapter included.";
    PROMPT_TOKENS = Kind::Counter, "attune_prompt_tokens_total", "Tokens of prompts that were answered.";
    PROMPT_TOKENS_CACHED = Kind::Counter, "attune_prompt_tokens_cached_total",
        "Tokens of prompts whose keys and values were there already.";
    GENERATION_TOKENS = Kind::Counter, "attune_generation_tokens_total", "Tokens of answers.";
    RUNNING = Kind::Gauge, "attune_num_requests_running", "Texts that run in the engine's batch.";
    WAITING = Kind::Gauge, "attune_num_requests_waiting", "Requests that wait for the engine.";
    STEP_ROWS = Kind::Histogram(ROWS), "attune_step_rows", "Texts of a step of the local engine.";
    KV_USAGE = Kind::Gauge, "attune_kv_cache_usage_ratio",
        "Share of the memory for keys and values that running texts hold, from 0 to 1.";
    KV_CAPACITY = Kind::Gauge, "attune_kv_cache_capacity_tokens", "Tokens whose keys and values there is memory for.";
    ADAPTERS_RESIDENT = Kind::Gauge, "attune_adapters_resident", "Adapters that are ready to run.";
    ADAPTERS_BYTES = Kind::Gauge, "attune_adapters_resident_bytes", "Bytes of the adapters that are ready to run.";
    ADAPTERS_CAPACITY = Kind::Gauge, "attune_adapters_resident_capacity_bytes",
        "Bytes that the adapters that are ready to run may take.";
    ADAPTER_LOADS = Kind::Counter, "attune_adapter_loads_total", "Adapters that were made ready to run.";
    LORA_INFO = Kind::Gauge, "attune_lora_requests_info",
        "Unix seconds of the last change of which adapters requests run with and wait for; the labels name them.";
    JOBS = Kind::Gauge, "attune_jobs", "Jobs that have not ended, by state and kind, in the whole database.";
    JOBS_OLDEST = Kind::Gauge, "attune_jobs_queued_oldest_seconds",
        "Seconds since the oldest job that waits for a worker was queued; 0 where none waits.";
    JOB_DURATION = Kind::Histogram(JOB), "attune_job_duration_seconds",
        "Seconds from a job's first attempt to its end here, by kind and outcome.";
    JOB_ATTEMPTS = Kind::Counter, "attune_job_attempts_total", "Jobs that were taken up here, by kind.";
    WORKERS = Kind::Gauge, "attune_workers", "Processes that work jobs off, as far as the database tells.";
    RATE_LIMITED = Kind::Counter, "attune_rate_limited_total",
        "Requests that were refused with 429: a quota of requests, adapters or training, or a full queue.";
    AUTH_FAILURES = Kind::Counter, "attune_auth_failures_total", "Requests that were refused with 401 or 403, by reason.";
    PROCESS_MEMORY = Kind::Gauge, "process_resident_memory_bytes", "Resident memory in bytes.";
    PROCESS_CPU = Kind::Counter, "process_cpu_seconds_total", "Seconds of user and system CPU time.";
    PROCESS_START = Kind::Gauge, "process_start_time_seconds", "Start of the process in seconds since the Unix epoch.";
    PROCESS_FDS = Kind::Gauge, "process_open_fds", "Open file descriptors.";
}

static PROMETHEUS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to count. It comes before whatever is to be counted, and counts once a process; another time it does nothing.
pub fn install() {
    PROMETHEUS.get_or_init(|| {
        let buckets = |builder: PrometheusBuilder, metric: &Metric| match metric.kind {
            // An error is an empty list, of which there is none.
            Kind::Histogram(buckets) => {
                let matcher = Matcher::Full(metric.name.to_owned());
                builder.set_buckets_for_metric(matcher, buckets).unwrap_or_else(|_| PrometheusBuilder::new())
            }
            _ => builder,
        };
        let recorder = ALL.iter().fold(PrometheusBuilder::new(), buckets).build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::error!("somebody else counts already: the metrics of this process stay at 0");
        }
        ALL.iter().for_each(describe);
        record::touch();
        handle
    });
}

/// Counters and histograms in Prometheus' text format; nothing where nothing is counted.
pub fn render() -> String {
    PROMETHEUS.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// Sums up what was measured since the last time. Somebody has to do so now and then, or single values pile up where
/// nobody asks for them.
pub fn sum_up() {
    if let Some(handle) = PROMETHEUS.get() {
        handle.run_upkeep();
    }
}

fn describe(metric: &Metric) {
    let Metric { name, kind, help } = *metric;
    let unit = || if name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
    match kind {
        Kind::Counter => metrics::describe_counter!(name, unit(), help),
        Kind::Gauge => metrics::describe_gauge!(name, unit(), help),
        Kind::Histogram(_) => metrics::describe_histogram!(name, unit(), help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_they_are_and_what_their_unit_is() {
        for Metric { name, kind, help } in ALL {
            assert!(name.starts_with("attune_") || name.starts_with("process_"), "{name}");
            assert!(help.ends_with('.'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        }
        let mut names: Vec<_> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn buckets_grow() {
        for metric in ALL {
            if let Kind::Histogram(buckets) = metric.kind {
                assert!(buckets.windows(2).all(|pair| pair[0] < pair[1]), "{}", metric.name);
            }
        }
    }
}
