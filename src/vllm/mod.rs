//! vLLM as the engine: completions go to its OpenAI-compatible API, through adapters that it is given as PEFT directories.
//!
//! The base is in vLLM twice over: here it reads descriptions and trains, there it answers. An adapter is written into a
//! folder that both see, loaded by its id before its first use, and unloaded when others need its place. What vLLM was
//! told it may forget, by a restart: a request that finds its adapter unknown has it loaded again.
//!
//! The contract is vLLM's published one (its documentation of `vllm serve` and of LoRA adapters): `GET /health`,
//! `GET /v1/models`, `POST /v1/completions`, `POST /v1/load_lora_adapter`, `POST /v1/unload_lora_adapter`, the last two
//! with `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`.

mod answer;
mod body;
mod chunk;
mod client;
mod error;
mod folder;
mod handle;
mod loras;
mod options;
mod peft;
mod watch;

pub use error::Error;
pub use handle::{Submitted, Vllm, VllmRequest, VllmStatus};
pub use loras::{Loaded, Lora};
pub use options::{ApiKey, VllmOptions, VllmUrl};
