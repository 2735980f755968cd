//! What answers completions: the engine of this process, or a vLLM.

use super::api::{EngineInfo, EngineKind, KvCacheInfo, MergeInfo, ResidentInfo, VllmInfo};
use super::{Error, Service};
use crate::engine::{Engine, EngineModel, EngineOptions, Residency, ResidencyStatus};
use crate::lm::StepAdapter;
use crate::task::Base;
use crate::vllm::{Vllm, VllmOptions};

/// Which engine, and its bounds.
#[derive(Clone, Debug)]
pub enum EngineChoice {
    /// The one of this process.
    Local {
        /// Its bounds.
        options: EngineOptions,
        /// Bytes of adapters that are kept in memory.
        adapter_bytes: u64,
    },
    /// A vLLM.
    Vllm(VllmOptions),
}

/// The engine. Nothing of the other one is there: neither thread nor memory.
pub(super) enum Backend {
    Local {
        engine: Engine,
        /// Adapters that are ready to run.
        resident: Residency<StepAdapter>,
    },
    Vllm(Box<Vllm>),
}

impl Backend {
    pub(super) async fn start(choice: EngineChoice, base: &Base) -> Result<Self, Error> {
        let (model, tokenizer, ends) = (base.model(), base.prompter().tokenizer().clone(), base.ends().to_vec());
        match choice {
            EngineChoice::Local { options, adapter_bytes } => {
                let key = format!("{} {:?} {}", base.digest(), model.dtype(), model.weight_kind());
                let on = EngineModel { model: model.clone(), tokenizer, ends, key };
                let engine = Engine::start(on, options).map_err(Error::internal)?;
                Ok(Self::Local { engine, resident: Residency::new(adapter_bytes) })
            }
            EngineChoice::Vllm(options) => {
                let vllm = Vllm::start(options, tokenizer, ends).await.map_err(Error::vllm)?;
                Ok(Self::Vllm(Box::new(vllm)))
            }
        }
    }

    /// Takes no more completions; those that run are finished.
    pub(super) fn stop(&self) {
        match self {
            Self::Local { engine, .. } => engine.stop(),
            Self::Vllm(vllm) => vllm.stop(),
        }
    }

    /// Why no completion can be answered now.
    pub(super) fn unready(&self) -> Option<String> {
        let stopping = match self {
            Self::Local { engine, .. } => engine.is_stopping(),
            Self::Vllm(vllm) => vllm.is_stopping(),
        };
        match self {
            _ if stopping => Some("the server is draining".to_owned()),
            Self::Local { .. } => None,
            Self::Vllm(vllm) => vllm.status().away,
        }
    }

    /// An adapter is nobody's any more.
    pub(super) fn forget(&self, id: &str) {
        match self {
            Self::Local { resident, .. } => resident.forget(id),
            Self::Vllm(vllm) => vllm.forget(id),
        }
    }

    /// Requests that may wait.
    pub(super) fn queue(&self) -> usize {
        match self {
            Self::Local { engine, .. } => engine.options().queue,
            Self::Vllm(vllm) => vllm.options().requests,
        }
    }

    pub(super) fn info(&self) -> EngineInfo {
        match self {
            Self::Local { engine, resident } => local(engine, resident.status()),
            Self::Vllm(vllm) => of_vllm(vllm),
        }
    }
}

impl Service {
    /// Tokens that prompt and answer may have together.
    pub(super) fn context(&self) -> usize {
        match &self.backend {
            Backend::Local { engine, .. } => engine.context(),
            Backend::Vllm(vllm) => {
                let own = self.base.model().config().context;
                vllm.context().map_or(own, |context| context.min(own))
            }
        }
    }
}

fn local(engine: &Engine, resident: ResidencyStatus) -> EngineInfo {
    let (status, options) = (engine.status(), engine.options());
    EngineInfo {
        kind: EngineKind::Local,
        queued: status.queued,
        running: status.running,
        max_rows: options.max_rows,
        step_tokens: options.step_tokens,
        kv_cache: KvCacheInfo {
            block_tokens: crate::lm::KvMemory::BLOCK_TOKENS,
            blocks: status.memory.blocks,
            used: status.memory.used,
            cached: status.memory.cached,
        },
        adapters: ResidentInfo { bytes: resident.bytes, budget_bytes: resident.budget, ..resident_info(resident) },
        merge: MergeInfo {
            unavailable: engine.unmergeable().map(str::to_owned),
            budget_bytes: options.merge_bytes,
            break_even_tokens: status.break_even.and_then(|measured| measured.tokens),
            measured: status.break_even,
        },
        vllm: None,
    }
}

/// What vLLM does not tell, or has no such thing of, is 0.
fn of_vllm(vllm: &Vllm) -> EngineInfo {
    let (status, options) = (vllm.status(), vllm.options());
    EngineInfo {
        kind: EngineKind::Vllm,
        queued: 0,
        running: status.running,
        max_rows: options.requests,
        step_tokens: 0,
        kv_cache: KvCacheInfo { block_tokens: 0, blocks: 0, used: 0, cached: 0 },
        adapters: resident_info(status.loras),
        merge: MergeInfo {
            unavailable: Some(UNMERGEABLE.to_owned()),
            budget_bytes: 0,
            break_even_tokens: None,
            measured: None,
        },
        vllm: Some(VllmInfo {
            ready: status.away.is_none(),
            reason: status.away,
            base_model: status.base_model,
            max_loras: options.max_loras,
        }),
    }
}

/// Why nothing is merged at vLLM.
pub(super) const UNMERGEABLE: &str = "vLLM applies adapters beside the weights; leave merge out";

fn resident_info(status: ResidencyStatus) -> ResidentInfo {
    ResidentInfo {
        resident: status.resident,
        leased: status.leased,
        bytes: 0,
        budget_bytes: 0,
        loads: status.loads,
        evictions: status.evictions,
    }
}
