//! What callers ask of the service and what they get, with the field names of the interface.

mod generate;
mod map;

pub use generate::*;
pub use map::*;

use crate::engine::BreakEven;
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
    /// Samples z with this seed, and takes what is drawn; the prior's mean where absent.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Draws this many and keeps the one with the lowest cross-entropy on the examples. 1 is one alone: the mean, or what
    /// `seed` draws.
    #[serde(default)]
    pub samples: Option<usize>,
    /// Fine-tunes the adapter on the examples or, where there are none, on what the base answers that is told the task.
    /// Where absent, an adapter that is worth less than they are takes some steps, unless
    /// one draw is asked for (`seed` or `samples: 1`) or the base is so large that they would take long; `{"steps": 0}` takes none.
    #[serde(default)]
    pub refine: Option<Refine>,
    /// What is done with a description that is out of distribution. A blend is of prior means: `seed` and `samples`
    /// count for generated adapters alone.
    #[serde(default)]
    pub on_unknown: OnUnknown,
    /// A name of one's own.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether the name may be taken from another adapter.
    #[serde(default)]
    pub replace: bool,
}

/// Fine-tuning of a generated adapter on the examples of its request, or on the described base's own answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object such as {\"steps\": 20}")]
pub struct Refine {
    /// Gradient steps, each on all examples; 0 for none.
    #[schema(minimum = 0, maximum = 100, example = 20)]
    pub steps: usize,
}

/// What is done with a description that is out of distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// The adapter is generated as any other.
    #[default]
    Generate,
    /// The adapters of the nearest training tasks are averaged, weighted by how near they are.
    Blend,
    /// The request is refused.
    Reject,
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
    /// Trying the adapter for the confidence; 0 where its generator does not ask for that.
    pub confidence: f64,
    /// Waiting for the turn to refine them, and refining them; 0 where `refine` was not asked for.
    pub refine: f64,
    /// All of it.
    pub total: f64,
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
    /// Steps of a refinement.
    pub refine_steps: usize,
    /// Tokens of the examples that a refinement sees.
    pub refine_tokens: usize,
    /// Refinements that may wait for their turn, the one that goes on among them.
    pub refining: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// Bytes of an adapter that is imported, packed or unpacked.
    pub import_bytes: usize,
    /// Requests that may wait for the engine.
    pub queue: usize,
    /// The longest deadline of a completion, in milliseconds.
    pub timeout_ms: u64,
    /// Tokens that `logit_bias` may name.
    pub logit_biases: usize,
    /// Bytes of the JSON schema of an answer.
    pub json_schema_bytes: usize,
}

/// Which engine answers completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// The one of this process.
    Local,
    /// A vLLM server. It does not tell of its queue and memory, so that those are 0 here.
    Vllm,
}

/// The engine's load.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EngineInfo {
    /// Which one it is.
    pub kind: EngineKind,
    /// Requests that wait.
    pub queued: usize,
    /// Rows that run.
    pub running: usize,
    /// Rows that may run at once.
    pub max_rows: usize,
    /// Tokens that one step reads.
    pub step_tokens: usize,
    /// The memory of keys and values.
    pub kv_cache: KvCacheInfo,
    /// Adapters in memory.
    pub adapters: ResidentInfo,
    /// Merging adapters into the weights.
    pub merge: MergeInfo,
    /// vLLM, where it is the engine.
    pub vllm: Option<VllmInfo>,
}

/// vLLM as the engine.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VllmInfo {
    /// Whether it can be used.
    pub ready: bool,
    /// Why it cannot.
    pub reason: Option<String>,
    /// What it calls its base, which must be the one that is loaded here; none while it was not seen.
    pub base_model: Option<String>,
    /// Adapters that it has loaded at once.
    pub max_loras: usize,
}

/// The memory of keys and values: a text is admitted when there are blocks for all that it may come to hold.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct KvCacheInfo {
    /// Tokens of a block.
    pub block_tokens: usize,
    /// All blocks.
    pub blocks: usize,
    /// Blocks that running texts hold.
    pub used: usize,
    /// Blocks that are kept for prompts that begin alike, until they are needed.
    pub cached: usize,
}

/// Adapters that are ready to run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResidentInfo {
    /// How many.
    pub resident: usize,
    /// How many of them requests use.
    pub leased: usize,
    /// What they take.
    pub bytes: u64,
    /// What they may take.
    pub budget_bytes: u64,
    /// How many were loaded since the start.
    pub loads: u64,
    /// How many of those had to go again.
    pub evictions: u64,
}

/// When `merge: auto` merges: as soon as one adapter has had the engine to itself for so many tokens.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MergeInfo {
    /// Why nothing can be merged.
    pub unavailable: Option<String>,
    /// Bytes that merged weights may take.
    pub budget_bytes: u64,
    /// Tokens after which merging has paid for itself here; none where nothing is merged unasked.
    pub break_even_tokens: Option<u64>,
    /// What was measured at the start.
    #[schema(value_type = Option<Object>)]
    pub measured: Option<BreakEven>,
}
