//! JSON bodies.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::super::problem::{Code, Problem};
use super::{require_media_type, unread_body};

/// A JSON body: 415 another media type, 413 too long, 400 no JSON, 422 JSON that does not fit.
pub(crate) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_media_type(request.headers(), &["application/json"])?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unread_body(&rejection))?;
        parse(&bytes).map(Self)
    }
}

/// Reads JSON. What does not fit is named by its path.
///
/// # Errors
/// `Malformed` where it is no JSON, `Invalid` where it does not fit.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        refused(&path, error.inner())
    })?;
    reader.end().map_err(|error| refused(".", &error))?;
    Ok(value)
}

/// Takes JSON that was read. What does not fit is named by its path.
///
/// # Errors
/// `Invalid` where it does not fit.
pub(crate) fn take<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| refused(&error.path().to_string(), error.inner()))
}

fn refused(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if error.classify() != Category::Data {
        return Problem::new(Code::Malformed, format!("the body is not valid JSON: {text}"));
    }
    let reason = readable(&text);
    match field(path, reason) {
        Some(name) => Problem::field(Code::Invalid, name, reason),
        None => Problem::new(Code::Invalid, reason),
    }
}

/// serde's text without what only a Rust programmer can use.
fn readable(text: &str) -> &str {
    let text = text.rsplit_once(" at line ").map_or(text, |(reason, _)| reason);
    if text.starts_with("data did not match any variant") { "has none of the accepted forms" } else { text }
}

/// The wrong field's path. A missing or unknown field is not in serde's path but in its text.
fn field(path: &str, reason: &str) -> Option<String> {
    let quoted = |start: &str| reason.strip_prefix(start)?.split('`').next();
    let named = quoted("missing field `").or_else(|| quoted("unknown field `"));
    match (path, named) {
        (".", named) => named.map(str::to_owned),
        (path, Some(name)) if path != name && !path.ends_with(&format!(".{name}")) => Some(format!("{path}.{name}")),
        (path, _) => Some(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::JobSpec;
    use crate::service::CreateAdapter;

    fn refusal<T: DeserializeOwned>(body: &str) -> (Code, Option<String>) {
        let problem = parse::<T>(body.as_bytes()).err().unwrap_or_else(|| panic!("{body} was read"));
        let code = problem.code();
        (code, problem.body("r").invalid_params.first().map(|param| param.name.clone()))
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in ["", "{", "{\"task\": \"a\"} x", "{\"task\": 1e999}", "{\"task\": \"\\ud800\"}"] {
            assert_eq!(refusal::<CreateAdapter>(body), (Code::Malformed, None), "{body}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        for (body, name) in [
            (r#"{}"#, "task"),
            (r#"{"task": 1}"#, "task"),
            (r#"{"task": "a", "tsk": 1}"#, "tsk"),
            (r#"{"task": "a", "seed": -1}"#, "seed"),
            (r#"{"task": "a", "examples": [{"input": "a", "output": "b"}, {"input": "a"}]}"#, "examples[1].output"),
            (r#"{"task": "a", "examples": [{"input": "a", "output": 3}]}"#, "examples[0].output"),
        ] {
            assert_eq!(refusal::<CreateAdapter>(body), (Code::Invalid, Some(name.to_owned())), "{body}");
        }
        assert_eq!(refusal::<CreateAdapter>("[]").0, Code::Invalid);
        for (body, name) in [
            (r#"{"kind": "adapter"}"#, "task"),
            (r#"{"kind": "adapter", "task": "a", "prio": 1}"#, "prio"),
            (r#"{"kind": "adapter", "task": "a", "priority": "high"}"#, "priority"),
        ] {
            assert_eq!(refusal::<JobSpec>(body), (Code::Invalid, Some(name.to_owned())), "{body}");
        }
    }

    #[test]
    fn a_reason_has_no_rust_in_it() {
        let problem =
            parse::<CreateAdapter>(br#"{"task": "a", "examples": [{"input": "a", "output": 3}]}"#).unwrap_err();
        assert_eq!(problem.body("r").invalid_params[0].reason, "has none of the accepted forms");
    }
}
