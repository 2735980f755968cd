//! Bodies of OpenAI's routes.
//!
//! Its clients send many fields, often null. Those that change nothing that is promised here are passed over; one that
//! asks for what cannot be done is refused by its name, unless its value asks for nothing; so is one that nobody knows.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::http::extract;
use crate::http::problem::{Code, Problem};

/// Fields that change nothing that is promised here.
const PASSED_OVER: [&str; 10] = [
    "metadata",
    "parallel_tool_calls",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
];

/// A field that asks for what cannot be done.
struct Refused {
    name: &'static str,
    /// Whether a value asks for nothing all the same.
    asks_nothing: fn(&Value) -> bool,
    reason: &'static str,
}

const REFUSED: [Refused; 12] = [
    refused("audio", nothing, "audio is not written"),
    refused("function_call", |value| is_one_of(value, &["none", "auto"]), "functions are not called"),
    refused("functions", nothing, "functions are not called"),
    refused("modalities", |value| value == &serde_json::json!(["text"]), "only text is written"),
    refused("moderation", nothing, "answers are not moderated"),
    refused("reasoning", nothing, "there is no reasoning apart from the answer"),
    refused("reasoning_effort", |value| is_one_of(value, &["none"]), "there is no reasoning apart from the answer"),
    refused("suffix", |value| value == "", "text is written at the end of a prompt, not within it"),
    refused("tool_choice", |value| is_one_of(value, &["none", "auto"]), "tools are not called"),
    refused("tools", nothing, "tools are not called"),
    refused("verbosity", |value| is_one_of(value, &["medium"]), "answers are as long as the model makes them"),
    refused("web_search_options", nothing, "the web is not searched"),
];

const fn refused(name: &'static str, asks_nothing: fn(&Value) -> bool, reason: &'static str) -> Refused {
    Refused { name, asks_nothing, reason }
}

/// A JSON body of OpenAI's.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let extract::Json(fields) = extract::Json::from_request(request, state).await?;
        known(fields).map(Self)
    }
}

fn known<T: DeserializeOwned>(mut fields: Map<String, Value>) -> Result<T, Problem> {
    fields.retain(|name, value| !value.is_null() && !PASSED_OVER.contains(&name.as_str()));
    for Refused { name, asks_nothing, reason } in REFUSED {
        match fields.shift_remove(name) {
            Some(value) if !asks_nothing(&value) => return Err(Problem::field(Code::Unsupported, name, reason)),
            _ => {}
        }
    }
    extract::take(Value::Object(fields))
}

/// An empty list or object, or false.
fn nothing(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        other => other == &Value::Bool(false),
    }
}

fn is_one_of(value: &Value, words: &[&str]) -> bool {
    value.as_str().is_some_and(|word| words.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        model: String,
    }

    fn read(body: Value) -> Result<Body, Problem> {
        known(body.as_object().unwrap().clone())
    }

    #[test]
    fn what_changes_nothing_is_passed_over() {
        let body = json!({ "model": "m", "user": "u", "store": true, "tools": [], "tool_choice": "auto", "audio": null,
                           "modalities": ["text"], "suffix": "" });
        assert_eq!(read(body).unwrap().model, "m");
    }

    #[test]
    fn what_cannot_be_done_and_what_nobody_knows_is_named() {
        for (name, value) in [
            ("tools", json!([{ "type": "function" }])),
            ("tool_choice", json!("required")),
            ("modalities", json!(["text", "audio"])),
            ("suffix", json!("end")),
            ("nonsense", json!(1)),
        ] {
            let problem = read(json!({ "model": "m", name: value })).unwrap_err();
            assert_eq!(problem.body("r").invalid_params[0].name, name);
        }
    }
}
