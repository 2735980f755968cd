//! Messages of a chat.

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::problem::{Code, Problem};
use crate::service::Message;

/// A message of a chat.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChatMessage {
    /// `system`, `developer` (which is `system`), `user` or `assistant`.
    #[schema(example = "user")]
    role: String,
    /// What was said.
    #[schema(value_type = Content, example = "good")]
    content: Option<Content>,
    /// Who said it. Templates have no place for it.
    #[serde(default)]
    #[expect(dead_code, reason = "clients may send it")]
    name: Option<String>,
    /// Absent or empty, as are the following: clients send them back with an answer.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    refusal: Option<Value>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    annotations: Option<Value>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    audio: Option<Value>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    function_call: Option<Value>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    tool_calls: Option<Value>,
}

/// A text, or its parts.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Content {
    /// A text.
    Text(String),
    /// Parts, which are put below one another.
    Parts(Vec<Part>),
}

/// A part of a message: a text alone.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(crate) struct Part {
    /// `text`
    #[serde(rename = "type")]
    #[schema(example = "text")]
    kind: String,
    /// The text.
    text: Option<String>,
}

/// The messages as the service takes them.
///
/// # Errors
/// Names the message that has a role or a part which cannot be.
pub(super) fn messages(sent: &[ChatMessage]) -> Result<Vec<Message>, Problem> {
    sent.iter().enumerate().map(|(index, message)| read(message, &format!("messages[{index}]"))).collect()
}

fn read(message: &ChatMessage, path: &str) -> Result<Message, Problem> {
    let refuse = |field: &str, reason: String| Problem::field(Code::Unsupported, format!("{path}.{field}"), reason);
    let role = match message.role.as_str() {
        "system" | "developer" => "system",
        role @ ("user" | "assistant") => role,
        other => return Err(refuse("role", format!("is {other:?}; system, developer, user and assistant are taken"))),
    };
    let empty = |value: &&Value| !matches!(value, Value::Array(list) if list.is_empty());
    for (field, value) in [
        ("refusal", &message.refusal),
        ("annotations", &message.annotations),
        ("audio", &message.audio),
        ("function_call", &message.function_call),
        ("tool_calls", &message.tool_calls),
    ] {
        if value.as_ref().filter(empty).is_some() {
            return Err(refuse(field, "is not taken: a message is its role and its text".to_owned()));
        }
    }
    let content = match &message.content {
        Some(Content::Text(text)) => text.clone(),
        Some(Content::Parts(parts)) => text_of(parts, path)?,
        None => return Err(refuse("content", "must be a text or a list of text parts".to_owned())),
    };
    Ok(Message { role: role.to_owned(), content })
}

fn text_of(parts: &[Part], path: &str) -> Result<String, Problem> {
    let text = |(index, part): (usize, &Part)| match (part.kind.as_str(), &part.text) {
        ("text", Some(text)) => Ok(text.clone()),
        ("text", None) => {
            Err(Problem::field(Code::Invalid, format!("{path}.content[{index}].text"), "is missing".to_owned()))
        }
        (other, _) => {
            let reason = format!("is {other:?}; only parts of the type text are taken");
            Err(Problem::field(Code::Unsupported, format!("{path}.content[{index}].type"), reason))
        }
    };
    Ok(parts.iter().enumerate().map(text).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(sent: Value) -> Result<Vec<Message>, Problem> {
        messages(&serde_json::from_value::<Vec<ChatMessage>>(sent).unwrap())
    }

    #[test]
    fn parts_are_one_text_and_a_developer_is_the_system() {
        let parts = json!([{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }]);
        let read = of(json!([{ "role": "developer", "content": "be short" }, { "role": "user", "content": parts },
                             { "role": "assistant", "content": "c", "tool_calls": null, "annotations": [] }]));
        let read: Vec<(String, String)> = read.unwrap().into_iter().map(|m| (m.role, m.content)).collect();
        let words = [("system", "be short"), ("user", "a\nb"), ("assistant", "c")];
        assert_eq!(read, words.map(|(role, content)| (role.to_owned(), content.to_owned())));
    }

    #[test]
    fn what_is_no_text_is_named_by_its_path() {
        for (message, path) in [
            (json!({ "role": "tool", "content": "a" }), "messages[0].role"),
            (json!({ "role": "user", "content": null }), "messages[0].content"),
            (json!({ "role": "user", "content": [{ "type": "image_url" }] }), "messages[0].content[0].type"),
            (json!({ "role": "assistant", "content": "a", "tool_calls": [{}] }), "messages[0].tool_calls"),
        ] {
            assert_eq!(of(json!([message])).unwrap_err().body("r").invalid_params[0].name, path);
        }
    }
}
