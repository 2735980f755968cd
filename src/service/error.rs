//! Why a caller gets no answer.

use crate::engine::ResidencyError;
use crate::generator::Nearest;
use std::sync::Arc;

/// An error of the service. Its text is fit for callers, but for `Internal`, which is logged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The description or the demonstrations.
    #[error(transparent)]
    Task(#[from] crate::task::Error),
    /// A value that cannot be.
    #[error("{field}: {problem}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it, and the mend.
        problem: String,
    },
    /// Nothing of this id or name.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its id or name.
        id: String,
    },
    /// The base has no generator yet.
    #[error(
        "this base model has no generator yet: register tasks with PUT /tasks/{{name}} (or `attune task import --builtin`), then train one with POST /jobs/train {{\"kind\": \"generator\", \"tasks\": \"all\"}}; docs/own-model.md walks through it"
    )]
    NoGenerator,
    /// The generator was made for another base.
    #[error(
        "the generator was made for base {made_for}, this server runs {base}: train one for it with POST /jobs/train"
    )]
    StaleGenerator {
        /// The digest that it is bound to.
        made_for: String,
        /// The digest of the base that is loaded.
        base: String,
    },
    /// The generator was trained with another way of reading descriptions.
    #[error(
        "the generator was trained by an attune that reads descriptions otherwise (encoder {trained_with}, this one is {encoder}): train one anew with POST /jobs/train {{\"kind\": \"generator\", \"tasks\": \"all\", \"init\": \"random\"}}"
    )]
    OtherEncoder {
        /// The version that made its conditions.
        trained_with: String,
        /// The version that is here.
        encoder: &'static str,
    },
    /// The adapter was made for another base.
    #[error("adapter {id} was made for base {made_for}, this server runs {base}: make it anew from its description")]
    StaleAdapter {
        /// Its id.
        id: String,
        /// The digest that it was made for.
        made_for: String,
        /// The digest of the base that is loaded.
        base: String,
    },
    /// The description is out of distribution, and the caller wants no guess.
    #[error("{}", unknown(*score, nearest_tasks))]
    UnknownTask {
        /// The confidence's score.
        score: f64,
        /// The nearest training tasks, nearest first.
        nearest_tasks: Vec<Nearest>,
    },
    /// Too many refinements wait.
    #[error("{limit} refinements wait for their turn already: come again when some have finished")]
    RefiningFull {
        /// How many may wait.
        limit: usize,
    },
    /// Another adapter has the name.
    #[error("the name {name} is taken: choose another or send \"replace\": true")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// The key has used what it may of a day.
    #[error("this key's {limit} {what} a day are used: come again tomorrow (UTC), or ask for more")]
    QuotaUsed {
        /// `adapters` or `training-minutes`.
        what: &'static str,
        /// How many it may.
        limit: u32,
        /// Until the next day.
        wait: std::time::Duration,
    },
    /// The engine refuses.
    #[error(transparent)]
    Engine(#[from] crate::engine::Error),
    /// The adapters in use fill the memory.
    #[error(
        "the adapters in use fill the memory of {budget_mib} MiB (--adapter-cache-mib): come again when some have finished"
    )]
    AdaptersInUse {
        /// The memory.
        budget_mib: u64,
    },
    /// The adapters in use are all that vLLM may have loaded.
    #[error(
        "the adapters in use are all {limit} that vLLM may have loaded (--vllm-max-loras): come again when some have finished"
    )]
    LorasInUse {
        /// How many that are.
        limit: usize,
    },
    /// One adapter is larger than the memory for all.
    #[error("the adapter takes {needed_mib} MiB, more than the {budget_mib} of --adapter-cache-mib")]
    AdapterTooLarge {
        /// What it takes.
        needed_mib: u64,
        /// The memory.
        budget_mib: u64,
    },
    /// An adapter's files.
    #[error(transparent)]
    Lora(#[from] crate::lora::Error),
    /// The queue refuses.
    #[error(transparent)]
    Job(#[from] crate::jobs::QueueError),
    /// The store.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The bytes' store.
    #[error(transparent)]
    Artifact(#[from] crate::store::ArtifactError),
    /// Something that is attune's own fault.
    #[error("internal error")]
    Internal {
        /// For the log alone.
        reason: String,
    },
}

impl From<ResidencyError<Arc<Error>>> for Error {
    fn from(error: ResidencyError<Arc<Self>>) -> Self {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        match error {
            ResidencyError::Full { budget, .. } => Self::AdaptersInUse { budget_mib: budget >> 20 },
            ResidencyError::TooLarge { budget, needed } => {
                Self::AdapterTooLarge { needed_mib: mib(needed), budget_mib: budget >> 20 }
            }
            ResidencyError::Load(shared) => Self::shared(shared),
        }
    }
}

impl From<crate::vllm::Error> for Arc<Error> {
    fn from(error: crate::vllm::Error) -> Self {
        Self::new(Error::vllm(error))
    }
}

impl Error {
    /// The error of a vLLM that was told of an adapter.
    pub(super) fn vllm(error: crate::vllm::Error) -> Self {
        use crate::vllm::Error as Vllm;
        let text = error.to_string();
        match error {
            Vllm::Adapter { .. } => Self::Invalid { field: "adapter", problem: text },
            Vllm::Away { .. } | Vllm::UnknownModel => crate::engine::Error::Away { reason: text }.into(),
            Vllm::Refused { .. } => crate::engine::Error::Refused { reason: text }.into(),
            Vllm::Folder { .. } | Vllm::Url { .. } => Self::Internal { reason: text },
        }
    }

    /// A fault of attune's own.
    pub(super) fn internal(error: impl std::fmt::Display) -> Self {
        Self::Internal { reason: error.to_string() }
    }

    /// An error that several requests share: what a caller can mend stays what it is.
    pub(super) fn shared(error: Arc<Self>) -> Self {
        Arc::try_unwrap(error).unwrap_or_else(|error| match &*error {
            Self::Invalid { field, problem } => Self::Invalid { field, problem: problem.clone() },
            Self::NotFound { what, id } => Self::NotFound { what, id: id.clone() },
            Self::NoGenerator => Self::NoGenerator,
            Self::StaleGenerator { made_for, base } => {
                Self::StaleGenerator { made_for: made_for.clone(), base: base.clone() }
            }
            Self::OtherEncoder { trained_with, encoder } => {
                Self::OtherEncoder { trained_with: trained_with.clone(), encoder }
            }
            Self::UnknownTask { score, nearest_tasks } => {
                Self::UnknownTask { score: *score, nearest_tasks: nearest_tasks.clone() }
            }
            Self::RefiningFull { limit } => Self::RefiningFull { limit: *limit },
            Self::Engine(engine) => Self::Engine(engine.clone()),
            Self::Artifact(artifact) => Self::Artifact(artifact.clone()),
            // What passes by itself must not look like a fault of ours to the others that waited.
            Self::Store(crate::store::StoreError::Busy) => Self::Store(crate::store::StoreError::Busy),
            Self::Store(crate::store::StoreError::DiskFull) => Self::Store(crate::store::StoreError::DiskFull),
            Self::Internal { reason } => Self::Internal { reason: reason.clone() },
            other => Self::internal(other),
        })
    }

    /// The model's error: a text that is too long is the caller's, the rest is attune's.
    pub(super) fn model(error: crate::lm::Error) -> Self {
        match error {
            crate::lm::Error::TooLong { tokens, context } => Self::Invalid {
                field: "task",
                problem: format!("{tokens} tokens do not fit the base's context of {context}: shorten the text"),
            },
            beyond @ crate::lm::Error::TokenBeyondVocabulary { .. } => {
                Self::Invalid { field: "input", problem: beyond.to_string() }
            }
            other => Self::internal(other),
        }
    }

    /// The generator's error.
    pub(super) fn generator(error: crate::generator::Error) -> Self {
        match error {
            crate::generator::Error::OtherBase { made_for, base } => Self::StaleGenerator { made_for, base },
            crate::generator::Error::OtherEncoder { trained_with, encoder } => {
                Self::OtherEncoder { trained_with, encoder }
            }
            other => Self::internal(other),
        }
    }

    /// The error of a choice between samples: what a caller can mend of it stays what it is.
    pub(super) fn choosing(error: crate::training::Error) -> Self {
        match error {
            crate::training::Error::Model(error) => Self::model(error),
            crate::training::Error::Generator(error) => Self::generator(error),
            other => Self::internal(other),
        }
    }

    /// The refinement's error.
    pub(super) fn refining(error: crate::training::Error) -> Self {
        match error {
            crate::training::Error::Untrainable { .. } => {
                Self::Invalid { field: "refine", problem: format!("{error}; leave refine out") }
            }
            crate::training::Error::Model(error) => Self::model(error),
            other => Self::internal(other),
        }
    }
}

/// What an unknown task is near to, and what can be done.
fn unknown(score: f64, nearest: &[Nearest]) -> String {
    let near: Vec<String> = nearest.iter().map(|near| format!("{} ({:.2})", near.name, near.similarity)).collect();
    format!(
        "the generator does not know such a task: its score is {score:.2}, and 0.5 is asked for; nearest are {}. Send examples and refine {{\"steps\": 20}} with on_unknown generate or blend, or register the task with PUT /tasks/{{name}} and train it with POST /jobs/train",
        near.join(", ")
    )
}
