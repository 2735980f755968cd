//! `POST /v1/chat/completions`

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::answers::{Head, Usage, gather, submit, timings, usage};
use super::extract;
use super::logprobs::{ChatLogprobs, Told};
use super::messages::{ChatMessage, messages};
use super::models::missing;
use super::request::{Common, Delivery, requests};
use super::stream::{Chunk, Chunks, Streaming};
use crate::engine::{FinishReason, Token};
use crate::http::openapi::errors;
use crate::http::problem::{Code, Problem};
use crate::http::server_timing::server_timing;
use crate::http::sse;
use crate::http::state::AppState;
use crate::service::{Caller, Generate, Generated, MAX_LOGPROBS};

/// Tokens of an answer where the request does not say, and the context has room for them.
const DEFAULT_MAX_TOKENS: usize = 4096;

requests! {
    /// What `POST /v1/chat/completions` takes. Fields of OpenAI's that are not listed are passed over where they change
    /// nothing that is promised (`user`, `metadata`, `store` …), and refused by their names where they ask for what
    /// cannot be done (`tools`, `audio` …).
    struct ChatRequest {
        /// The conversation. Where the base has no chat template, the last user message is the input.
        messages: Vec<ChatMessage>,
        /// The most tokens of an answer; what the context has left, at most 4,096, where absent.
        #[serde(default)]
        #[schema(minimum = 1)]
        max_completion_tokens: Option<usize>,
        /// Whether tokens are told with their probabilities.
        #[serde(default)]
        logprobs: bool,
        /// How many of the likeliest tokens are told at each place, at most 20. It needs `logprobs`.
        #[serde(default)]
        #[schema(minimum = 0, maximum = 20)]
        top_logprobs: Option<usize>,
    }
}

/// An answer to a chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChatCompletion {
    #[serde(flatten)]
    head: Head,
    /// The answers.
    choices: Vec<ChatChoice>,
    /// Tokens.
    usage: Usage,
}

/// One answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChatChoice {
    /// Which one it is.
    index: usize,
    /// What was said.
    message: ChatAnswer,
    /// The tokens, where `logprobs` asked for them.
    #[schema(required = true)]
    logprobs: Option<ChatLogprobs>,
    /// Why it ended.
    finish_reason: FinishReason,
}

/// What was said.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChatAnswer {
    /// `assistant`
    #[schema(example = "assistant")]
    role: &'static str,
    /// The text.
    content: String,
    /// Always null.
    #[schema(value_type = Option<String>, required = true)]
    refusal: Option<()>,
}

/// A piece of one answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ChatChunkChoice {
    /// Which one it joins.
    index: usize,
    /// What joins it.
    delta: Delta,
    /// Its tokens, where `logprobs` asked for them.
    #[schema(required = true)]
    logprobs: Option<ChatLogprobs>,
    /// Why it ended, in its last piece.
    #[schema(required = true)]
    finish_reason: Option<FinishReason>,
}

/// What joins an answer.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Delta {
    /// `assistant`, in the first piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    role: Option<&'static str>,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    content: Option<String>,
}

/// Answers a chat. With `stream` the answer is server-sent events with `ChatChunk`, at the end `[DONE]`.
#[utoipa::path(post, path = "/v1/chat/completions", tag = "openai", request_body = ChatRequest,
    responses((status = 200,
        content((ChatCompletion = "application/json"), (Chunk<ChatChunkChoice> = "text/event-stream")),
        headers(("Server-Timing" = String, description = "Where the time went; not with `stream`"))), errors::OpenAi))]
