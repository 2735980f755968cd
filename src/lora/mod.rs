//! LoRA weights: their layout, the shared A0, PEFT directories and archives, GGUF, merging.
//!
//! Letters: r rank, `in` and `out` the widths of a linear layer; A is `[r, in]`, B is `[out, r]`,
//! dW = scale · B · A with scale = alpha / r (alpha / √r for rsLoRA).

mod adapter;
mod archive;
mod error;
mod gguf;
mod layout;
mod peft;
mod shared_a;

pub use adapter::{Adapter, merged_weight};
pub use archive::{ArchiveError, read_archive};
pub use error::Error;
pub use gguf::{GgufBase, GgufHeads, write_gguf};
pub use layout::{BaseShape, Layout, Module, Projections, Slot};
pub use peft::{MAX_RANK, PeftConfig, PeftFiles, read_peft, read_peft_directory, write_peft};
pub use shared_a::SharedA;
