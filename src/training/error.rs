//! What can go wrong in training.

use std::path::PathBuf;

/// An error of a training run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pass that does not fit.
    #[error(
        "a pass of {tokens} tokens takes {need_mib} MiB beside the weights, but {available_mib} MiB are free: train with smaller batch_tokens and more gradient_accumulation_steps"
    )]
    Memory {
        /// Tokens of the pass.
        tokens: usize,
        /// What it takes at least.
        need_mib: u64,
        /// What there is.
        available_mib: u64,
    },
    /// The run was asked to stop; its last checkpoint stands.
    #[error("cancelled")]
    Cancelled,
    /// The loss is no number any more: the learning rate is too high, or the data is broken.
    #[error("the loss is not a number at step {step}: lower the learning rate")]
    Diverged {
        /// The step.
        step: usize,
    },
    /// A slot that no gradient reaches.
    #[error("no gradient reaches {slot}: this base's weights cannot be trained through")]
    Untrainable {
        /// The slot's path.
        slot: String,
    },
    /// A checkpoint cannot be read or written.
    #[error("checkpoint {}: {source}", path.display())]
    Checkpoint {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A checkpoint of another run.
    #[error("checkpoint {} is of another run ({field} differs): remove it or choose another folder", path.display())]
    OtherRun {
        /// Which file.
        path: PathBuf,
        /// What differs.
        field: &'static str,
    },
    /// Nothing to train on.
    #[error("no {what} to train on")]
    NoData {
        /// What is missing.
        what: &'static str,
    },
    /// Texts that are too short to be split.
    #[error("the texts leave none to {purpose}: add a longer one, or more")]
    NoText {
        /// What there is no text for.
        purpose: &'static str,
    },
    /// The generator's error.
    #[error(transparent)]
    Generator(#[from] crate::generator::Error),
    /// The model's error.
    #[error(transparent)]
    Model(#[from] crate::lm::Error),
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}
