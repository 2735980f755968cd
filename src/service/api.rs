//! What callers ask of the service and what they get, with the field names of the interface.

use crate::engine::{Applied, FinishReason, Merge, Token, Usage};
use crate::generator::Confidence;
use crate::lora::Module;
use crate::store::AdapterKind;
use crate::task::Example;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

/// `POST /adapters`
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAdapter {
    /// What the task does to its input, in words.
    pub task: String,
    /// A few demonstrations.
    #[serde(default)]
    pub examples: Vec<Example>,
    /// A generator's id; the active one where absent.
    #[serde(default)]
    pub generator: Option<String>,
    /// Samples z with this seed; the prior's mean where absent.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Draws this many and keeps the one with the lowest cross-entropy on the examples.
    #[serde(default)]
    pub samples: Option<usize>,
    /// A name of one's own.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether the name may be taken from another adapter.
    #[serde(default)]
    pub replace: bool,
}

/// An adapter, as every route shows it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AdapterView {
    /// Its id.
    pub id: String,
    /// Where it comes from.
    pub kind: AdapterKind,
    /// The caller's name for it.
    pub name: Option<String>,
    /// The description.
    pub task: Option<String>,
    /// The generator that wrote it.
    pub generator: Option<String>,
    /// The digest of its base.
    pub base_model: String,
    /// r
    pub rank: u32,
    /// lora_alpha
    pub alpha: f64,
    /// Names of the changed layers.
    pub target_modules: Vec<String>,
    /// How many numbers it has.
    pub parameters: u64,
    /// The size of its file.
    pub bytes: u64,
    /// SHA-256 of its file, which is its `ETag`.
    pub digest: String,
    /// The seed of a sampled one.
    pub seed: Option<i64>,
    /// Whether it was made for another base than the one that is loaded.
    pub stale: bool,
    /// The generator's trust in it.
    pub confidence: Option<Confidence>,
    /// When the caller got it.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: OffsetDateTime,
    /// Where to go from here.
    pub links: AdapterLinks,
}

/// Paths of an adapter.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AdapterLinks {
    /// The adapter.
    #[serde(rename = "self")]
    pub this: String,
    /// `adapter_model.safetensors`
    pub weights: String,
    /// `adapter_config.json`
    pub config: String,
}

/// The answer to `POST /adapters`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CreatedAdapter {
    /// The adapter.
    #[serde(flatten)]
    pub adapter: AdapterView,
    /// Whether the caller had it already.
    pub cached: bool,
    /// Where the time went.
    pub timings_ms: CreateTimings,
}

/// Milliseconds of making an adapter; 0 where it was cached.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct CreateTimings {
    /// Reading the description.
    pub encode: f64,
    /// Writing the weights.
    pub generate: f64,
    /// All of it.
    pub total: f64,
}

/// A message of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// What was said.
    pub content: String,
}

/// `POST /generate`: one of `input`, `prompt`, `messages`; `adapter` or `task` or neither.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// Put before the model as the examples were in training.
    #[serde(default)]
    pub input: Option<String>,
    /// Raw text.
    #[serde(default)]
    pub prompt: Option<String>,
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

/// A generator version.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GeneratorView {
    /// Its id.
    pub id: String,
    /// The digest of its base.
    pub base_model: String,
    /// Its architecture.
    pub arch: String,
    /// Whether it serves.
    pub active: bool,
    /// Whether it was made for another base than the one that is loaded.
    pub stale: bool,
    /// The size of its file.
    pub bytes: u64,
    /// What was measured before it could be promoted.
    #[schema(value_type = Option<Object>)]
    pub evaluation: Option<serde_json::Value>,
    /// The generator that it grew from.
    pub parent: Option<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: OffsetDateTime,
}

/// `GET /info`
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Info {
    /// attune's version.
    pub version: String,
    /// The base's name.
    pub base_model: String,
    /// The base's digest.
    pub base_digest: String,
    /// The base's parameters.
    pub base_parameters: u64,
    /// Where it runs: `cpu` or `cuda:N`.
    pub device: String,
    /// Its family, as `model_type` names it.
    pub base_family: String,
    /// The precision of the arithmetic.
    pub dtype: String,
    /// How its weight matrices are kept: `f32`, `bf16`, `q8_0`, `q4k` …
    pub weights: String,
    /// Whether it has a chat template, which `messages` and `input` go through.
    pub chat_template: bool,
    /// What the base takes in memory.
    pub memory: MemoryInfo,
    /// The active generator's id.
    pub generator: Option<String>,
    /// Modules that a generated adapter changes.
    pub target_modules: Vec<Module>,
    /// Limits.
    pub limits: Limits,
    /// What the engine is doing.
    pub engine: EngineInfo,
}

/// What the base takes in memory.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct MemoryInfo {
    /// Bytes of the weights.
    pub weight_bytes: u64,
    /// Bytes of the keys and values of one token of a running text.
    pub cache_bytes_per_token: u64,
}

/// Limits of requests.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Characters of a description.
    pub description_chars: usize,
    /// Demonstrations of a request.
    pub demonstrations: usize,
    /// The largest rank of an imported adapter.
    pub rank: usize,
    /// Tokens of prompt and answer.
    pub context_tokens: usize,
    /// Samples of one request.
    pub samples: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of an adapter that is imported, packed or unpacked.
    pub import_bytes: usize,
    /// Requests that may wait for the engine.
    pub queue: usize,
}

/// The engine's load.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct EngineInfo {
    /// Requests that wait.
    pub queued: usize,
    /// Rows that run.
    pub running: usize,
    /// Rows that may run at once.
    pub max_rows: usize,
}
