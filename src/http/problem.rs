//! Errors as RFC 9457 problems (`application/problem+json`).
//!
//! A [`Problem`] travels in the response's extensions; [`super::request_id`] writes its body, because only there
//! is the request's id known. What went wrong inside is logged where the problem is made and never sent.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::generator::Nearest;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The codes, their statuses and titles.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:ident, $title:literal;)+) => {
        /// What kind of problem it is. The words are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word, the last part of the problem's `type`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The status of the answer.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// What it means, in a few words that never change with the occasion.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    /// The request cannot be read.
    Malformed = "malformed", BAD_REQUEST, "The request cannot be read";
    /// What is asked for cannot be done.
    Unsupported = "unsupported", BAD_REQUEST, "The request asks for what cannot be done";
    /// No key, or none that counts.
    Unauthorized = "unauthorized", UNAUTHORIZED, "An API key is needed";
    /// The key is too narrow.
    Forbidden = "forbidden", FORBIDDEN, "The API key does not allow this";
    /// The body comes too slowly.
    SlowBody = "request_timeout", REQUEST_TIMEOUT, "The body took too long to come";
    /// No such thing.
    NotFound = "not_found", NOT_FOUND, "Not found";
    /// No such model.
    NoModel = "model_not_found", NOT_FOUND, "There is no such model";
    /// No such route.
    NoRoute = "no_route", NOT_FOUND, "There is no such route";
    /// The route has other methods.
    Method = "method_not_allowed", METHOD_NOT_ALLOWED, "The route does not have this method";
    /// The base has no generator.
    NoGenerator = "no_generator", CONFLICT, "The base model has no generator";
    /// The generator belongs to another base.
    StaleGenerator = "stale_generator", CONFLICT, "The generator was made for another base model, or by another version of attune";
    /// The adapter belongs to another base.
    StaleAdapter = "stale_adapter", CONFLICT, "The adapter was made for another base model";
    /// Another adapter has the name.
    NameTaken = "name_taken", CONFLICT, "The name is taken";
    /// The generator did not pass its evaluation.
    GeneratorNotReady = "generator_not_ready", CONFLICT, "The generator cannot be activated";
    /// These weights take no adapter.
    Unmergeable = "unmergeable", CONFLICT, "The adapter cannot be merged";
    /// The job has ended.
    JobFinished = "job_finished", CONFLICT, "The job has ended already";
    /// The thing is not as the caller expected it.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "The thing is not as the request expects it";
    /// The body is too long.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "The body is too long";
    /// The body has another media type.
    MediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body's media type is not accepted";
    /// The range lies outside the file.
    Range = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "The range lies outside the file";
    /// A value cannot be.
    Invalid = "invalid_request", UNPROCESSABLE_ENTITY, "The request has invalid values";
    /// Prompt and answer pass the context.
    TooLong = "context_exceeded", UNPROCESSABLE_ENTITY, "Prompt and answer do not fit the context";
    /// The description is out of distribution.
    UnknownTask = "unknown_task", UNPROCESSABLE_ENTITY, "The generator does not know such a task";
    /// The adapter's files are not valid.
    InvalidAdapter = "invalid_adapter", UNPROCESSABLE_ENTITY, "The adapter does not fit the base model";
    /// The idempotency key made another job.
    KeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The idempotency key belongs to another request";
    /// A queue is full.
    QueueFull = "queue_full", TOO_MANY_REQUESTS, "A queue is full";
    /// Too many requests.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    /// The day's quota is used.
    QuotaUsed = "quota_exceeded", TOO_MANY_REQUESTS, "The quota of the day is used";
    /// Not now.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The server cannot answer now";
    /// The deadline has passed.
    Timeout = "timeout", GATEWAY_TIMEOUT, "The request's deadline has passed";
    /// No space.
    StorageFull = "storage_full", SERVICE_UNAVAILABLE, "The server's disk is full";
    /// The server's own fault.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong on the server";
}

/// A field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvalidParam {
    /// The field's path, such as `examples[0].output`; a query parameter's, a header's or a part's name.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// An answer that says what went wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    invalid_params: Vec<InvalidParam>,
    nearness: Option<(f64, Vec<Nearest>)>,
    retry_after: Option<Duration>,
    /// In a box, because most problems have none, and a problem is moved often.
    headers: Option<Box<HeaderMap>>,
}

