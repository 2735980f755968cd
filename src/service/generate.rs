//! Completions.

use super::adapters::ms;
use super::api::{CreateAdapter, Generate, GenerateTimings, Generated, Message, Piece, UsedAdapter};
use super::{Error, Service};
use crate::engine::{AppliedAdapter, Event, Request};
use crate::lm::chat::{ChatMessage, ChatTemplate, Error as ChatError, GenerationPrompt};
use crate::lm::sampling::Sampling;
use futures::{Stream, StreamExt};
use std::time::Instant;

/// Tokens of an answer where the caller does not say.
const DEFAULT_MAX_TOKENS: usize = 64;
/// The most of the likeliest tokens that are told.
const MAX_LOGPROBS: usize = 20;

impl Service {
    /// A whole completion.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::NotFound`] an adapter; [`Error::Engine`] a full queue.
    pub async fn generate(&self, tenant: &str, request: Generate) -> Result<Generated, Error> {
        let mut pieces = Box::pin(self.stream(tenant, request).await?);
        let mut tokens = Vec::new();
        while let Some(piece) = pieces.next().await {
            match piece {
                Piece::Text { token, .. } => tokens.extend(token),
                Piece::Done(generated) => return Ok(Generated { tokens, ..*generated }),
                Piece::Failed(error) => return Err(error.into()),
            }
        }
        Err(Error::internal("the engine went away"))
    }

    /// A completion piece by piece. Dropping the stream frees its row at the engine's next step.
    ///
    /// # Errors
    /// As [`Self::generate`], before the first piece.
    pub async fn stream(
        &self,
        tenant: &str,
        request: Generate,
    ) -> Result<impl Stream<Item = Piece> + Send + 'static + use<>, Error> {
        let started = Instant::now();
        let sampling = sampling(&request)?;
        let prompt = self.prompt(&request).await?;
        let adapter = self.applied(tenant, &request).await?;
        let adapter_ms = ms(started);
        let adapter_id = adapter.as_ref().map(|applied| applied.id.clone());
        let left = self.engine.context().saturating_sub(prompt.len()).max(1);
        let engine_request = Request {
            prompt,
            adapter,
            merge: request.merge,
            max_tokens: request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS.min(left)),
            sampling,
            seed: request.seed.unwrap_or(0),
            stop: request.stop,
            logprobs: request.logprobs,
        };
        let mut events = self.engine.submit(engine_request)?;
        let id = (self.new_id)();
        let mut text = String::new();
        let stream = futures::stream::poll_fn(move |context| events.poll_recv(context)).map(move |event| match event {
            Event::Text { text: new, token } => {
                text.push_str(&new);
                Piece::Text { text: new, token }
            }
            Event::Done { reason, usage, timings, applied } => Piece::Done(Box::new(Generated {
                id: id.clone(),
                text: std::mem::take(&mut text),
                finish_reason: reason,
                adapter: UsedAdapter { id: adapter_id.clone(), applied },
                usage,
                timings_ms: GenerateTimings {
                    adapter: adapter_ms,
                    queue: timings.queue,
                    prefill: timings.prefill,
                    decode: timings.decode,
                    total: ms(started),
                },
                tokens: Vec::new(),
            })),
            Event::Failed(error) => Piece::Failed(error),
        });
        Ok(stream)
    }

    /// The prompt's tokens: `input` as in training, `prompt` raw, `messages` through the chat template, or, where
    /// the base has none, by their last user message.
    async fn prompt(&self, request: &Generate) -> Result<Vec<u32>, Error> {
        let given = [request.input.is_some(), request.prompt.is_some(), request.messages.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err(invalid("input", "send exactly one of input, prompt and messages"));
        }
        if let (Some(messages), Some(chat)) = (&request.messages, self.base.chat()) {
            return self.chat_prompt(messages, chat).await;
        }
        let input = match (&request.input, &request.messages) {
            (Some(input), _) => Some(input.as_str()),
            (None, Some(messages)) => {
                let last = messages.iter().rev().find(|message| message.role == "user");
                Some(last.ok_or_else(|| invalid("messages", "has no message of the role user"))?.content.as_str())
            }
            (None, None) => None,
        };
        let prompter = self.base.prompter();
        let (begin, rest) = match input {
            Some(input) => (self.base.begin(), prompter.question(input)),
            None => (self.base.bos(), prompter.tokenizer().encode(request.prompt.as_deref().unwrap_or_default())),
        };
        Ok([begin, &rest.map_err(Error::model)?].concat())
    }

    /// A chat as the model was trained on it. A template is a program of its own, so it runs off the async threads.
    async fn chat_prompt(&self, messages: &[Message], chat: &ChatTemplate) -> Result<Vec<u32>, Error> {
        if messages.is_empty() {
            return Err(invalid("messages", "has no message"));
        }
        let message = |m: &Message| ChatMessage { role: m.role.clone(), content: m.content.clone() };
        let messages: Vec<ChatMessage> = messages.iter().map(message).collect();
        let chat = chat.clone();
        let rendering = tokio::task::spawn_blocking(move || chat.render(&messages, GenerationPrompt::Add));
        let text = rendering.await.map_err(Error::internal)?;
        let text = text.map_err(|error| match error {
            ChatError::Refused { reason } => {
                invalid("messages", &format!("are refused by the base's chat template: {reason}"))
            }
            other => invalid("messages", &format!("cannot be put through the base's chat template: {other}")),
        })?;
        self.base.prompter().tokenizer().encode(&text).map_err(Error::model)
    }

    async fn applied(&self, tenant: &str, request: &Generate) -> Result<Option<AppliedAdapter>, Error> {
        let scale = request.scale.unwrap_or(1.0);
        if !scale.is_finite() || scale.abs() > 100.0 {
            return Err(invalid("scale", "must be a number between -100 and 100"));
        }
        let record = match (&request.adapter, &request.task) {
            (Some(_), Some(_)) => return Err(invalid("adapter", "send adapter or task, not both")),
            (None, None) => return Ok(None),
            (Some(adapter), None) => self.resolve(tenant, adapter).await?,
            (None, Some(task)) => {
                let wanted = CreateAdapter { task: task.clone(), ..CreateAdapter::default() };
                let id = self.create_adapter(tenant, wanted).await?.adapter.id;
                self.resolve(tenant, &id).await?
            }
        };
        let adapter = self.weights(&record).await?;
        Ok(Some(AppliedAdapter { id: record.id, adapter, scale }))
    }
}

