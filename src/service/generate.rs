//! Completions.

use super::adapters::ms;
use super::api::{CreateAdapter, CreateTimings, Generate, GenerateTimings, Generated, Piece, UsedAdapter};
use super::asked::{Asked, Wanted};
use super::sampling::sampling;
use super::told::Told;
use super::{Caller, Error, Service};
use crate::engine::{Event, Request};
use futures::{Stream, StreamExt};
use std::time::{Duration, Instant};

/// Tokens of an answer where the caller does not say.
const DEFAULT_MAX_TOKENS: usize = 64;

/// A request whose prompt is in tokens and whose adapter is in memory. Any number of answers can be asked of it.
#[derive(Clone, Debug)]
pub struct Prepared {
    asked: Asked,
    adapter: Option<String>,
    timings: GenerateTimings,
    started: Instant,
}

impl Prepared {
    /// The prompt's tokens.
    pub fn prompt(&self) -> &[u32] {
        &self.asked.request.prompt
    }
}

impl Service {
    /// A whole completion.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field; [`Error::NotFound`] an adapter; [`Error::Engine`] a full queue; [`Error::QuotaUsed`].
    pub async fn generate(&self, caller: &Caller, request: Generate) -> Result<Generated, Error> {
        whole(self.stream(caller, request).await?).await
    }

    /// A completion piece by piece. Dropping the stream frees its row at the engine's next step.
    ///
    /// # Errors
    /// As [`Self::generate`], before the first piece.
    pub async fn stream(
        &self,
        caller: &Caller,
        request: Generate,
    ) -> Result<impl Stream<Item = Piece> + Send + 'static + use<>, Error> {
        let seed = request.seed.unwrap_or(0);
        let prepared = self.prepare(caller, request, DEFAULT_MAX_TOKENS).await?;
        self.submit(&prepared, seed).await
    }

    /// Checks a request and does all of it that the engine need not do. An answer has `default_max_tokens`, or what the
    /// context has left, where the request does not say.
    ///
    /// # Errors
    /// As [`Self::generate`], but for a full queue.
    pub async fn prepare(
        &self,
        caller: &Caller,
        request: Generate,
        default_max_tokens: usize,
    ) -> Result<Prepared, Error> {
        let started = Instant::now();
        let timeout = self.timeout(request.timeout_ms);
        let prepared = self.prepare_until(caller, request, (default_max_tokens, started, started + timeout));
        // What was begun for others, such as an adapter in the making, goes on where it is shared.
        tokio::time::timeout(timeout, prepared).await.map_err(|_| crate::engine::Error::Expired)?
    }

    async fn prepare_until(
        &self,
        caller: &Caller,
        request: Generate,
        (default_max_tokens, started, deadline): (usize, Instant, Instant),
    ) -> Result<Prepared, Error> {
        let sampling = sampling(&request, self.base.model().config().vocab_size)?;
        let prompt = self.prompt(&request).await?;
        let form = self.form(&request).await?;
        self.check_applying(&request)?;
        let asked_at = Instant::now();
        let (adapter, made) = self.wanted_adapter(caller, &request).await?;
        let id = adapter.as_ref().map(|wanted| wanted.record.id.clone());
        let left = self.context().saturating_sub(prompt.len()).max(1);
        let request = Request {
            prompt,
            adapter: None,
            merge: request.merge,
            max_tokens: request.max_tokens.unwrap_or(default_max_tokens.min(left)),
            sampling,
            seed: 0,
            stop: request.stop,
            logprobs: request.logprobs,
            guide: None,
            ignore_end: request.ignore_eos,
            cache_prompt: request.cache_prompt.unwrap_or(true),
            owner: caller.tenant.clone(),
            deadline: Some(deadline),
        };
        let asked = self.asked(request, adapter, form).await?;
        let (encode, generate) = (made.encode, made.generate);
        let timings = GenerateTimings { adapter: ms(asked_at), encode, generate, ..GenerateTimings::default() };
        Ok(Prepared { asked, adapter: id, timings, started })
    }

    /// How long an answer may take: what the request asks for, at most what the server allows.
    fn timeout(&self, asked_ms: Option<u64>) -> Duration {
        asked_ms.map_or(self.request_timeout, |asked| Duration::from_millis(asked).min(self.request_timeout))
    }

    /// Asks the engine for an answer. Dropping the stream frees its row at the engine's next step.
    ///
    /// # Errors
    /// [`Error::Engine`]: a full queue, a prompt that does not fit, an engine that is away.
    pub async fn submit(
        &self,
        prepared: &Prepared,
        seed: u64,
    ) -> Result<impl Stream<Item = Piece> + Send + 'static + use<>, Error> {
        let Prepared { asked, adapter, timings, started } = prepared.clone();
        let mut told = Told::begin(adapter.as_deref(), started);
        let mut events = self.ask(asked, seed).await.inspect_err(|_| told.failed())?;
        let id = (self.new_id)();
        let mut text = String::new();
        let mut ended = false;
        let events = futures::stream::poll_fn(move |context| {
            let event = std::task::ready!(events.poll_recv(context));
            // An engine that stops in the middle of an answer must not leave it without an end.
            let event = event.or_else(|| (!ended).then_some(Event::Failed(crate::engine::Error::Stopping)));
            ended |= !matches!(event, Some(Event::Text { .. }));
            std::task::Poll::Ready(event)
        });
        let stream = events.map(move |event| match event {
            Event::Text { text: new, token } => {
                text.push_str(&new);
                Piece::Text { text: new, token }
            }
            Event::Done { reason, usage, timings: engine, applied } => {
                told.done(reason, &usage, &engine);
                Piece::Done(Box::new(Generated {
                    id: id.clone(),
                    text: std::mem::take(&mut text),
                    finish_reason: reason,
                    adapter: UsedAdapter { id: adapter.clone(), applied },
                    usage,
                    timings_ms: GenerateTimings {
                        queue: engine.queue,
                        prefill: engine.prefill,
                        decode: engine.decode,
                        total: ms(started),
                        ..timings
                    },
                    tokens: Vec::new(),
                }))
            }
            Event::Failed(error) => {
                told.failed();
                Piece::Failed(error)
            }
        });
        Ok(stream)
    }

    /// The adapter of a request, and what making it took, where it was made now.
    async fn wanted_adapter(
        &self,
        caller: &Caller,
        request: &Generate,
    ) -> Result<(Option<Wanted>, CreateTimings), Error> {
        let (record, made) = match (&request.adapter, &request.task) {
            (Some(_), Some(_)) => return Err(invalid("adapter", "send adapter or task, not both")),
            (None, None) => return Ok((None, CreateTimings::default())),
            (Some(adapter), None) => (self.resolve(&caller.tenant, adapter).await?, CreateTimings::default()),
            (None, Some(task)) => {
                let wanted = CreateAdapter { task: task.clone(), ..CreateAdapter::default() };
                let created = self.create_adapter(caller, wanted).await?;
                (self.resolve(&caller.tenant, &created.adapter.id).await?, created.timings_ms)
            }
        };
        let called = request.adapter.clone().unwrap_or_else(|| record.id.clone());
        Ok((Some(Wanted { record, called, scale: request.scale.unwrap_or(1.0) }), made))
    }
}

/// Reads an answer to its end.
///
/// # Errors
/// [`Error::Engine`] where it could not be finished.
pub async fn whole(pieces: impl Stream<Item = Piece>) -> Result<Generated, Error> {
    let mut pieces = std::pin::pin!(pieces);
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

pub(super) fn invalid(field: &'static str, problem: &str) -> Error {
    Error::Invalid { field, problem: problem.to_owned() }
}