pub(crate) async fn create_chat_completion(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(request): extract::Json<ChatRequest>,
) -> Result<Response, Problem> {
    let service = state.service();
    let Common { model, generate, choices, seed, delivery } = request.common(service.base().name())?;
    let generate = Generate {
        messages: Some(messages(&request.messages)?),
        max_tokens: request.most_tokens()?,
        logprobs: request.told()?,
        ..generate
    };
    let (stop, tells) = (generate.stop.clone(), generate.logprobs.is_some());
    let told = || tells.then(|| Told::new(state.clone(), &stop));
    let prepared = service.prepare(&caller, generate, DEFAULT_MAX_TOKENS).await;
    let prepared = prepared.map_err(|error| missing(error, &model))?;
    let pieces = submit(service, &[prepared], (choices, seed)).await?;
    match delivery {
        Delivery::Whole => {
            let answers = gather(pieces).await?;
            let (timings, usage) = (timings(&answers), usage(&answers, choices));
            let choices =
                answers.into_iter().enumerate().map(|(index, answer)| choice(index, answer, told())).collect();
            let head = Head::new(service, ("chatcmpl", "chat.completion"), model);
            Ok((server_timing(&timings), Json(ChatCompletion { head, choices, usage })).into_response())
        }
        Delivery::Stream(options) => {
            let head = Head::new(service, ("chatcmpl", "chat.completion.chunk"), model);
            let chunks = ChatChunks { told: pieces.iter().map(|_| told()).collect() };
            Ok(sse::events(Streaming { head, chunks, choices, options }.events(pieces)))
        }
    }
}

impl ChatRequest {
    fn most_tokens(&self) -> Result<Option<usize>, Problem> {
        match (self.max_completion_tokens, self.max_tokens) {
            (Some(new), Some(old)) if new != old => {
                Err(Problem::field(Code::Invalid, "max_tokens", "is not max_completion_tokens: send one of them"))
            }
            (Some(0), _) => Err(Problem::field(Code::Invalid, "max_completion_tokens", "must be at least 1")),
            (new, old) => Ok(new.or(old)),
        }
    }

    fn told(&self) -> Result<Option<usize>, Problem> {
        match (self.logprobs, self.top_logprobs) {
            (true, Some(top)) if top > MAX_LOGPROBS => {
                Err(Problem::field(Code::Invalid, "top_logprobs", format!("must be at most {MAX_LOGPROBS}")))
            }
            (true, top) => Ok(Some(top.unwrap_or(0))),
            (false, None | Some(0)) => Ok(None),
            (false, Some(_)) => Err(Problem::field(Code::Invalid, "top_logprobs", "needs logprobs to be true")),
        }
    }
}

fn choice(index: usize, answer: Generated, told: Option<Told>) -> ChatChoice {
    let logprobs = told.map(|mut told| {
        let mut tokens: Vec<_> = answer.tokens.into_iter().flat_map(|token| told.push("", Some(token))).collect();
        tokens.extend(told.push(&answer.text, None));
        tokens.extend(told.end(answer.finish_reason));
        Told::chat(tokens)
    });
    let message = ChatAnswer { role: "assistant", content: answer.text, refusal: None };
    ChatChoice { index, message, logprobs, finish_reason: answer.finish_reason }
}

/// The chunks of a chat's answers.
struct ChatChunks {
    /// For each answer, where tokens are asked for.
    told: Vec<Option<Told>>,
}

impl Chunks for ChatChunks {
    type Choice = ChatChunkChoice;

    fn begin(&mut self, index: usize) -> Option<ChatChunkChoice> {
        let delta = Delta { role: Some("assistant"), content: Some(String::new()) };
        Some(ChatChunkChoice { index, delta, logprobs: None, finish_reason: None })
    }

    fn text(&mut self, index: usize, text: String, token: Option<Token>) -> ChatChunkChoice {
        let logprobs = self.told[index].as_mut().map(|told| Told::chat(told.push(&text, token)));
        let delta = Delta { role: None, content: Some(text) };
        ChatChunkChoice { index, delta, logprobs, finish_reason: None }
    }

    fn end(&mut self, index: usize, reason: FinishReason) -> ChatChunkChoice {
        let left = self.told[index].as_mut().map(|told| told.end(reason)).filter(|left| !left.is_empty());
        ChatChunkChoice { index, delta: Delta::default(), logprobs: left.map(Told::chat), finish_reason: Some(reason) }
    }
}
