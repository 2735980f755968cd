//! Extractors whose refusals are problems.

mod caller;
mod json;
mod query;
mod tenant;

use std::convert::Infallible;

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::body_time;
use super::problem::{Code, Problem};
use super::request_id::RequestId;

pub(crate) use json::{Json, parse, take};
pub(crate) use query::{ListQuery, Query};
pub use tenant::Tenant;

/// A path's parameter.
pub(crate) struct Segment<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segment<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(value) = Path::from_request_parts(parts, state).await.map_err(|rejection: PathRejection| {
            if rejection.status().is_server_error() {
                return Problem::internal(&rejection.body_text());
            }
            Problem::new(Code::Malformed, rejection.body_text())
        })?;
        Ok(Self(value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    /// The id that [`super::request_id::with_request_id`] gave.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Whether the body has one of these media types.
pub(crate) fn require_media_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    if accepted.iter().any(|media_type| media_type.eq_ignore_ascii_case(essence)) {
        return Ok(());
    }
    let found = if essence.is_empty() { "none" } else { essence };
    Err(Problem::new(Code::MediaType, format!("the content type is {found}; {} is accepted", accepted.join(" or "))))
}

/// Why a body could not be read to its end.
pub(crate) fn unread_body(rejection: &BytesRejection) -> Problem {
    if body_time::is_slow(rejection) {
        return body_time::problem();
    }
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(Code::TooLarge, "the body is longer than this route accepts; GET /info names the limit");
    }
    Problem::new(Code::Malformed, "the body broke off")
}

/// A header of 1 to 255 visible ASCII characters.
pub(crate) fn text_header(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match value.to_str() {
        Ok(text) if (1..=255).contains(&text.len()) => Ok(Some(text.to_owned())),
        _ => Err(Problem::field(Code::Malformed, name, "must be 1 to 255 visible ASCII characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_compared_without_its_parameters_and_case() {
        let mut headers = HeaderMap::new();
        assert_eq!(require_media_type(&headers, &["application/json"]).unwrap_err().code(), Code::MediaType);
        headers.insert(header::CONTENT_TYPE, "Application/JSON; charset=utf-8".parse().unwrap());
        assert!(require_media_type(&headers, &["application/json"]).is_ok());
        headers.insert(header::CONTENT_TYPE, "application/jsonl".parse().unwrap());
        assert!(require_media_type(&headers, &["application/json"]).is_err());
    }
}
