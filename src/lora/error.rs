//! Why LoRA weights are refused.

/// An error of an adapter's files or values; each names the field or tensor and the mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is missing or cannot be read.
    #[error("cannot read {file}: {source}; a PEFT directory holds adapter_config.json and adapter_model.safetensors")]
    File {
        /// Which file.
        file: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// `adapter_config.json` does not parse.
    #[error("adapter_config.json is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// `adapter_model.safetensors` does not parse.
    #[error("adapter_model.safetensors is not valid: {reason}")]
    Safetensors {
        /// The library's reason.
        reason: String,
    },
    /// A feature of PEFT that attune does not have.
    #[error("adapter_config.json: {field} is not supported ({value})")]
    Unsupported {
        /// The key.
        field: &'static str,
        /// Its value.
        value: String,
    },
    /// A target that the base model does not have.
    #[error(
        "target module {name} is not a linear layer of the base model (known: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj)"
    )]
    UnknownTarget {
        /// Its name.
        name: String,
    },
    /// A tensor that belongs to no slot.
    #[error("tensor {name} is not a LoRA weight of this base model: is the adapter for another base?")]
    UnknownTensor {
        /// Its name.
        name: String,
    },
    /// A or B without the other.
    #[error("tensor {name} is missing")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A tensor of the wrong shape.
    #[error("tensor {name} has shape {found:?}, the base model needs {expected:?}: is the adapter for another base?")]
    Shape {
        /// Its name.
        name: String,
        /// What it has.
        found: Vec<usize>,
        /// What it should have.
        expected: Vec<usize>,
    },
    /// A tensor of a type that is no float.
    #[error("tensor {name} has type {dtype}; f32, f16 and bf16 are accepted")]
    Dtype {
        /// Its name.
        name: String,
        /// What it has.
        dtype: String,
    },
    /// NaN or infinity.
    #[error("tensor {name} has a value that is not finite, or beyond ±65,504")]
    NotFinite {
        /// Its name.
        name: String,
    },
    /// An alpha that is no sensible factor.
    #[error("lora_alpha {alpha} of {name} is not above 0 and at most {limit}")]
    Alpha {
        /// Whose.
        name: String,
        /// What it is.
        alpha: f64,
        /// The largest that is accepted.
        limit: f64,
    },
    /// A rank of 0 or over the limit.
    #[error("rank {rank} of {name} is outside 1 to {limit}")]
    Rank {
        /// Whose.
        name: String,
        /// What it is.
        rank: usize,
        /// What it may be.
        limit: usize,
    },
    /// The tensor library's error.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
