//! What a server and a worker tell of themselves: options, and the listener for metrics.

use crate::http;
use crate::service::Service;
use crate::telemetry::{self, LogFormat, Telemetry, metrics};
use anyhow::Context;
use clap::{Args, ValueEnum};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::task::AbortHandle;

/// How often measured values are summed up where nobody asks for them.
const SUM_UP: Duration = Duration::from_secs(5);

/// What is told, and where.
#[derive(Clone, Debug, Default, Args)]
pub struct TelemetryOptions {
    /// What log lines on standard error look like; auto is text on a terminal and JSON elsewhere. RUST_LOG says what is logged,
    /// warnings where it is not set
    #[arg(long, env = "ATTUNE_LOG_FORMAT", default_value = "auto")]
    pub log_format: LogFormatName,
    /// Answer GET /metrics on this address too, and nothing else
    #[arg(long, env = "ATTUNE_METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<String>,
    /// Send traces to this collector, by OTLP over HTTP: http://HOST:4318. Other variables of OpenTelemetry's count too, such as
    /// OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER and OTEL_EXPORTER_OTLP_HEADERS
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// Forms of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormatName {
    /// For people
    Text,
    /// For programs
    Json,
    /// Text on a terminal, JSON elsewhere
    #[default]
    Auto,
}

impl From<LogFormatName> for LogFormat {
    fn from(name: LogFormatName) -> Self {
        match name {
            LogFormatName::Text => Self::Text,
            LogFormatName::Json => Self::Json,
            LogFormatName::Auto => Self::Auto,
        }
    }
}

impl TelemetryOptions {
    /// Begins to count, to log and to send traces, as long as what is given back lives.
    ///
    /// # Errors
    /// Where traces are asked for and cannot be sent.
    pub fn start(&self) -> anyhow::Result<Telemetry> {
        metrics::install();
        let collector = self.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty());
        Ok(telemetry::start(self.log_format.into(), collector, OffsetDateTime::now_utc)?)
    }

    /// Keeps metrics in order, and answers for them on an address of their own where one is named.
    ///
    /// # Errors
    /// Where the address cannot be bound.
    pub(super) async fn listen(&self, service: &Arc<Service>) -> anyhow::Result<Listening> {
        let mut tasks = vec![tokio::spawn(sum_up()).abort_handle()];
        if let Some(address) = &self.metrics_listen {
            let listener = tokio::net::TcpListener::bind(address).await;
            let listener = listener.with_context(|| format!("cannot listen on {address} (--metrics-listen)"))?;
            eprintln!("metrics are on http://{}/metrics", listener.local_addr()?);
            let router = http::metrics_router(Arc::clone(service));
            tasks.push(tokio::spawn(async move { drop(axum::serve(listener, router).await) }).abort_handle());
        }
        Ok(Listening(tasks))
    }
}

/// Ends with this value.
pub(super) struct Listening(Vec<AbortHandle>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

async fn sum_up() {
    loop {
        tokio::time::sleep(SUM_UP).await;
        metrics::sum_up();
    }
}
