//! Options that subcommands share. Each is a flag, an environment variable and a key of `attune.toml`; the help shows
//! all three.

use super::artifacts::{ArtifactOptions, GraceOption};
use super::exposure::ExposureOptions;
use super::slots::Slots;
use super::telemetry::TelemetryOptions;
use crate::jobs::spec::MAX_TIMEOUT_SECONDS;
use crate::lm::Quantization;
use crate::store::DatabaseUrl;
use clap::{Args, ValueEnum};
use std::fmt;
use std::path::PathBuf;

/// Which base model, and how it is loaded.
#[derive(Clone, Debug, Args)]
pub struct BaseOptions {
    /// `demo`; a directory with config.json, tokenizer.json and safetensors; a .gguf file; or an id on the Hugging Face
    /// hub: ORG/NAME, ORG/NAME@REVISION, ORG/NAME/FILE.gguf (downloaded once into the hub's cache; HF_TOKEN for gated ones)
    #[arg(long, env = "ATTUNE_BASE", default_value = "demo", value_name = "demo|DIR|HUB-ID|FILE.gguf")]
    pub base: String,
    /// Where it runs: auto takes a GPU where this build and this machine have one
    #[arg(long, env = "ATTUNE_DEVICE", default_value = "auto", value_name = "auto|cpu|cuda:N")]
    pub device: String,
    /// The precision of weights and arithmetic: auto is the checkpoint's on a GPU and f32 on a CPU, where 16 bits are slower.
    /// The weights take their number times 4 bytes in f32, 2 in f16 and bf16; the log says the sum before it is taken
    #[arg(long, env = "ATTUNE_DTYPE", default_value = "auto")]
    pub dtype: Precision,
    /// Quantise the weight matrices at load, to 1.06 (q8_0), 0.82 (q6k) or 0.56 (q4k) bytes a weight; adapters stay in full
    /// precision beside them. A GGUF file is kept as it is stored
    #[arg(long, env = "ATTUNE_QUANTIZE", value_name = "q8_0|q6k|q4k")]
    pub quantize: Option<Quantize>,
    /// Let no text, prompt and answer together, grow beyond so many tokens; the model's own limit where absent
    #[arg(long, env = "ATTUNE_CONTEXT", value_name = "TOKENS")]
    pub context: Option<usize>,
    /// Ask the hub for nothing: a model must be in its cache already
    #[arg(long, env = "ATTUNE_OFFLINE")]
    pub offline: bool,
}

/// Precisions of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// What measures best
    Auto,
    /// 32 bits
    F32,
    /// 16 bits, IEEE
    F16,
    /// 16 bits, brain float
    Bf16,
}

/// Quantisations of the weight matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Quantize {
    /// 8 bits in blocks of 32
    #[value(name = "q8_0")]
    Q8_0,
    /// 6 bits in super-blocks of 256
    Q6k,
    /// 4 bits in super-blocks of 256
    Q4k,
}

impl From<Quantize> for Quantization {
    fn from(quantize: Quantize) -> Self {
        match quantize {
            Quantize::Q8_0 => Self::Q8_0,
            Quantize::Q6k => Self::Q6k,
            Quantize::Q4k => Self::Q4k,
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

/// Where state is kept.
#[derive(Clone, Debug, Args)]
pub struct StateOptions {
    /// Where adapters, tasks, generators and jobs are kept; one process at a time
    #[arg(long, env = "ATTUNE_DATA_DIR", default_value = DEFAULT_DATA_DIR, value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Where the bytes are kept
    #[command(flatten)]
    pub artifacts: ArtifactOptions,
}

/// Which database.
#[derive(Clone, Debug, Default, Args)]
pub struct DatabaseOptions {
    /// Keep the records in this PostgreSQL database, postgres://USER:PASSWORD@HOST/DATABASE, which any number of processes
    /// share; each still has a data directory of its own. Absent: a file in the data directory. Better a variable than a
    /// flag, which others on the machine can read
    #[arg(long, env = "ATTUNE_DATABASE_URL", value_name = "URL", hide_env_values = true, hide_default_value = true)]
    pub database_url: Option<DatabaseUrl>,
}

/// Where state is found by a command that can do without.
#[derive(Clone, Debug, Args)]
pub struct OptionalStateOptions {
    /// The data directory whose adapters and generators are used; a temporary one where absent
    #[arg(long, env = "ATTUNE_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The database
    #[command(flatten)]
    pub database: DatabaseOptions,
    /// Where the bytes are kept
    #[command(flatten)]
    pub artifacts: ArtifactOptions,
}

const DEFAULT_DATA_DIR: &str = "attune-data";

/// As messages name it.
impl fmt::Display for StateOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.database.database_url {
            Some(_) => f.write_str("the database"),
            None => self.data_dir.display().fmt(f),
        }
    }
}

impl OptionalStateOptions {
    /// What is kept; `None` where neither a directory nor a database is named.
    pub fn state(&self) -> Option<StateOptions> {
        let (database, artifacts) = (self.database.clone(), self.artifacts.clone());
        match &self.data_dir {
            Some(data_dir) => Some(StateOptions { data_dir: data_dir.clone(), database, artifacts }),
            None if database.database_url.is_some() => {
                Some(StateOptions { data_dir: DEFAULT_DATA_DIR.into(), database, artifacts })
            }
            None => None,
        }
    }
}

/// What answers completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    /// This process
    #[default]
    Local,
    /// A vLLM server, which is given the adapters that are made here
    Vllm,
}

