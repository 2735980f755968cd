//! What attune does for a caller, free of HTTP: adapters from descriptions, completions through
//! them, tasks, generators and training jobs.
//!
//! One [`Service`] holds the base, the engine, the store and the caches. Heavy work (reading a
//! description, writing weights) runs on blocking threads, outside the engine's.

mod adapters;
pub mod api;
mod asked;
mod backend;
mod caller;
mod error;
mod files;
mod gate;
mod generate;
mod generators;
mod guides;
mod importing;
mod job_progress;
mod jobs;
mod keys;
mod make;
mod making;
mod metrics;
mod prompt;
mod refining;
mod sampling;
mod task_data;
mod tasks;
mod token_text;
mod told;
mod training;
mod wanted;

pub use adapters::{AdapterFile, FileBody};
pub use api::*;
pub use backend::EngineChoice;
pub use caller::{Caller, CallerKey};
pub use error::Error;
pub use generate::{Prepared, whole};
pub use generators::NewGenerator;
pub use importing::ImportAdapter;
pub use keys::{CreateKey, CreatedKey, KeyView, SecretKey, create_key};
pub use sampling::MAX_LOGPROBS;
pub use task_data::{Halves, halves};
pub use tasks::{Change, NewTask};
pub use token_text::TokenText;
pub use training::TrainHandler;

use crate::generator::GeneratorFile;
use crate::jobs::Queue;
use crate::lm::guide::GuideFactory;
use crate::store::{Artifacts, Store};
use crate::task::{Base, Encoder, MAX_DEMONSTRATIONS, MAX_DESCRIPTION_CHARS};
use backend::Backend;
use making::Making;
use metrics::QueueSeen;
use refining::Refining;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use time::OffsetDateTime;
use tokio::sync::OnceCell;

/// The largest body of a request.
pub const MAX_BODY_BYTES: usize = 16 << 20;
/// The largest adapter that is imported, where the server does not say otherwise.
pub const MAX_IMPORT_BYTES: usize = 512 << 20;
/// The most samples of one request.
pub const MAX_SAMPLES: usize = 64;

/// What a service is built of.
pub struct Parts {
    /// The base.
    pub base: Base,
    /// Records.
    pub store: Arc<dyn Store>,
    /// Bytes.
    pub artifacts: Arc<Artifacts>,
    /// Jobs.
    pub queue: Queue,
    /// What answers completions.
    pub engine: EngineChoice,
    /// How long a completion may take.
    pub request_timeout: std::time::Duration,
    /// Now.
    pub clock: fn() -> OffsetDateTime,
    /// A new id for a job or a completion.
    pub new_id: fn() -> String,
}

/// attune for one base model.
pub struct Service {
    base: Base,
    backend: Backend,
    encoder: Encoder,
    store: Arc<dyn Store>,
    artifacts: Arc<Artifacts>,
    queue: Queue,
    making: Making,
    refining: Refining,
    queue_seen: QueueSeen,
    request_timeout: std::time::Duration,
    /// Built when the first request asks for a form of answer.
    guides: OnceCell<Arc<GuideFactory>>,
    /// Read when the first request asks for tokens in OpenAI's shape.
    vocabulary: OnceLock<token_text::Vocabulary>,
    active: RwLock<Option<ActiveGenerator>>,
    /// Generators that were loaded, by id: requests that name an older one need not load it anew.
    loaded: Mutex<HashMap<String, Arc<GeneratorFile>>>,
    clock: fn() -> OffsetDateTime,
    new_id: fn() -> String,
    started_at: OffsetDateTime,
}

/// The generator that serves.
#[derive(Clone)]
struct ActiveGenerator {
    id: String,
    file: Arc<GeneratorFile>,
}

impl Service {
    /// Starts the engine and loads the active generator of the base, where there is one.
    ///
    /// # Errors
    /// Where the system gives no thread, the folder for vLLM cannot be made, or the generator's file is damaged.
    pub async fn start(parts: Parts) -> Result<Self, Error> {
        let base = parts.base;
        let backend = Backend::start(parts.engine, &base).await?;
        let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
        let service = Self {
            backend,
            encoder,
            store: parts.store,
            artifacts: parts.artifacts,
            queue: parts.queue,
            making: Making::default(),
            refining: Refining::new(),
            queue_seen: QueueSeen::default(),
            request_timeout: parts.request_timeout,
            guides: OnceCell::new(),
            vocabulary: OnceLock::new(),
            active: RwLock::new(None),
            loaded: Mutex::new(HashMap::new()),
            clock: parts.clock,
            new_id: parts.new_id,
            started_at: (parts.clock)(),
            base,
        };
        service.load_active().await?;
        Ok(service)
    }

    /// The base.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The job queue: list, one, cancel, subscribe.
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Now.
    pub fn now(&self) -> OffsetDateTime {
        (self.clock)()
    }

    /// When the base was loaded.
    pub fn started_at(&self) -> OffsetDateTime {
        self.started_at
    }

    /// A new id.
    pub fn new_id(&self) -> String {
        (self.new_id)()
    }

    /// A seed for one who names none and wants another answer each time.
    pub fn new_seed(&self) -> u64 {
        let digest = Sha256::digest(self.new_id());
        digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
    }

    /// Why no completion can be answered now; none where one can.
    pub fn unready(&self) -> Option<String> {
        self.backend.unready()
    }

    /// Takes no more completions; those that run are finished.
    pub fn stop(&self) {
        self.backend.stop();
    }

    /// Versions, limits and load.
    pub fn info(&self) -> Info {
        let model = self.base.model();
        let active = self.active();
        Info {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            base_model: self.base.name().to_owned(),
            base_digest: self.base.digest().to_owned(),
            base_parameters: self.base.parameters(),
            device: device_name(model.device()),
            base_family: model.config().family.name().to_owned(),
            dtype: format!("{:?}", model.dtype()).to_lowercase(),
            weights: model.weight_kind().to_owned(),
            chat_template: self.base.chat().is_some(),
            memory: MemoryInfo {
                weight_bytes: model.weight_bytes(),
                cache_bytes_per_token: model.cache_bytes_per_token(),
            },
            target_modules: active
                .as_ref()
                .map_or_else(|| model.config().shape().modules().to_vec(), |a| a.file.config().layout.modules()),
            generator: active.map(|a| a.id),
            limits: Limits {
                description_chars: MAX_DESCRIPTION_CHARS,
                demonstrations: MAX_DEMONSTRATIONS,
                rank: crate::lora::MAX_RANK,
                context_tokens: self.context(),
                samples: MAX_SAMPLES,
                refine_steps: crate::training::refine::MAX_REFINE_STEPS,
                refine_tokens: crate::training::refine::MAX_REFINE_TOKENS,
                refining: refining::MAX_REFINING,
                body_bytes: MAX_BODY_BYTES,
                import_bytes: MAX_IMPORT_BYTES,
                queue: self.backend.queue(),
                timeout_ms: sampling::MAX_TIMEOUT_MS.min(self.request_timeout.as_millis() as u64),
                logit_biases: sampling::MAX_LOGIT_BIASES,
                json_schema_bytes: guides::MAX_SCHEMA_BYTES,
            },
            engine: self.backend.info(),
        }
    }

    fn active(&self) -> Option<ActiveGenerator> {
        self.active.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

fn device_name(device: &candle_core::Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".into(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { gpu_id } => format!("metal:{gpu_id}"),
    }
}
