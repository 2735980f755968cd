//! The request's id: the caller's where it is sane, else a new one; in every answer and in every problem.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::observe::TraceId;
use super::openai;
use super::problem::{MEDIA_TYPE, Problem, ProblemBody};
use crate::telemetry::TraceParent;
use crate::telemetry::trace::TRACEPARENT;

/// The header that carries it.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over.
const MAX_LEN: usize = 128;

/// The id of a request, in its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl Default for RequestId {
    /// A new one.
    fn default() -> Self {
        let id = Uuid::now_v7().to_string();
        Self(HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown")))
    }
}

impl RequestId {
    /// The id.
    pub fn as_str(&self) -> &str {
        // Only visible ASCII gets in.
        self.0.to_str().unwrap_or_default()
    }

    /// The caller's id, where it has one that cannot break a log line.
    fn sent(request: &Request) -> Option<Self> {
        let value = request.headers().get(HEADER)?;
        let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-:/+=".contains(byte);
        let bytes = value.as_bytes();
        let taken = !bytes.is_empty() && bytes.len() <= MAX_LEN && bytes.iter().all(sane);
        taken.then(|| Self(value.clone()))
    }
}

/// The span of the caller's that the request belongs to, where it names one.
fn caller(request: &Request) -> Option<TraceParent> {
    request.headers().get(TRACEPARENT)?.to_str().ok()?.parse().ok()
}

/// Gives the request its id and its place in a trace, writes the body of a problem, and sends the id back.
pub(super) async fn with_request_id(mut request: Request, next: Next) -> Response {
    let id = RequestId::sent(&request).unwrap_or_default();
    request.extensions_mut().insert(id.clone());
    if let Some(caller) = caller(&request) {
        request.extensions_mut().insert(caller);
    }
    let openai = openai::is_route(request.uri().path());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let trace_id = response.extensions_mut().remove::<TraceId>().map(|TraceId(id)| id);
        let body = if openai { openai::answer(problem) } else { answer(problem, &id, trace_id) };
        response = with_body(response, body);
    }
    response.headers_mut().insert(HEADER, id.0);
    response
}

/// A problem as every route but OpenAI's shows it.
fn answer(problem: Problem, id: &RequestId, trace_id: Option<String>) -> Response {
    let status = problem.code().status();
    let body = ProblemBody { trace_id, ..problem.body(id.as_str()) };
    (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], Json(body)).into_response()
}

/// The answer with the problem's body, the other headers as they were.
fn with_body(response: Response, mut body: Response) -> Response {
    for (name, value) in response.headers() {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            body.headers_mut().append(name, value.clone());
        }
    }
    body
}
