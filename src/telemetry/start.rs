//! Begins to tell.

use super::lines::{Lines, LogFormat};
use super::otlp::{Exporter, OtlpError};
use time::OffsetDateTime;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

/// What is told goes out as long as this lives; traces that wait are sent when it is dropped.
#[must_use]
pub struct Telemetry {
    traces: Option<Exporter>,
}

/// Writes log lines, of warnings or of what `RUST_LOG` says, and sends traces to a collector where one is named. It is
/// done once in a process.
///
/// # Errors
/// Where traces are asked for and cannot be sent.
pub fn start(
    format: LogFormat,
    collector: Option<&str>,
    clock: fn() -> OffsetDateTime,
) -> Result<Telemetry, OtlpError> {
    let traces = collector.map(Exporter::start).transpose()?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let lines = Lines::new(format, clock).with_filter(filter);
    let sending = traces.as_ref().map(|traces| traces.layer::<Registry>());
    // Somebody who listens already goes on listening.
    let _ = tracing_subscriber::registry().with(sending).with(lines).try_init();
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends the traces that wait.
    pub fn flush(&self) {
        if let Some(traces) = &self.traces {
            traces.flush();
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces {
            traces.finish();
        }
    }
}