/// Checks the numbers that choose tokens.
fn sampling(request: &Generate) -> Result<Sampling, Error> {
    let default = Sampling::default();
    let sampling = Sampling {
        temperature: request.temperature.unwrap_or(default.temperature),
        top_p: request.top_p.unwrap_or(default.top_p),
        top_k: request.top_k.unwrap_or(default.top_k),
        min_p: request.min_p.unwrap_or(default.min_p),
        repetition_penalty: request.repetition_penalty.unwrap_or(default.repetition_penalty),
    };
    let within = |x: f32, low: f32, high: f32| x.is_finite() && (low..=high).contains(&x);
    if !within(sampling.temperature, 0.0, 10.0) {
        return Err(invalid("temperature", "must be between 0 and 10"));
    }
    if !within(sampling.top_p, f32::MIN_POSITIVE, 1.0) {
        return Err(invalid("top_p", "must be above 0 and at most 1"));
    }
    if !within(sampling.min_p, 0.0, 1.0) {
        return Err(invalid("min_p", "must be between 0 and 1"));
    }
    if !within(sampling.repetition_penalty, 0.1, 10.0) {
        return Err(invalid("repetition_penalty", "must be between 0.1 and 10"));
    }
    if request.max_tokens == Some(0) {
        return Err(invalid("max_tokens", "must be at least 1"));
    }
    if request.logprobs.is_some_and(|top| top > MAX_LOGPROBS) {
        return Err(invalid("logprobs", "must be at most 20"));
    }
    if request.stop.len() > 16 || request.stop.iter().any(String::is_empty) {
        return Err(invalid("stop", "takes at most 16 texts, none of them empty"));
    }
    Ok(sampling)
}

fn invalid(field: &'static str, problem: &str) -> Error {
    Error::Invalid { field, problem: problem.to_owned() }
}
