//! One example of a task.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// An example. Those of one task are all of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Example {
    /// An input, and the outputs that are right for it.
    Answered {
        /// What the task is done to.
        input: String,
        /// The accepted outputs; the first one is trained on.
        output: Outputs,
    },
    /// Plain text, to be gone on with in its manner.
    Text {
        /// The text.
        text: String,
    },
}

/// One output, or a list of accepted ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outputs {
    /// The only right output.
    One(String),
    /// Any of these is right.
    Any(Vec<String>),
}

impl Example {
    /// An example with one right output.
    pub fn new(input: impl Into<String>, output: impl Into<String>) -> Self {
        Self::Answered { input: input.into(), output: Outputs::One(output.into()) }
    }

    /// An example of plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// Whether it is plain text.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. })
    }
}

impl Outputs {
    /// Every accepted output.
    pub fn accepted(&self) -> &[String] {
        match self {
            Self::One(output) => std::slice::from_ref(output),
            Self::Any(outputs) => outputs,
        }
    }

    /// The output to train on; empty where none is given.
    pub fn target(&self) -> &str {
        self.accepted().first().map_or("", String::as_str)
    }
}

/// All fields that an example may have. Reading these and then choosing names the field that is missing, which an
/// untagged enum's own reader cannot.
#[derive(Deserialize)]
struct Fields {
    input: Option<String>,
    output: Option<Outputs>,
    text: Option<String>,
}

impl<'de> Deserialize<'de> for Example {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Fields::deserialize(deserializer)? {
            Fields { input: None, output: None, text: Some(text) } => Ok(Self::Text { text }),
            Fields { text: Some(_), .. } => {
                Err(D::Error::custom("has text beside input or output: send one or the other"))
            }
            Fields { input: Some(input), output: Some(output), .. } => Ok(Self::Answered { input, output }),
            Fields { input: None, .. } => Err(D::Error::missing_field("input")),
            Fields { output: None, .. } => Err(D::Error::missing_field("output")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_read_as_it_is_written() {
        for json in
            [r#"{"input":"a","output":"b"}"#, r#"{"input":"a","output":["b","c"]}"#, r#"{"text":"Once upon a time."}"#]
        {
            let example: Example = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&example).unwrap(), json);
        }
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        for (json, problem) in [
            ("{}", "missing field `input`"),
            (r#"{"input": "a"}"#, "missing field `output`"),
            (r#"{"output": "a"}"#, "missing field `input`"),
            (r#"{"text": "a", "output": "b"}"#, "text beside input or output"),
        ] {
            let refused = serde_json::from_str::<Example>(json).unwrap_err().to_string();
            assert!(refused.contains(problem), "{refused}");
        }
    }
}
