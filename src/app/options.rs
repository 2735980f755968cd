//! Options that subcommands share. Each is a flag, an environment variable and a key of `attune.toml`; the help shows
//! all three.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Which base model, and how it is loaded.
#[derive(Clone, Debug, Args)]
pub struct BaseOptions {
    /// `demo`, or a directory with config.json, tokenizer.json and model.safetensors
    #[arg(long, env = "ATTUNE_BASE", default_value = "demo", value_name = "demo|DIR")]
    pub base: String,
    /// Where it runs: auto takes a GPU where this build and this machine have one
    #[arg(long, env = "ATTUNE_DEVICE", default_value = "auto", value_name = "auto|cpu|cuda:N")]
    pub device: String,
    /// The precision of the weights
    #[arg(long, env = "ATTUNE_DTYPE", default_value = "f32")]
    pub dtype: Precision,
}

/// Precisions of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// 32 bits; on a CPU also the fastest
    F32,
    /// 16 bits, IEEE
    F16,
    /// 16 bits, brain float
    Bf16,
}

/// Options of a server.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// The base model
    #[command(flatten)]
    pub base: BaseOptions,
    /// Where to listen
    #[arg(long, env = "ATTUNE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: String,
    /// Where adapters, tasks, generators and jobs are kept; one process at a time
    #[arg(long, env = "ATTUNE_DATA_DIR", default_value = "attune-data", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// Threads that train beside serving
    #[arg(long, env = "ATTUNE_TRAIN_THREADS", default_value_t = 1)]
    pub train_threads: usize,
    /// Requests that may wait before 429 is answered
    #[arg(long, env = "ATTUNE_QUEUE", default_value_t = 256)]
    pub queue: usize,
    /// Requests that run in one batch
    #[arg(long, env = "ATTUNE_MAX_ROWS", default_value_t = 32)]
    pub max_rows: usize,
    /// Memory for adapters, in MiB
    #[arg(long, env = "ATTUNE_ADAPTER_CACHE_MIB", default_value_t = 512)]
    pub adapter_cache_mib: u64,
    /// The longest adapter that may be imported, in MiB, packed or unpacked
    #[arg(long, env = "ATTUNE_MAX_IMPORT_MIB", default_value_t = 512)]
    pub max_import_mib: u64,
}
