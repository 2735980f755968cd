//! A task in words and examples, the prompts made of it, and its vector.

mod base;
mod base_files;
mod description;
mod encoder;
mod prompt;

pub use base::Base;
pub use base_files::{BaseBytes, BaseFiles, Weights};
pub use description::{Demonstrations, Description, Error, MAX_DEMONSTRATIONS, MAX_DESCRIPTION_CHARS};
pub use encoder::{ENCODER_VERSION, Encoder};
pub use prompt::{InputTemplate, Marks, Prompter};

use serde::{Deserialize, Serialize};

/// One example of a task: an input, and the outputs that are right for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// What the task is done to.
    pub input: String,
    /// The accepted outputs; the first one is trained on.
    pub output: Outputs,
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
        Self { input: input.into(), output: Outputs::One(output.into()) }
    }

    /// Every accepted output.
    pub fn outputs(&self) -> &[String] {
        match &self.output {
            Outputs::One(output) => std::slice::from_ref(output),
            Outputs::Any(outputs) => outputs,
        }
    }

    /// The output to train on; empty where none is given.
    pub fn target(&self) -> &str {
        self.outputs().first().map_or("", String::as_str)
    }
}
