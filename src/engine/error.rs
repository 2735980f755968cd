//! Why a request is not served.

/// An error of a request to the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The queue is full: come again.
    #[error("the queue of {limit} requests is full")]
    QueueFull {
        /// How many it holds.
        limit: usize,
    },
    /// The engine is stopping.
    #[error("the engine is stopping")]
    Stopping,
    /// Prompt and answer together pass the context.
    #[error("{prompt_tokens} prompt tokens and max_tokens {max_tokens} do not fit the context of {context} tokens")]
    TooLong {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Tokens asked for.
        max_tokens: usize,
        /// Tokens that fit.
        context: usize,
    },
    /// A prompt without tokens.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// Its time was over before it was finished.
    #[error("the request's time was over before it was finished")]
    Expired,
    /// The memory of keys and values is too small for it, however empty.
    #[error(
        "{tokens} tokens of prompt and answer need more than the {capacity} tokens that the memory of keys and values holds"
    )]
    KvCapacity {
        /// Tokens of prompt and answer.
        tokens: usize,
        /// Tokens that the memory holds.
        capacity: usize,
    },
    /// Adapters cannot be merged into these weights.
    #[error("merge: always cannot be done: {reason}")]
    Unmergeable {
        /// Why.
        reason: String,
    },
    /// What the answer must look like cannot be held.
    #[error("the answer cannot be held to its format: {reason}")]
    Guide {
        /// Why.
        reason: String,
    },
    /// The step failed; it is logged.
    #[error("the model's step failed: {reason}")]
    Step {
        /// The tensor library's reason.
        reason: String,
    },
    /// The engine is a server of its own, and cannot be used now.
    #[error("the engine cannot be used now: {reason}")]
    Away {
        /// Why.
        reason: String,
    },
    /// The engine is a server of its own, and says no.
    #[error("the engine refuses the request: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
}
