//! Problems in OpenAI's envelope.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::problem::{Code, Problem};

/// What went wrong, in OpenAI's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OpenAiError)]
pub(crate) struct Envelope {
    /// What went wrong.
    pub(crate) error: ErrorBody,
}

/// An error of OpenAI's shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OpenAiErrorBody)]
pub(crate) struct ErrorBody {
    /// In words.
    pub(crate) message: String,
    /// Its class.
    #[serde(rename = "type")]
    #[schema(example = "invalid_request_error")]
    pub(crate) kind: &'static str,
    /// The field that is wrong, where the error lies in one.
    #[schema(required = true)]
    pub(crate) param: Option<String>,
    /// A stable word for it.
    #[schema(example = "model_not_found")]
    pub(crate) code: &'static str,
}

/// Whether a path is one of OpenAI's.
pub(crate) fn is_route(path: &str) -> bool {
    path == "/v1" || path.starts_with("/v1/")
}

/// The answer to a request below `/v1` that failed; headers are not part of it.
pub(crate) fn answer(problem: Problem) -> Response {
    (status(problem.code()), Json(Envelope::from(problem))).into_response()
}

impl From<Problem> for Envelope {
    fn from(problem: Problem) -> Self {
        let code = problem.code();
        let body = problem.body("");
        let param = body.invalid_params.into_iter().next().map(|param| param.name);
        Self { error: ErrorBody { message: body.detail, kind: kind(code), param, code: word(code) } }
    }
}

/// OpenAI answers a value that cannot be with 400, and its clients look for that.
fn status(code: Code) -> StatusCode {
    match code.status() {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    }
}

fn kind(code: Code) -> &'static str {
    match code.status() {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::GATEWAY_TIMEOUT => "timeout_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}

/// OpenAI's word where it has one that clients look for, else the problem's.
fn word(code: Code) -> &'static str {
    match code {
        Code::TooLong => "context_length_exceeded",
        Code::QueueFull | Code::RateLimited => "rate_limit_exceeded",
        Code::QuotaUsed => "insufficient_quota",
        Code::Unauthorized => "invalid_api_key",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_a_field_is_a_bad_request_that_names_it() {
        let problem = Problem::field(Code::Invalid, "temperature", "must be between 0 and 2");
        assert_eq!(status(problem.code()), StatusCode::BAD_REQUEST);
        let error = Envelope::from(problem).error;
        assert_eq!((error.param.as_deref(), error.kind), (Some("temperature"), "invalid_request_error"));
    }

    #[test]
    fn full_queues_and_long_prompts_have_the_words_that_clients_know() {
        assert_eq!((word(Code::QueueFull), kind(Code::QueueFull)), ("rate_limit_exceeded", "rate_limit_error"));
        assert_eq!(word(Code::TooLong), "context_length_exceeded");
        assert_eq!(kind(Code::Unavailable), "server_error");
    }

    #[test]
    fn only_what_lies_below_v1_is_openais() {
        assert!(is_route("/v1") && is_route("/v1/nowhere"));
        assert!(!is_route("/v10") && !is_route("/generate"));
    }
}
