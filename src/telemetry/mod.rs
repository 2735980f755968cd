//! What a process tells of itself: metrics, log lines, traces.
//!
//! - [`metrics`] declares every metric. Counters and histograms are counted where things happen, by the functions of
//!   [`record`]; gauges are read when somebody asks, and written by [`Exposition`].
//! - [`lines`] writes log lines, as text or as JSON. Every line carries the fields of the spans around it.
//! - [`trace`] ties spans to the caller's trace ([`TraceParent`]), and sends them to a collector where one is named.
//!
//! A process that installs nothing pays for nothing: a metric is then a look at one pointer, a span that nobody takes
//! a look at one flag.

mod exposition;
pub mod lines;
pub mod metrics;
#[cfg(not(feature = "otlp"))]
#[path = "no_otlp.rs"]
mod otlp;
#[cfg(feature = "otlp")]
mod otlp;
mod process;
pub mod record;
mod start;
pub mod trace;
mod trace_parent;

pub use exposition::Exposition;
pub use lines::LogFormat;
pub use otlp::OtlpError;
pub use process::process_metrics;
pub use start::{Telemetry, start};
pub use trace_parent::TraceParent;