/// Which engine, and where it is.
#[derive(Clone, Debug, Default, Args)]
pub struct EngineArgs {
    /// What answers completions. With vllm the base is loaded here all the same: it reads descriptions and trains. Options that
    /// are said to be the local engine's have no effect then
    #[arg(long, env = "ATTUNE_ENGINE", default_value = "local")]
    pub engine: EngineName,
    /// The address of vLLM, which serves the same base with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True
    #[arg(long, env = "ATTUNE_VLLM_URL", value_name = "http://HOST:PORT")]
    pub vllm_url: Option<String>,
    /// The folder that adapters are put into for vLLM, which must see it under the same path. It is attune's alone
    #[arg(long, env = "ATTUNE_VLLM_ADAPTERS", value_name = "DIR")]
    pub vllm_adapters: Option<PathBuf>,
    /// Adapters that vLLM has loaded at once; 32 where absent. More than its --max-cpu-loras are read from disk again and again
    #[arg(long, env = "ATTUNE_VLLM_MAX_LORAS", value_parser = at_least_one, value_name = "ADAPTERS")]
    pub vllm_max_loras: Option<usize>,
    /// What vLLM's --api-key is
    #[arg(long, env = "ATTUNE_VLLM_API_KEY", hide_env_values = true, hide_default_value = true, value_name = "KEY")]
    pub vllm_api_key: Option<String>,
}

/// How jobs are worked off.
#[derive(Clone, Debug, Default, Args)]
pub struct JobOptions {
    /// How many training jobs of each kind this process runs at once, each with --train-threads threads; 1 of a kind that is not
    /// named. With 0 they wait for others: a server with adapter=0,generator=0 only queues, and `attune worker` does the work
    #[arg(long, env = "ATTUNE_SLOTS", value_name = "KIND=N,…")]
    pub slots: Option<Slots>,
    /// Seconds that an attempt of a job may take which has no timeout_seconds of its own; then the job has failed. No limit where
    /// absent. The time in which a job waits, in the queue or for jobs that it needs, does not count
    #[arg(long, env = "ATTUNE_JOB_TIMEOUT", value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_TIMEOUT_SECONDS)))]
    pub job_timeout: Option<u32>,
}

/// Options of a server.
#[derive(Clone, Debug, Args)]
pub struct ServeOptions {
    /// The base model
    #[command(flatten)]
    pub base: BaseOptions,
    /// The engine
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Where to listen
    #[arg(long, env = "ATTUNE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: String,
    /// Who may come
    #[command(flatten)]
    pub exposure: ExposureOptions,
    /// What it keeps
    #[command(flatten)]
    pub state: StateOptions,
    /// How long bytes that nothing uses any more are kept. They are collected every hour
    #[command(flatten)]
    pub grace: GraceOption,
    /// Threads that train beside serving
    #[arg(long, env = "ATTUNE_TRAIN_THREADS", default_value_t = 1)]
    pub train_threads: usize,
    /// Which jobs it runs
    #[command(flatten)]
    pub jobs: JobOptions,
    /// Requests that may wait before 429 is answered; vLLM is given so many, and max-rows more, at once
    #[arg(long, env = "ATTUNE_QUEUE", default_value_t = 256, value_parser = at_least_one)]
    pub queue: usize,
    /// Requests that run in one batch
    #[arg(long, env = "ATTUNE_MAX_ROWS", default_value_t = 32, value_parser = at_least_one)]
    pub max_rows: usize,
    /// Tokens that one step of the local engine's batch reads: a long prompt is read so much at a time, so that others go on writing beside
    /// it. Less makes their tokens come more evenly, more reads prompts faster
    #[arg(long, env = "ATTUNE_STEP_TOKENS", default_value_t = 128, value_parser = at_least_one)]
    pub step_tokens: usize,
    /// Memory for the local engine's keys and values, in MiB; a request waits until there is room for all that it may come to hold. Absent: twice
    /// what max-rows texts of full length take, so that prompts which begin alike are remembered, at most a quarter of the free memory
    #[arg(long, env = "ATTUNE_KV_CACHE_MIB")]
    pub kv_cache_mib: Option<u64>,
    /// Memory for the weights of an adapter that the local engine merges, in MiB; 0 merges none. Absent: as much as the base's weights, at most a
    /// quarter of the free memory
    #[arg(long, env = "ATTUNE_MERGE_MIB")]
    pub merge_mib: Option<u64>,
    /// Threads of the local engine; 0 takes all cores
    #[arg(long, env = "ATTUNE_THREADS", default_value_t = 0)]
    pub threads: usize,
    /// Seconds after which a completion that is not finished is given up with 504; a request may ask for less
    #[arg(long, env = "ATTUNE_REQUEST_TIMEOUT", default_value_t = 600, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub request_timeout: u64,
    /// Seconds that requests under way, streams among them, get to their end after SIGTERM; then they break off. As long as
    /// --request-timeout loses none
    #[arg(long, env = "ATTUNE_DRAIN_TIMEOUT", default_value_t = 30, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub drain_timeout: u64,
    /// Memory for adapters that are ready to run in the local engine, in MiB; the ones that are not used go first
    #[arg(long, env = "ATTUNE_ADAPTER_CACHE_MIB", default_value_t = 512)]
    pub adapter_cache_mib: u64,
    /// The longest adapter that may be imported, in MiB, packed or unpacked
    #[arg(long, env = "ATTUNE_MAX_IMPORT_MIB", default_value_t = 512)]
    pub max_import_mib: u64,
    /// What it tells
    #[command(flatten)]
    pub telemetry: TelemetryOptions,
}
