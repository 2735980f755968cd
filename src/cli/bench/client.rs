//! attune's HTTP interface, as far as a load test needs it.

use crate::cli::remote::{ApiKey, peft_form};
use crate::event_stream::{Parser, TooLong};
use reqwest::{RequestBuilder, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The server said no.
    #[error("{status}: {detail}")]
    Refused { status: u16, detail: String, retry_after_s: Option<u64> },
    /// The server failed while it was answering.
    #[error("the stream ended with an error: {detail}")]
    Failed { status: Option<u16>, detail: String },
    /// The answer is none.
    #[error("the answer cannot be read: {reason}")]
    Unreadable { reason: String },
    #[error("no answer in time: raise --timeout, or load the server less")]
    TimedOut,
    #[error("the server cannot be reached: {reason}")]
    Unreachable { reason: String },
}

impl Error {
    /// The status, or the kind in a word or two.
    pub(super) fn label(&self) -> String {
        match self {
            Self::Refused { status, .. } => status.to_string(),
            Self::Failed { status: Some(status), .. } => format!("{status} in the stream"),
            Self::Failed { status: None, .. } => "failed in the stream".to_owned(),
            Self::Unreadable { .. } => "unreadable".to_owned(),
            Self::TimedOut => "timeout".to_owned(),
            Self::Unreachable { .. } => "unreachable".to_owned(),
        }
    }

    /// Whether the same request would be refused again.
    pub(super) fn is_final(&self) -> bool {
        let status = match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Failed { status, .. } => *status,
            Self::Unreadable { .. } | Self::TimedOut | Self::Unreachable { .. } => None,
        };
        status.is_some_and(|status| (400..500).contains(&status) && status != 429)
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(deeper) = source {
            reason = format!("{reason}: {deeper}");
            source = deeper.source();
        }
        if error.is_body() || error.is_decode() { Self::Unreadable { reason } } else { Self::Unreachable { reason } }
    }
}

impl From<TooLong> for Error {
    fn from(error: TooLong) -> Self {
        Self::Unreadable { reason: error.to_string() }
    }
}

/// A completion with the times at which it came.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// None where the answer is empty.
    pub(super) first_token: Option<Duration>,
    /// Between one token and the next.
    pub(super) gaps: Vec<Duration>,
    pub(super) total: Duration,
    pub(super) done: Done,
}

/// What the last event says.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Done {
    pub(super) usage: Usage,
    #[serde(default)]
    pub(super) timings_ms: Timings,
    pub(super) adapter: UsedAdapter,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Usage {
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct UsedAdapter {
    pub(super) applied: String,
}

/// The server's own times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Timings {
    pub(super) adapter: f64,
    pub(super) queue: f64,
    pub(super) prefill: f64,
    pub(super) decode: f64,
    pub(super) total: f64,
}

impl Timings {
    pub(super) fn add(&mut self, other: &Self) {
        self.adapter += other.adapter;
        self.queue += other.queue;
        self.prefill += other.prefill;
        self.decode += other.decode;
        self.total += other.total;
    }

    pub(super) fn divided_by(&self, count: f64) -> Self {
        Self {
            adapter: self.adapter / count,
            queue: self.queue / count,
            prefill: self.prefill / count,
            decode: self.decode / count,
            total: self.total / count,
        }
    }
}

/// An adapter's id, and whether the request made it.
#[derive(Clone, Debug)]
pub(super) struct MadeAdapter {
    pub(super) id: String,
    pub(super) new: bool,
}

/// A client of one server.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    info: Value,
    /// What a completion is asked for with, beside its prompt and adapter.
    body: Value,
}

