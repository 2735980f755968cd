//! vLLM as its callers hold it.

use super::answer::Answer;
use super::body::{Beside, body};
use super::client::Client;
use super::folder::Folder;
use super::loras::{Lora, Loras};
use super::watch::Watch;
use super::{Error, VllmOptions};
use crate::engine::{self, Applied, Event, Request, ResidencyError, ResidencyStatus};
use crate::lm::Tokenizer;
use crate::lora::PeftFiles;
use reqwest::Response;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::AbortHandle;

/// A vLLM that answers completions. The watch over it ends with this.
#[derive(Debug)]
pub struct Vllm {
    client: Client,
    watch: Arc<Watch>,
    loras: Arc<Loras>,
    watching: AbortHandle,
    tokenizer: Tokenizer,
    /// The tokens that end an answer.
    ends: Vec<u32>,
    /// Places for requests.
    places: Arc<Semaphore>,
    options: VllmOptions,
    stopping: AtomicBool,
}

/// What vLLM is asked beside what every engine is.
#[derive(Clone, Debug, Default)]
pub struct VllmRequest {
    /// The adapter; the base where there is none.
    pub lora: Option<Lora>,
    /// The form of the answer, as OpenAI's `response_format`.
    pub form: Option<Value>,
    /// Names this request and no other: where it may not share keys and values, it shares them with its own name.
    pub id: String,
    /// The seed of the choice of tokens.
    pub seed: u64,
}

/// What became of a request.
#[derive(Debug)]
pub enum Submitted {
    /// Its answer, as it comes. Dropping the receiver ends it at vLLM too.
    Events(UnboundedReceiver<Event>),
    /// vLLM does not know the model, as after a restart. [`Vllm::reload`] mends that.
    Unknown,
}

/// What vLLM is doing for attune.
#[derive(Clone, Debug)]
pub struct VllmStatus {
    /// Why it cannot be used; none where it can.
    pub away: Option<String>,
    /// What it calls its base; none while it was not seen.
    pub base_model: Option<String>,
    /// Requests that it has.
    pub running: usize,
    /// Its adapters; the unit of the budget is an adapter.
    pub loras: ResidencyStatus,
}

impl Vllm {
    /// Opens the folder and begins to watch. vLLM itself may come later.
    ///
    /// # Errors
    /// [`Error::Folder`].
    pub async fn start(options: VllmOptions, tokenizer: Tokenizer, ends: Vec<u32>) -> Result<Self, Error> {
        let client = Client::new(&options)?;
        let folder = Folder::open(&options.adapters)?;
        let watch = Arc::new(Watch::new(client.clone()));
        let loras = Arc::new(Loras::new(client.clone(), folder, options.max_loras));
        watch.look(&loras).await;
        if let Some(error) = watch.away() {
            tracing::warn!(%error, "vLLM is not there yet: completions are refused until it is");
        }
        let (watched, among, every) = (Arc::clone(&watch), Arc::clone(&loras), options.watch_every);
        let watching = tokio::spawn(async move { watched.run(&among, every).await }).abort_handle();
        let places = Arc::new(Semaphore::new(options.requests.min(Semaphore::MAX_PERMITS)));
        let stopping = AtomicBool::new(false);
        Ok(Self { client, watch, loras, watching, tokenizer, ends, places, options, stopping })
    }

    /// The adapter of this id, loaded. Where vLLM does not have it, it is published from what `files` gives.
    ///
    /// # Errors
    /// Those of `files` and [`Error`]; `Full` where requests use all that may be loaded.
    pub async fn lease<E>(
        &self,
        id: &str,
        files: impl Future<Output = Result<PeftFiles, E>>,
    ) -> Result<Lora, ResidencyError<E>>
    where
        E: From<Error> + Clone + Send + Sync + 'static,
    {
        let base = self.watch.base().await.map_err(|error| ResidencyError::Load(error.into()))?;
        let name = base.root.as_deref().unwrap_or(&base.id);
        let leased = self.loras.lease((id, name), files).await;
        if leased.is_err() {
            self.watch.recheck();
        }
        leased
    }

    /// Loads an adapter again that vLLM forgot while a request had it.
    ///
    /// # Errors
    /// Those of `files` and [`Error`].
    pub async fn reload<E: From<Error>>(
        &self,
        lora: &Lora,
        files: impl Future<Output = Result<PeftFiles, E>>,
    ) -> Result<(), E> {
        let base = self.watch.base().await?;
        let name = base.root.as_deref().unwrap_or(&base.id);
        Ok(self.loras.reload((lora, name), files.await?).await?)
    }

