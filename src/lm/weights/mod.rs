//! A base model's weights: their files, and how they are kept in memory.

mod checkpoint;
mod digest;
mod gguf_source;
mod merging;
mod shards;
mod source;
mod weight;

pub use checkpoint::{Checkpoint, TensorInfo};
pub use digest::BaseDigest;
pub use gguf_source::{GgufSource, GgufWeights};
pub use merging::{Merged, Merging};
pub use source::{CheckpointSource, Loading, Quantization, WeightSource};
pub(super) use weight::CHUNK_NUMBERS;
pub use weight::Weight;
