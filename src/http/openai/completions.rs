//! `POST /v1/completions`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::answers::{Head, Usage, gather, submit, timings, usage};
use super::extract;
use super::logprobs::{CompletionLogprobs, Told};
use super::models::missing;
use super::request::{Common, Delivery, requests};
use super::stream::{Chunk, Chunks, Streaming};
use crate::engine::{FinishReason, Token};
use crate::http::openapi::errors;
use crate::http::problem::{Code, Problem};
use crate::http::server_timing::server_timing;
use crate::http::sse;
use crate::http::state::AppState;
use crate::service::{Caller, Generate, Generated, Prompt, Service};

/// OpenAI's, where the request does not say.
const DEFAULT_MAX_TOKENS: usize = 16;
/// The most prompts of a request.
const MAX_PROMPTS: usize = 128;

/// One prompt or several, as texts or as tokens.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Prompts {
    /// A text, or its tokens.
    One(Prompt),
    /// Several of them.
    Many(Vec<Prompt>),
}

requests! {
    /// What `POST /v1/completions` takes. Fields of OpenAI's that are not listed are passed over where they change
    /// nothing that is promised (`user` …), and refused by their names where they ask for what cannot be done
    /// (`suffix` …).
    struct CompletionRequest {
        /// Raw text, or tokens, or several of them.
        #[schema(example = "The capital of France is")]
        prompt: Prompts,
        /// `n`, or absent: answers are not drawn to be thrown away.
        #[serde(default)]
        best_of: Option<usize>,
        /// Whether the prompt is put before the answer. It does not go with `logprobs`.
        #[serde(default)]
        echo: bool,
        /// How many of the likeliest tokens are told at each place, at most 20.
        #[serde(default)]
        #[schema(minimum = 0, maximum = 20)]
        logprobs: Option<usize>,
    }
}

/// An answer to a prompt, or to several.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Completion {
    #[serde(flatten)]
    head: Head,
    /// The answers: `n` to the first prompt, `n` to the second …
    choices: Vec<CompletionChoice>,
    /// Tokens.
    usage: Usage,
}

/// One answer, or a piece of one.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct CompletionChoice {
    /// Which one it is.
    index: usize,
    /// What was written.
    text: String,
    /// The tokens, where `logprobs` asked for them.
    #[schema(required = true)]
    logprobs: Option<CompletionLogprobs>,
    /// Why it ended; null in a piece that is not the last.
    #[schema(required = true)]
    finish_reason: Option<FinishReason>,
}

/// Completes prompts. With `stream` the answer is server-sent events, at the end `[DONE]`.
#[utoipa::path(post, path = "/v1/completions", tag = "openai", request_body = CompletionRequest,
    responses((status = 200,
        content((Completion = "application/json"), (Chunk<CompletionChoice> = "text/event-stream")),
        headers(("Server-Timing" = String, description = "Where the time went; not with `stream`"))), errors::OpenAi))]
pub(crate) async fn create_completion(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(request): extract::Json<CompletionRequest>,
) -> Result<Response, Problem> {
    let service = state.service();
    let Common { model, generate, choices, seed, delivery } = request.common(service.base().name())?;
    request.check(choices)?;
    let generate = Generate { logprobs: request.logprobs, ..generate };
    let (stop, tells) = (generate.stop.clone(), generate.logprobs.is_some());
    let mut prompts = Vec::new();
    for prompt in request.prompts()? {
        let prompted = Generate { prompt: Some(prompt.clone()), ..generate.clone() };
        let prepared = service.prepare(&caller, prompted, DEFAULT_MAX_TOKENS).await;
        prompts.push(prepared.map_err(|error| missing(error, &model))?);
    }
    let echoed = request.echoed(service, choices)?;
    let told = || tells.then(|| Told::new(state.clone(), &stop));
    let pieces = submit(service, &prompts, (choices, seed)).await?;
    let head = Head::new(service, ("cmpl", "text_completion"), model);
    match delivery {
        Delivery::Whole => {
            let answers = gather(pieces).await?;
            let (timings, usage) = (timings(&answers), usage(&answers, choices));
            let answers = answers.into_iter().zip(echoed).enumerate();
            let choices = answers.map(|(index, (answer, echo))| choice(index, (echo, answer), told())).collect();
            Ok((server_timing(&timings), Json(Completion { head, choices, usage })).into_response())
        }
        Delivery::Stream(options) => {
            let chunks = CompletionChunks { told: pieces.iter().map(|_| told()).collect(), echoed };
            Ok(sse::events(Streaming { head, chunks, choices, options }.events(pieces)))
        }
    }
}