/// A problem's JSON.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A stable reference to the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not_found")]
    pub kind: String,
    /// The kind in words.
    pub title: &'static str,
    /// The status of the answer.
    #[schema(example = 404)]
    pub status: u16,
    /// This problem in words.
    pub detail: String,
    /// The request's id, as in the header `x-request-id`.
    pub instance: String,
    /// The trace that the request belongs to, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false, example = "4bf92f3577b34da6a3ce929d0e0e4736")]
    pub trace_id: Option<String>,
    /// The fields that are wrong, where the problem lies in fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub invalid_params: Vec<InvalidParam>,
    /// Of an unknown task: the confidence's score.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub score: Option<f64>,
    /// Of an unknown task: the nearest training tasks, nearest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    pub nearest_tasks: Option<Vec<Nearest>>,
}

impl Problem {
    /// A problem of this kind. One whose status asks to come again says after a second.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after = match code.status() {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some(Duration::from_secs(1)),
            _ => None,
        };
        Self { code, detail: detail.into(), invalid_params: Vec::new(), nearness: None, retry_after, headers: None }
    }

    /// The problem of one field.
    pub fn field(code: Code, name: impl Into<String>, reason: impl Into<String>) -> Self {
        let param = InvalidParam { name: name.into(), reason: reason.into() };
        Self { invalid_params: vec![param.clone()], ..Self::new(code, format!("{}: {}", param.name, param.reason)) }
    }

    /// The server's own fault: the reason is logged here and never sent.
    pub fn internal(reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(%reason, "internal error");
        Self::new(Code::Internal, "the server failed; its log has the reason under the request's id")
    }

    /// With the field that is wrong.
    pub fn naming(mut self, name: &str) -> Self {
        let reason = self.detail.clone();
        self.invalid_params.push(InvalidParam { name: name.to_owned(), reason });
        self
    }

    /// The problem of a body of lines, in this one: a value that cannot be, even where the line is no JSON.
    pub fn in_line(self, number: usize) -> Self {
        match self.invalid_params.first() {
            Some(param) => Self::field(Code::Invalid, format!("line {number}: {}", param.name), param.reason.as_str()),
            None => Self::field(Code::Invalid, format!("line {number}"), self.detail),
        }
    }

    /// With how near the description is to the training tasks.
    pub fn near(self, score: f64, nearest: Vec<Nearest>) -> Self {
        Self { nearness: Some((score, nearest)), ..self }
    }

    /// With another time to come again.
    pub fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// With a header more.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.get_or_insert_default().append(name, value);
        self
    }

    /// Which kind it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The JSON of the problem in the answer to this request.
    pub fn body(self, request_id: &str) -> ProblemBody {
        let (score, nearest_tasks) = self.nearness.unzip();
        ProblemBody {
            kind: format!("/problems/{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail,
            instance: request_id.to_owned(),
            trace_id: None,
            invalid_params: self.invalid_params,
            score,
            nearest_tasks,
        }
    }
}

impl IntoResponse for Problem {
    /// Status and headers; the body is written where the request's id is known.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        for (name, value) in self.headers.iter().flat_map(|headers| headers.iter()) {
            response.headers_mut().append(name, value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_different_words() {
        let mut words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(words.iter().all(|word| word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn a_field_is_named_in_the_body_and_a_problem_without_fields_has_none() {
        let body = serde_json::to_value(Problem::field(Code::Invalid, "seed", "must be above 0").body("r1")).unwrap();
        assert_eq!(body["type"], "/problems/invalid_request");
        assert_eq!(body["instance"], "r1");
        assert_eq!(body["invalid_params"][0]["name"], "seed");
        let body = serde_json::to_value(Problem::new(Code::NotFound, "no").body("r1")).unwrap();
        assert!(body.get("invalid_params").is_none());
    }

    #[test]
    fn come_again_says_when() {
        for &code in Code::ALL {
            let again = matches!(code.status().as_u16(), 429 | 503);
            let response = Problem::new(code, "x").into_response();
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), again, "{code:?}");
        }
    }

    #[test]
    fn what_failed_inside_is_not_sent() {
        let body = Problem::internal(&"/var/lib/secret").body("r");
        assert!(!serde_json::to_string(&body).unwrap().contains("secret"));
    }
}
