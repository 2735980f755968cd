//! Why LoRA weights are refused.

/// Characters of a base's name that are shown.
const MAX_SHOWN: usize = 200;

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
    /// The adapter cannot be written.
    #[error("cannot write the adapter: {source}")]
    Write {
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
    /// The weights are only there as a pickle.
    #[error(
        "adapter_model.bin is a pickle, which runs code when it is read, and is refused; convert it: load it with peft and save it with save_pretrained(…, safe_serialization=True)"
    )]
    Pickle,
    /// An archive that cannot be an adapter.
    #[error(transparent)]
    Archive(#[from] super::ArchiveError),
    /// A key that must be there.
    #[error("adapter_config.json: {field} is missing")]
    MissingKey {
        /// The key.
        field: &'static str,
    },
    /// A key of `rank_pattern` or `alpha_pattern` that is no expression, or its value.
    #[error("adapter_config.json: {field}, key {key}: {problem}")]
    Pattern {
        /// Which of the two.
        field: &'static str,
        /// Its key.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// The adapter belongs to a base that its training changed.
    #[error(
        "adapter_config.json: init_lora_weights {value} means that training changed the base's weights too; save the adapter with save_pretrained(…, path_initial_model_for_weight_conversion=…), which turns it into a plain LoRA"
    )]
    ChangedBase {
        /// Its value.
        value: String,
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
        "target module {name} is not a linear layer of the base model (known: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, qkv_proj, gate_up_proj)"
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
    /// A tensor of something that is no plain LoRA of a linear layer.
    #[error("tensor {name} is {what}, which is not supported: only LoRA of linear layers is")]
    UnsupportedTensor {
        /// Its name.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// A tensor of a layer that the configuration leaves out.
    #[error("tensor {name} is of layer {layer}, which layers_to_transform of adapter_config.json leaves out")]
    LayerLeftOut {
        /// Its name.
        name: String,
        /// The layer, from 0.
        layer: usize,
    },
    /// The tensors do not fit, and the configuration says what they were made for.
    #[error("{reason} adapter_config.json says that it was made for {made_for}")]
    OtherBase {
        /// The base's name.
        made_for: String,
        /// What does not fit.
        reason: Box<Error>,
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

impl Error {
    /// The same error; where the tensors are another base's, with the name of that base.
    pub(super) fn made_for(self, base: Option<&str>) -> Self {
        match (self, base) {
            (reason @ (Self::Shape { .. } | Self::UnknownTensor { .. }), Some(base)) => {
                let made_for = base.chars().take(MAX_SHOWN).collect();
                Self::OtherBase { made_for, reason: Box::new(reason) }
            }
            (error, _) => error,
        }
    }
}