    /// An adapter is nobody's any more: it is unloaded, as soon as no request uses it, and its folder goes.
    pub fn forget(&self, id: &str) {
        let (loras, id) = (Arc::clone(&self.loras), id.to_owned());
        tokio::spawn(async move { loras.delete(&id).await });
    }

    /// Asks for an answer.
    ///
    /// # Errors
    /// Before there is any of it: [`engine::Error::QueueFull`], [`engine::Error::TooLong`], [`engine::Error::EmptyPrompt`],
    /// [`engine::Error::Stopping`], [`engine::Error::Expired`], [`engine::Error::Away`], [`engine::Error::Refused`].
    pub async fn submit(&self, request: &Request, beside: &VllmRequest) -> Result<Submitted, engine::Error> {
        let asked_at = Instant::now();
        self.check(request)?;
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| engine::Error::QueueFull { limit: self.options.requests })?;
        let sent = match request.deadline {
            Some(deadline) => tokio::time::timeout_at(deadline.into(), self.send(request, beside)).await,
            None => Ok(self.send(request, beside).await),
        };
        let sent = sent.map_err(|_| engine::Error::Expired)?;
        let response = match sent.inspect_err(|error| self.watch.doubt(error)) {
            Ok(response) => response,
            Err(Error::UnknownModel) => {
                if beside.lora.is_none() {
                    self.watch.forget_base();
                }
                return Ok(Submitted::Unknown);
            }
            Err(error) => return Err(error.of_request()),
        };
        let (sink, events) = unbounded_channel();
        let applied = if beside.lora.is_some() { Applied::Unmerged } else { Applied::None };
        let (top, deadline) = (request.logprobs.unwrap_or(0), request.deadline);
        let answer = Answer { sink, tokenizer: self.tokenizer.clone(), top, applied, asked_at, deadline };
        // The adapter is leased, and the place taken, until the answer has ended.
        let (held, watch) = ((place, beside.lora.clone()), Arc::clone(&self.watch));
        tokio::spawn(async move {
            if let Err(error) = answer.pass_on(response).await {
                watch.doubt(&error);
            }
            drop(held);
        });
        Ok(Submitted::Events(events))
    }

    async fn send(&self, request: &Request, beside: &VllmRequest) -> Result<Response, Error> {
        let base = self.watch.base().await?;
        let model = beside.lora.as_deref().map_or(base.id.as_str(), |lora| lora.id());
        let salt = if request.cache_prompt { &request.owner } else { beside.id.as_str() };
        let (form, salt) = (beside.form.as_ref(), format!("attune {salt}"));
        let beside = Beside { model, seed: beside.seed, ends: &self.ends, form, salt: &salt };
        self.client.complete(&body(request, &beside)).await
    }

    fn check(&self, request: &Request) -> Result<(), engine::Error> {
        let (prompt_tokens, max_tokens) = (request.prompt.len(), request.max_tokens);
        if prompt_tokens == 0 {
            return Err(engine::Error::EmptyPrompt);
        }
        if self.is_stopping() {
            return Err(engine::Error::Stopping);
        }
        match self.context() {
            Some(context) if prompt_tokens.saturating_add(max_tokens) > context => {
                Err(engine::Error::TooLong { prompt_tokens, max_tokens, context })
            }
            _ => Ok(()),
        }
    }

    /// Takes no more requests; those that were accepted are finished.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether [`Self::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Tokens that prompt and answer may have together, as far as vLLM has told.
    pub fn context(&self) -> Option<usize> {
        self.watch.base_seen().and_then(|base| base.max_model_len)
    }

    /// What it is doing.
    pub fn status(&self) -> VllmStatus {
        VllmStatus {
            away: self.watch.away().map(|error| error.to_string()),
            base_model: self.watch.base_seen().map(|base| base.id),
            running: self.options.requests.saturating_sub(self.places.available_permits()),
            loras: self.loras.status(),
        }
    }

    /// Its bounds.
    pub fn options(&self) -> &VllmOptions {
        &self.options
    }
}

impl Drop for Vllm {
    fn drop(&mut self) {
        self.watching.abort();
    }
}
