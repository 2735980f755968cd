//! What the engine is asked, and what it answers.

use super::Error;
use crate::engine::Lease;
use crate::lm::StepAdapter;
use crate::lm::guide::Guide;
use crate::lm::sampling::Sampling;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedSender;

/// Whether an adapter is merged into the weights for a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Merge {
    /// The engine decides: merged where one adapter has had the engine to itself long enough to pay for it.
    #[default]
    Auto,
    /// Merged, in a batch of its own adapter.
    Always,
    /// Beside the weights.
    Never,
}

/// An adapter as a request applies it.
#[derive(Clone, Debug)]
pub struct AppliedAdapter {
    /// Names it: two requests with one id use the same weights.
    pub id: String,
    /// What the request calls it, for those that ask which adapters are in use.
    pub called: Arc<str>,
    /// The weights; the lease keeps them in memory.
    pub adapter: Lease<StepAdapter>,
    /// The factor of its update.
    pub scale: f64,
}

/// One completion.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prompt.
    pub prompt: Vec<u32>,
    /// The adapter, or none.
    pub adapter: Option<AppliedAdapter>,
    /// Whether it is merged.
    pub merge: Merge,
    /// The most tokens of the answer.
    pub max_tokens: usize,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// The seed of the choice.
    pub seed: u64,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// How many of the likeliest tokens are told at each step; `None` tells no probabilities.
    pub logprobs: Option<usize>,
    /// What the answer must look like.
    pub guide: Option<Guide>,
    /// Whether the answer goes on behind the token that would end it.
    pub ignore_end: bool,
    /// Whether keys and values of a prompt that begins alike may be used, and kept for others.
    pub cache_prompt: bool,
    /// Who asks: cached keys and values are not shared between owners.
    pub owner: Arc<str>,
    /// When nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

/// How an adapter was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Applied {
    /// In the weights.
    Merged,
    /// Beside them.
    Unmerged,
    /// There was none.
    None,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishReason {
    /// At its own end or at a stop text.
    Stop,
    /// At `max_tokens`.
    Length,
}

/// A token and how likely it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// Its id.
    pub id: u32,
    /// Its text.
    pub text: String,
    /// Natural logarithm of its probability, before temperature and filters.
    pub logprob: f32,
}

/// One token of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// The token that was chosen.
    #[serde(flatten)]
    pub chosen: TokenLogprob,
    /// The likeliest ones, likeliest first.
    pub top: Vec<TokenLogprob>,
}

/// Tokens read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the answer, its end included.
    pub completion_tokens: usize,
    /// Both.
    pub total_tokens: usize,
    /// Tokens of the prompt whose keys and values were there already.
    pub cached_tokens: usize,
}

/// Where the time went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// In the queue.
    pub queue: f64,
    /// From the queue to the first token.
    pub prefill: f64,
    /// From the first token to the last.
    pub decode: f64,
}

/// What the engine tells of a request, in order; `Done` or `Failed` is the last.
#[derive(Clone, Debug)]
pub enum Event {
    /// Some text (which may be empty) and the token that it came with, where probabilities were asked for.
    Text {
        /// What joins the answer.
        text: String,
        /// The token.
        token: Option<Token>,
    },
    /// The end.
    Done {
        /// Why.
        reason: FinishReason,
        /// Tokens.
        usage: Usage,
        /// Times.
        timings: Timings,
        /// How the adapter was applied.
        applied: Applied,
    },
    /// It cannot be finished.
    Failed(Error),
}

/// Where events go; a closed one frees the request's row at the next step.
pub(super) type Sink = UnboundedSender<Event>;
