//! Traces to a collector: OTLP over HTTP, as protobuf.
//!
//! The SDK gathers spans on a thread of its own, which sends them; nobody else waits for the collector. What it cannot
//! take is dropped. The variables `OTEL_…` that the SDK reads count beside our own options: the sampler, the service's
//! name and resource, headers, time limits.

use super::TraceParent;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};
use tracing::{Level, Metadata, Span};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::filter::{FilterFn, Filtered, filter_fn};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The library's name in traces, and the service's where `OTEL_SERVICE_NAME` says no other.
const NAME: &str = "attune";
/// The path of traces at a collector's address.
const TRACES: &str = "/v1/traces";
/// How long the collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last batch may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// Makes the spans that are told after they have ended. Set with the first exporter.
static TRACER: OnceLock<opentelemetry_sdk::trace::SdkTracer> = OnceLock::new();

/// Why no traces are sent.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The client cannot be made.
    #[error("there is no client for the collector of traces: {0}")]
    Client(#[from] reqwest::Error),
    /// There is no runtime for it.
    #[error("there is no runtime for the client of traces: {0}")]
    Runtime(#[from] std::io::Error),
    /// The exporter refuses its options.
    #[error("the options of traces are wrong: {0}")]
    Options(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// What sends traces.
pub(super) struct Exporter {
    provider: SdkTracerProvider,
}

impl Exporter {
    /// Sends to the collector at this address, below which `/v1/traces` is; `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is the
    /// whole address and counts before it.
    pub(super) fn start(endpoint: &str) -> Result<Self, OtlpError> {
        let exporter = SpanExporter::builder().with_http().with_http_client(Client::new()?);
        let exporter = match std::env::var_os(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) {
            Some(_) => exporter,
            None => exporter.with_endpoint(format!("{}{TRACES}", endpoint.trim_end_matches('/'))),
        };
        let mut resource = Resource::builder();
        if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
            resource = resource.with_service_name(NAME);
        }
        let resource = resource.with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))).build();
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter.build()?).build();
        TRACER.get_or_init(|| provider.tracer(NAME));
        Ok(Self { provider })
    }

    /// Takes our own spans, and warnings within them.
    pub(super) fn layer<S>(&self) -> Traces<S>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer(NAME));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false).with_target(false);
        layer.with_filter(filter_fn(is_told as fn(&Metadata<'_>) -> bool))
    }

    /// Sends what waits.
    pub(super) fn flush(&self) {
        // What goes wrong the client tells.
        let _ = self.provider.force_flush();
    }

    /// Sends what is left, within bounds.
    pub(super) fn finish(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(FAREWELL) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// The layer that makes traces of spans.
pub(super) type Traces<S> =
    Filtered<OpenTelemetryLayer<S, opentelemetry_sdk::trace::SdkTracer>, FilterFn<fn(&Metadata<'_>) -> bool>, S>;

fn is_told(metadata: &Metadata<'_>) -> bool {
    let least = if metadata.is_span() { Level::INFO } else { Level::WARN };
    metadata.target().starts_with(NAME) && *metadata.level() <= least
}

pub(super) fn set_parent(span: &Span, parent: &TraceParent) {
    let context = SpanContext::new(
        TraceId::from_bytes(parent.trace.to_be_bytes()),
        SpanId::from_bytes(parent.span.to_be_bytes()),
        TraceFlags::new(parent.flags),
        true,
        TraceState::default(),
    );
    // Where nobody records the span there is nothing to put anywhere.
    let _ = span.set_parent(Context::new().with_remote_span_context(context));
}

pub(super) fn of_span(span: &Span) -> Option<TraceParent> {
    TRACER.get()?;
    let context = span.context();
    let at = context.span().span_context().clone();
    at.is_valid().then(|| TraceParent {
        trace: u128::from_be_bytes(at.trace_id().to_bytes()),
        span: u64::from_be_bytes(at.span_id().to_bytes()),
        flags: at.trace_flags().to_u8(),
    })
}

pub(super) fn step(
    parent: &Span,
    name: &'static str,
    (start, end): (SystemTime, SystemTime),
    attributes: &[(&'static str, usize)],
) {
    let Some(tracer) = TRACER.get() else { return };
    let attributes = attributes.iter().map(|(name, value)| KeyValue::new(*name, *value as i64));
    let span = tracer.span_builder(name).with_start_time(start).with_attributes(attributes);
    span.start_with_context(tracer, &parent.context()).end_with_timestamp(end);
}

/// The HTTP client that the process has anyway, on the thread that sends.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    fn new() -> Result<Self, OtlpError> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { http, runtime })
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let url = head.uri.to_string();
        let sent = self.http.request(head.method, url).headers(head.headers).body(body);
        // The SDK's thread is no thread of a runtime, and nothing else runs on it.
        let received = self.runtime.block_on(async {
            let response = sent.send().await?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok::<_, reqwest::Error>((status, headers, response.bytes().await?))
        });
        let (status, headers, body) = match received {
            Ok(received) => received,
            Err(error) => {
                tracing::warn!(%error, "traces were not sent");
                return Err(error.into());
            }
        };
        if !status.is_success() {
            tracing::warn!(status = status.as_u16(), "the collector does not take the traces");
        }
        let mut response = Response::new(body);
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }
}
