//! What is told of a request: a span around it, metrics and a line in the log at its end.

use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::StreamExt;
use tracing::Span;
use tracing::field::Empty;

use super::problem::{Code, Problem};
use super::request_id::RequestId;
use crate::telemetry::record::{self, InFlight, Limit};
use crate::telemetry::{TraceParent, trace};

/// The status of a request whose caller hung up before there was an answer, as nginx has it.
const HUNG_UP: u16 = 499;
/// The template of what has no route.
const NO_ROUTE: &str = "none";

/// The id of the trace that a request belongs to, in the extensions of its answer.
#[derive(Clone, Debug)]
pub(super) struct TraceId(pub(super) String);

/// The span of a request, in its caller's trace. It has the highest level, so that whatever is logged has its fields.
pub(super) fn span(request: &Request) -> Span {
    let id = request.extensions().get::<RequestId>().map(RequestId::as_str).unwrap_or_default();
    let (method, path) = (word(request.method()), request.uri().path());
    let route = route(request.extensions().get::<MatchedPath>());
    let span = tracing::error_span!(
        "request",
        request_id = id,
        tenant = Empty,
        trace_id = Empty,
        method,
        path,
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    );
    trace::adopt(&span, request.extensions().get::<TraceParent>());
    span
}

/// Counts a request and times it, a stream to its end.
pub(super) async fn observe(request: Request, next: Next) -> Response {
    let (matched, parent) = (request.extensions().get::<MatchedPath>().cloned(), request.extensions().get().copied());
    let mut exchange = Exchange {
        method: word(request.method()),
        route: matched,
        status: HUNG_UP,
        began: Instant::now(),
        span: Span::current(),
        _in_flight: InFlight::begin(),
    };
    let mut response = next.run(request).await;
    exchange.status = response.status().as_u16();
    match response.extensions().get::<Problem>().map(Problem::code) {
        Some(Code::QueueFull) => record::rate_limited(Limit::Queue),
        Some(Code::RateLimited) => record::rate_limited(Limit::Requests),
        _ => {}
    }
    let at: Option<TraceParent> = trace::of_span(&exchange.span).or(parent);
    if let Some(at) = at {
        response.extensions_mut().insert(TraceId(at.trace_id()));
    }
    if is_stream(&response) { response.map(|body| held(body, exchange)) } else { response }
}

/// A request and its answer; counted when this is dropped.
struct Exchange {
    method: &'static str,
    route: Option<MatchedPath>,
    status: u16,
    began: Instant,
    span: Span,
    _in_flight: InFlight,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        record::http_request(self.method, route(self.route.as_ref()), self.status, took.as_secs_f64());
        // Traces know whole numbers with a sign alone.
        self.span.record("http.response.status_code", i64::from(self.status));
        if self.status >= 500 {
            self.span.record("otel.status_code", "ERROR");
        }
        let duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3;
        self.span.in_scope(|| tracing::info!(status = self.status, duration_ms, "answered"));
    }
}

fn is_stream(response: &Response) -> bool {
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type.is_some_and(|media_type| media_type.starts_with("text/event-stream"))
}

/// The body, which keeps the exchange open until it is at its end or dropped.
fn held(body: Body, exchange: Exchange) -> Body {
    Body::from_stream(body.into_data_stream().map(move |piece| {
        let _open = &exchange;
        piece
    }))
}

fn route(matched: Option<&MatchedPath>) -> &str {
    matched.map_or(NO_ROUTE, MatchedPath::as_str)
}

/// A caller may send any word as a method.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
