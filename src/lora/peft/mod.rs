//! PEFT adapters: `adapter_config.json` and `adapter_model.safetensors`, as peft reads and writes them.

mod config;
mod files;
mod patterns;
mod read;
mod write;

pub use config::PeftConfig;
pub use files::PeftFiles;
pub use read::{read_peft, read_peft_directory};
pub use write::write_peft;

pub(super) use files::{CONFIG_FILE, PICKLE_FILE, WEIGHTS_FILE};

/// The largest rank that is accepted.
pub const MAX_RANK: usize = 64;

/// What peft writes before a module's path.
const PREFIX: &str = "base_model.model.";
