//! What callers ask of completions and what they get.

use crate::engine::{Applied, FinishReason, Merge, Token, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A message of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// Raw text, or the tokens themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Prompt {
    /// Text. The token that begins a text, where the tokenizer has one, is put before it.
    Text(String),
    /// Tokens, to which nothing is added.
    Tokens(Vec<u32>),
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// The form of an answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponseFormat {
    /// Any text.
    #[default]
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON of a schema.
    JsonSchema {
        /// The schema.
        json_schema: NamedSchema,
    },
}

/// A JSON schema with its name. An answer always keeps to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedSchema {
    /// What it is called.
    #[serde(default)]
    #[schema(example = "answer")]
    pub name: Option<String>,
    /// What it is for. The model does not see it.
    #[serde(default)]
    pub description: Option<String>,
    /// The JSON schema.
    #[schema(value_type = Object, example = json!({ "type": "object", "properties": { "city": { "type": "string" } },
        "required": ["city"], "additionalProperties": false }))]
    pub schema: serde_json::Value,
    /// Taken and without effect: every answer is strict.
    #[serde(default)]
    pub strict: Option<bool>,
}

/// `POST /generate`: one of `input`, `prompt`, `messages`; `adapter` or `task` or neither.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// Put before the model as the examples were in training.
    #[serde(default)]
    pub input: Option<String>,
    /// Raw text, or tokens.
    #[serde(default)]
    pub prompt: Option<Prompt>,
    /// A conversation, put through the base's chat template; where it has none, the last user message is the input.
    #[serde(default)]
    pub messages: Option<Vec<Message>>,
    /// An adapter's id or name.
    #[serde(default)]
    pub adapter: Option<String>,
    /// A description: its adapter is made, or found, and applied.
    #[serde(default)]
    pub task: Option<String>,
    /// The factor of the adapter's update.
    #[serde(default)]
    pub scale: Option<f64>,
    /// The most tokens of the answer.
    #[serde(default)]
    pub max_tokens: Option<usize>,
    /// 0 takes the likeliest token.
    #[serde(default)]
    pub temperature: Option<f32>,
    /// Nucleus sampling.
    #[serde(default)]
    pub top_p: Option<f32>,
    /// Only so many of the likeliest tokens.
    #[serde(default)]
    pub top_k: Option<usize>,
    /// Only tokens so likely relative to the likeliest.
    #[serde(default)]
    pub min_p: Option<f32>,
    /// Above 1 makes what was said less likely.
    #[serde(default)]
    pub repetition_penalty: Option<f32>,
    /// Above 0 makes a token less likely with each time that the answer has it.
    #[serde(default)]
    #[schema(minimum = -2, maximum = 2, example = 0.5)]
    pub frequency_penalty: Option<f32>,
    /// Above 0 makes a token less likely once the answer has it.
    #[serde(default)]
    #[schema(minimum = -2, maximum = 2, example = 0.5)]
    pub presence_penalty: Option<f32>,
    /// Numbers from −100 to 100 that are added to the logits of tokens, by their ids. 100 all but forces a token, −100
    /// forbids it.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, f32>>, example = json!({ "101": -100 }))]
    pub logit_bias: Option<BTreeMap<u32, f32>>,
    /// The form of the answer.
    #[serde(default)]
    #[schema(example = json!({ "type": "json_object" }))]
    pub response_format: Option<ResponseFormat>,
    /// Whether the answer goes on to `max_tokens` whatever the model says: for benchmarks.
    #[serde(default)]
    #[schema(example = false)]
    pub ignore_eos: bool,
    /// Whether the prompt may be read from, and kept in, the prefix cache; true where absent.
    #[serde(default)]
    #[schema(example = true)]
    pub cache_prompt: Option<bool>,
    /// The request's deadline in milliseconds from its arrival; an answer that is not finished then is given up.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 3_600_000, example = 30_000)]
    pub timeout_ms: Option<u64>,
    /// The seed of the choice of tokens.
    #[serde(default)]
    pub seed: Option<u64>,
    /// A text, or texts, that end the answer.
    #[serde(default)]
    pub stop: Vec<String>,
    /// How many of the likeliest tokens are told at each step, at most 20.
    #[serde(default)]
    pub logprobs: Option<usize>,
    /// Whether the answer comes as server-sent events.
    #[serde(default)]
    pub stream: bool,
    /// Whether the adapter is merged into the weights.
    #[serde(default)]
    pub merge: Merge,
}

/// The answer to `POST /generate`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Generated {
    /// The completion's id.
    pub id: String,
    /// What was written.
    pub text: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// The adapter, and how it was applied.
    pub adapter: UsedAdapter,
    /// Tokens.
    pub usage: Usage,
    /// Times in milliseconds.
    pub timings_ms: GenerateTimings,
    /// The tokens, where `logprobs` asked for them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tokens: Vec<Token>,
}

/// Which adapter, and how.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UsedAdapter {
    /// Its id, or none.
    pub id: Option<String>,
    /// How it was applied.
    pub applied: Applied,
}

/// Milliseconds of a completion.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct GenerateTimings {
    /// Making or finding the adapter.
    pub adapter: f64,
    /// The part of `adapter` that read the description; 0 where the adapter was not made now.
    pub encode: f64,
    /// The part of `adapter` that wrote the weights; 0 where the adapter was not made now.
    pub generate: f64,
    /// In the queue.
    pub queue: f64,
    /// Reading the prompt.
    pub prefill: f64,
    /// Writing.
    pub decode: f64,
    /// All of it.
    pub total: f64,
}

/// One piece of a streamed answer.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Some text.
    Text {
        /// What joins the answer.
        text: String,
        /// The token, where `logprobs` asked.
        token: Option<Token>,
    },
    /// The end: everything but the text, which is the whole answer's.
    Done(Box<Generated>),
    /// It cannot be finished.
    Failed(crate::engine::Error),
}