impl CompletionRequest {
    fn check(&self, choices: usize) -> Result<(), Problem> {
        if self.best_of.is_some_and(|best_of| best_of != choices) {
            return Err(Problem::field(
                Code::Unsupported,
                "best_of",
                "must be n: answers are not drawn to be thrown away",
            ));
        }
        if self.echo && self.logprobs.is_some() {
            let reason = "does not go with logprobs: the tokens of a prompt are not told";
            return Err(Problem::field(Code::Unsupported, "echo", reason));
        }
        Ok(())
    }

    fn prompts(&self) -> Result<&[Prompt], Problem> {
        let prompts = match &self.prompt {
            Prompts::One(prompt) => std::slice::from_ref(prompt),
            Prompts::Many(prompts) => prompts,
        };
        match prompts.len() {
            1..=MAX_PROMPTS => Ok(prompts),
            count => {
                let reason = format!("has {count} prompts; 1 to {MAX_PROMPTS} are taken");
                Err(Problem::field(Code::Invalid, "prompt", reason))
            }
        }
    }

    /// What is put before each answer.
    fn echoed(&self, service: &Service, choices: usize) -> Result<Vec<String>, Problem> {
        let mut echoed = Vec::new();
        for prompt in self.prompts()? {
            let text = if self.echo { service.prompt_text(prompt)? } else { String::new() };
            echoed.extend(std::iter::repeat_n(text, choices));
        }
        Ok(echoed)
    }
}

fn choice(index: usize, (echo, answer): (String, Generated), told: Option<Told>) -> CompletionChoice {
    let logprobs = told.map(|mut told| {
        let mut tokens: Vec<_> = answer.tokens.into_iter().flat_map(|token| told.push("", Some(token))).collect();
        tokens.extend(told.push(&answer.text, None));
        tokens.extend(told.end(answer.finish_reason));
        told.completion(tokens)
    });
    CompletionChoice { index, text: echo + &answer.text, logprobs, finish_reason: Some(answer.finish_reason) }
}

/// The chunks of completions.
struct CompletionChunks {
    /// For each answer, where tokens are asked for.
    told: Vec<Option<Told>>,
    /// What each answer begins with.
    echoed: Vec<String>,
}

impl Chunks for CompletionChunks {
    type Choice = CompletionChoice;

    fn begin(&mut self, index: usize) -> Option<CompletionChoice> {
        let text = std::mem::take(&mut self.echoed[index]);
        (!text.is_empty()).then_some(CompletionChoice { index, text, logprobs: None, finish_reason: None })
    }

    fn text(&mut self, index: usize, text: String, token: Option<Token>) -> CompletionChoice {
        let logprobs = self.told[index].as_mut().map(|told| {
            let tokens = told.push(&text, token);
            told.completion(tokens)
        });
        CompletionChoice { index, text, logprobs, finish_reason: None }
    }

    fn end(&mut self, index: usize, reason: FinishReason) -> CompletionChoice {
        let logprobs = self.told[index].as_mut().and_then(|told| {
            let left = told.end(reason);
            (!left.is_empty()).then(|| told.completion(left))
        });
        CompletionChoice { index, text: String::new(), logprobs, finish_reason: Some(reason) }
    }
}
