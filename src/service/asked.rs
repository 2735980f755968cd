//! A completion in the words of the engine that answers it.

use super::api::Generate;
use super::backend::{Backend, UNMERGEABLE};
use super::generate::invalid;
use super::guides::Held;
use super::{Error, Service};
use crate::engine::{self, AppliedAdapter, Event, Merge, Request};
use crate::store::AdapterRecord;
use crate::vllm::{Lora, Submitted, Vllm, VllmRequest};
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::UnboundedReceiver;

/// What an engine is asked. Any number of answers can be asked of it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) request: Request,
    beside: Beside,
}

/// What only one of the engines takes.
#[derive(Clone, Debug)]
enum Beside {
    Local,
    Vllm {
        lora: Option<Lora>,
        /// What the adapter is loaded from, should vLLM have forgotten it.
        record: Option<Box<AdapterRecord>>,
        form: Option<Value>,
    },
}

/// An adapter of a request.
pub(super) struct Wanted {
    pub(super) record: AdapterRecord,
    /// What the request calls it: its id, or its name.
    pub(super) called: String,
    pub(super) scale: f64,
}

impl Service {
    /// Refuses what the engine cannot do with an adapter, before one is made.
    pub(super) fn check_applying(&self, request: &Generate) -> Result<(), Error> {
        let scale = request.scale.unwrap_or(1.0);
        if !scale.is_finite() || scale.abs() > 100.0 {
            return Err(invalid("scale", "must be a number between -100 and 100"));
        }
        if matches!(self.backend, Backend::Local { .. }) || request.adapter.is_none() && request.task.is_none() {
            return Ok(());
        }
        if scale != 1.0 {
            return Err(invalid("scale", "must be 1: vLLM applies an adapter as it is (--engine local scales it)"));
        }
        match request.merge {
            Merge::Always => Err(engine::Error::Unmergeable { reason: UNMERGEABLE.to_owned() }.into()),
            Merge::Auto | Merge::Never => Ok(()),
        }
    }

    /// Makes the adapter and the form of an answer ready for the engine. `request` has neither.
    pub(super) async fn asked(&self, request: Request, adapter: Option<Wanted>, form: Held) -> Result<Asked, Error> {
        match &self.backend {
            Backend::Local { resident, .. } => {
                let adapter = match adapter {
                    Some(Wanted { record, called, scale }) => {
                        let adapter = self.weights(resident, &record).await?;
                        Some(AppliedAdapter { id: record.id, called: called.into(), adapter, scale })
                    }
                    None => None,
                };
                Ok(Asked { request: Request { adapter, guide: form.guide, ..request }, beside: Beside::Local })
            }
            Backend::Vllm(vllm) => {
                let record = adapter.map(|wanted| Box::new(wanted.record));
                let lora = self.loaded(vllm, record.as_deref()).await?;
                Ok(Asked { request, beside: Beside::Vllm { lora, record, form: form.openai } })
            }
        }
    }

    /// Asks the engine for an answer. Dropping the receiver ends it.
    pub(super) async fn ask(&self, asked: Asked, seed: u64) -> Result<UnboundedReceiver<Event>, Error> {
        let Asked { request, beside } = asked;
        match (&self.backend, beside) {
            (Backend::Local { engine, .. }, Beside::Local) => Ok(engine.submit(Request { seed, ..request })?),
            (Backend::Vllm(vllm), Beside::Vllm { lora, record, form }) => {
                let beside = VllmRequest { lora, form, id: (self.new_id)(), seed };
                if let Submitted::Events(events) = vllm.submit(&request, &beside).await? {
                    return Ok(events);
                }
                // It was started anew: nothing of the answer is there yet, so it can be asked again.
                if let (Some(lora), Some(record)) = (&beside.lora, &record) {
                    let files = async { self.stored_files(record).await.map_err(Arc::new) };
                    let reloaded = in_time(request.deadline, vllm.reload(lora, files)).await?;
                    reloaded.map_err(Error::shared)?;
                }
                match vllm.submit(&request, &beside).await? {
                    Submitted::Events(events) => Ok(events),
                    Submitted::Unknown => {
                        let reason = "vLLM does not know the model that it was just told".to_owned();
                        Err(engine::Error::Away { reason }.into())
                    }
                }
            }
            _ => Err(Error::internal("a request was made ready for another engine")),
        }
    }

    /// The adapter, loaded at vLLM.
    async fn loaded(&self, vllm: &Vllm, record: Option<&AdapterRecord>) -> Result<Option<Lora>, Error> {
        let Some(record) = record else { return Ok(None) };
        self.check_base(record)?;
        let files = async { self.stored_files(record).await.map_err(Arc::new) };
        match vllm.lease(&record.id, files).await {
            Ok(lora) => Ok(Some(lora)),
            Err(engine::ResidencyError::Load(shared)) => Err(Error::shared(shared)),
            // Each takes one place, so that one alone is never too large.
            Err(engine::ResidencyError::Full { .. } | engine::ResidencyError::TooLarge { .. }) => {
                Err(Error::LorasInUse { limit: vllm.options().max_loras })
            }
        }
    }
}

async fn in_time<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Result<T, engine::Error> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), work).await.map_err(|_| engine::Error::Expired),
        None => Ok(work.await),
    }
}