impl Client {
    /// Asks the server what it is. No proxy is used: its times would be measured too.
    ///
    /// # Errors
    /// Where no attune server answers, or it does not take the key.
    pub(super) async fn connect(url: &str, key: Option<&ApiKey>, patience: Duration) -> Result<Self, Error> {
        let headers = key.map(ApiKey::header).into_iter().map(|value| (header::AUTHORIZATION, value)).collect();
        let http = reqwest::Client::builder().default_headers(headers);
        let http = http.no_proxy().tcp_nodelay(true).timeout(patience).build()?;
        let url = url.trim_end_matches('/').to_owned();
        let info = read(http.get(format!("{url}/info"))).await?;
        let openapi: Value = read(http.get(format!("{url}/openapi.json"))).await?;
        let mut body = json!({"stream": true, "temperature": 0});
        let known = &openapi["components"]["schemas"]["Generate"]["properties"];
        for (field, value) in [("ignore_eos", true), ("cache_prompt", false)] {
            if known.get(field).is_some() {
                body[field] = json!(value);
            }
        }
        Ok(Self { http, url, info, body })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// `GET /info` as it was at the beginning.
    pub(super) fn info(&self) -> &Value {
        &self.info
    }

    /// The fields that every completion is asked for with.
    pub(super) fn body(&self) -> &Value {
        &self.body
    }

    /// Asks for a completion and reads it to its end. Times count from `since`.
    ///
    /// # Errors
    /// Where there is no whole answer.
    pub(super) async fn generate(&self, fields: Value, since: Instant) -> Result<Answer, Error> {
        let mut body = self.body.clone();
        if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
            body.extend(fields);
        }
        let mut response = accepted(self.http.post(format!("{}/generate", self.url)).json(&body).send().await?).await?;
        let mut parser = Parser::default();
        let (mut first, mut last, mut gaps) = (None, None, Vec::new());
        while let Some(piece) = response.chunk().await? {
            let now = Instant::now();
            for event in parser.push(&piece)? {
                match event.name.as_str() {
                    "token" => {
                        first.get_or_insert(now);
                        gaps.extend(last.replace(now).map(|last| now - last));
                    }
                    "done" => {
                        let done = parse(event.data.as_bytes())?;
                        return Ok(Answer { first_token: first.map(|at| at - since), gaps, total: now - since, done });
                    }
                    "error" => return Err(failed(&event.data)),
                    _ => {}
                }
            }
        }
        Err(Error::Unreadable { reason: "the stream ended before its last event".to_owned() })
    }

    /// Generates the adapter of a description.
    ///
    /// # Errors
    /// Where the server does not.
    pub(super) async fn create_adapter(&self, task: &str) -> Result<MadeAdapter, Error> {
        self.made(self.http.post(format!("{}/adapters", self.url)).json(&json!({"task": task}))).await
    }

    /// Imports an adapter: the bytes of its two files.
    ///
    /// # Errors
    /// Where the server refuses it.
    pub(super) async fn import_adapter(&self, config: &[u8], weights: &[u8]) -> Result<MadeAdapter, Error> {
        let form = peft_form(config.to_vec(), weights.to_vec());
        self.made(self.http.post(format!("{}/adapters/import", self.url)).multipart(form)).await
    }

    /// Takes an adapter from the server.
    ///
    /// # Errors
    /// Where the server does not.
    pub(super) async fn delete_adapter(&self, id: &str) -> Result<(), Error> {
        accepted(self.http.delete(format!("{}/adapters/{id}", self.url)).send().await?).await.map(drop)
    }

    async fn made(&self, request: RequestBuilder) -> Result<MadeAdapter, Error> {
        #[derive(Deserialize)]
        struct View {
            id: String,
        }
        let response = accepted(request.send().await?).await?;
        let new = response.status() == StatusCode::CREATED;
        let View { id } = parse(&response.bytes().await?)?;
        Ok(MadeAdapter { id, new })
    }
}

async fn read(request: RequestBuilder) -> Result<Value, Error> {
    parse(&accepted(request.send().await?).await?.bytes().await?)
}

/// The response, where it is none that says no.
async fn accepted(response: Response) -> Result<Response, Error> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response.text().await.unwrap_or_default();
    Err(Error::Refused { status: status.as_u16(), detail: detail(&body), retry_after_s: retry_after })
}

/// The error that ends a stream: a problem's JSON.
fn failed(data: &str) -> Error {
    let problem: Value = serde_json::from_str(data).unwrap_or_default();
    let status = problem["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    Error::Failed { status, detail: detail(data) }
}

/// What a problem's JSON says in words; the start of the text where it is none.
fn detail(body: &str) -> String {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    problem["detail"].as_str().map_or_else(|| body.chars().take(200).collect(), str::to_owned)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Unreadable { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_would_be_refused_again_is_final() {
        let refused = |status| Error::Refused { status, detail: String::new(), retry_after_s: None };
        assert!([400, 404, 409, 422].into_iter().all(|status| refused(status).is_final()));
        assert!([429, 500, 503].into_iter().all(|status| !refused(status).is_final()));
        assert!(!Error::TimedOut.is_final());
        let error = failed(r#"{"status":409,"detail":"not here"}"#);
        assert!(error.is_final());
        assert_eq!(
            (error.label().as_str(), error.to_string().as_str()),
            ("409 in the stream", "the stream ended with an error: not here")
        );
        assert_eq!(failed("{}").label(), "failed in the stream");
    }
}
