//! Our own LoRA-aware decoder, for the families that people use.
//!
//! Letters of the shapes, everywhere in `lm`: B rows of a batch, T tokens of a row, S tokens seen
//! so far, D hidden size, Hq query heads, Hkv key and value heads, E width of a head, W of its coordinates
//! that RoPE turns, V vocabulary,
//! R rank of an adapter, N tokens that are scored.
//!
//! Two numeric paths share the weights. The *packed* path ([`Packed`]) sees whole rows at once,
//! several independent texts behind one prefix in a row, and every operation of it has a backward:
//! training, scoring and task vectors use it. The *cached* path ([`StepRow`],
//! [`KvMemory`]) generates.

mod attention;
mod block;
pub mod chat;
mod config;
mod error;
pub mod gguf;
pub mod guide;
pub mod kernels;
mod kv_memory;
mod linear;
mod memory;
mod mlp;
mod model;
mod norm;
pub mod ops;
mod packed;
mod recompute;
mod rope;
mod row_adapters;
pub mod sampling;
mod step;
mod token_bytes;
mod tokenizer;
mod weights;

#[cfg(test)]
pub(crate) use config::smollm2_135m;
pub use config::{Activation, Biases, Config, Family, FileConfig, LayerKind, RopeConfig, RopeScaling, token_ids};
pub use error::Error;
pub use kv_memory::KvMemory;
pub use memory::MemoryNeed;
pub use model::{Model, Recompute};
pub use packed::{Packed, Piece};
pub use row_adapters::{RowAdapters, SlotRows};
pub use step::{CachedText, Products, StepAdapter, StepRow};
pub use tokenizer::{TextStream, Tokenizer, byte_level_tokenizer_json};
pub use weights::{
    BaseDigest, Checkpoint, CheckpointSource, GgufSource, GgufWeights, Loading, Merged, Merging, Quantization,
    TensorInfo, Weight, WeightSource,
};
