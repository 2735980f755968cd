//! Spans and the trace that they belong to. Without a collector there are no traces of our own, and a caller's trace
//! is only named in log lines and handed on.

use super::{TraceParent, otlp};
use std::time::{Duration, SystemTime};
use tracing::Span;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

pub use super::trace_parent::NoTraceParent;

/// The header.
pub const TRACEPARENT: &str = "traceparent";

/// Puts a span that nobody has entered yet into its caller's trace, and notes the trace's id in its field `trace_id`, where
/// it has one.
pub fn adopt(span: &Span, parent: Option<&TraceParent>) {
    if let Some(parent) = parent {
        otlp::set_parent(span, parent);
        remember(span, *parent);
    }
    if let Some(at) = of_span(span) {
        span.record("trace_id", at.trace_id());
    }
}

/// Where a span stands. Where nobody records it that is its caller's span; none where it has no caller either.
pub fn of_span(span: &Span) -> Option<TraceParent> {
    otlp::of_span(span).or_else(|| called_from(span))
}

/// Keeps the caller's span with ours.
fn remember(span: &Span, parent: TraceParent) {
    span.with_subscriber(|(id, subscriber)| {
        if let Some(span) = subscriber.downcast_ref::<Registry>().and_then(|registry| registry.span(id)) {
            span.extensions_mut().insert(parent);
        }
    });
}

/// The caller's span of this one, or of one around it.
fn called_from(span: &Span) -> Option<TraceParent> {
    let found = span.with_subscriber(|(id, subscriber)| {
        let span = subscriber.downcast_ref::<Registry>()?.span(id)?;
        span.scope().find_map(|span| span.extensions().get::<TraceParent>().copied())
    });
    found.flatten()
}

/// Where the span stands in which this is called.
pub fn current() -> Option<TraceParent> {
    of_span(&Span::current())
}

/// Spans that are told when they have ended, one behind the other: what happened on a thread that keeps no spans.
#[derive(Debug)]
pub struct Steps<'a> {
    parent: &'a Span,
    at: SystemTime,
}

impl<'a> Steps<'a> {
    /// Steps of this span; the first began then.
    pub fn of(parent: &'a Span, began: SystemTime) -> Self {
        Self { parent, at: began }
    }

    /// The next step, which took so long.
    #[must_use]
    pub fn then(self, name: &'static str, took_ms: f64, attributes: &[(&'static str, usize)]) -> Self {
        let took = Duration::try_from_secs_f64(took_ms / 1e3).unwrap_or_default();
        let end = self.at + took;
        otlp::step(self.parent, name, (self.at, end), attributes);
        Self { at: end, ..self }
    }

    /// That was the last one.
    pub fn end(self) {}
}
