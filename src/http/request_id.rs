//! The request's id: the caller's where it is sane, else a new one; in every answer and in every problem.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::problem::{MEDIA_TYPE, Problem};

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

/// Gives the request its id, writes the body of a problem, and sends the id back.
pub(super) async fn with_request_id(mut request: Request, next: Next) -> Response {
    let id = RequestId::sent(&request).unwrap_or_default();
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = with_body(response, problem, &id);
    }
    response.headers_mut().insert(HEADER, id.0);
    response
}

/// The answer with the problem's body, its status and headers as they were.
fn with_body(response: Response, problem: Problem, id: &RequestId) -> Response {
    let (parts, _empty) = response.into_parts();
    let mut written = Json(problem.body(id.as_str())).into_response();
    *written.status_mut() = parts.status;
    for (name, value) in &parts.headers {
        if name != header::CONTENT_LENGTH {
            written.headers_mut().insert(name, value.clone());
        }
    }
    written.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    written
}
