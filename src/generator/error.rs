//! What can go wrong with a generator.

/// An error of a generator's file or numbers.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file does not parse.
    #[error("the generator's file is not valid: {reason}")]
    File {
        /// Why.
        reason: String,
    },
    /// A tensor is missing.
    #[error("the generator's file lacks the tensor {name}")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// It was made for another base model.
    #[error(
        "the generator was trained for base {made_for}, this base is {base}: train a generator for it with POST /jobs/train"
    )]
    OtherBase {
        /// The digest that it is bound to.
        made_for: String,
        /// The digest of the base that is loaded.
        base: String,
    },
    /// It was trained with another way of reading descriptions.
    #[error(
        "the generator was trained by an attune that reads descriptions otherwise (encoder {trained_with}, this one is {encoder}): train a generator with POST /jobs/train {{\"init\": \"random\"}}"
    )]
    OtherEncoder {
        /// The version that made its conditions.
        trained_with: String,
        /// The version that is here.
        encoder: &'static str,
    },
    /// A condition of another width.
    #[error("the condition has {found} numbers, the generator needs {expected}")]
    Condition {
        /// What came.
        found: usize,
        /// What it takes.
        expected: usize,
    },
    /// Nothing to blend.
    #[error("the generator remembers no training task near to the description")]
    NoTasks,
    /// LoRA weights that do not fit.
    #[error(transparent)]
    Lora(#[from] crate::lora::Error),
    /// The tensor library's error.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
