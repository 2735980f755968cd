//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use serde::Serialize;

use super::problem::Problem;
use super::request_id::RequestId;

/// A comment is sent after so long a silence, so that nothing between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Events as an answer. When the client hangs up the stream is dropped.
pub(crate) fn events(stream: impl Stream<Item = Event> + Send + 'static) -> Response {
    let stream = stream.map(Ok::<_, Infallible>);
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx buffers an answer unless it is told not to.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// An event of this name with JSON.
pub(crate) fn json_event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).json_data(data).unwrap_or_else(|error| {
        tracing::error!(reason = %error, "an event cannot be written as JSON");
        Event::default().event("error").data("{}")
    })
}

/// An event without a name.
pub(crate) fn data_event(data: &impl Serialize) -> Event {
    Event::default().json_data(data).unwrap_or_else(|error| {
        tracing::error!(reason = %error, "an event cannot be written as JSON");
        Event::default().data("{}")
    })
}

/// The last event of a stream that cannot go on.
pub(crate) fn error_event(problem: Problem, id: &RequestId) -> Event {
    json_event("error", &problem.body(id.as_str()))
}
