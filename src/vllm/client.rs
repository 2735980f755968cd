//! vLLM's routes.

use super::{ApiKey, Error, VllmOptions, VllmUrl};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the answer to a probe may take.
const PROBE: Duration = Duration::from_secs(5);
/// How long vLLM may take to load an adapter, or to let one go; it does so between its engine's steps.
const LOAD: Duration = Duration::from_secs(60);
/// How long the first line of an answer may take. It comes before the first token.
const FIRST_LINE: Duration = Duration::from_secs(60);
/// Bytes of a refusal that are read.
const MAX_REFUSAL_BYTES: usize = 64 << 10;
/// Characters of vLLM's words that are passed on.
const MAX_REASON_CHARS: usize = 500;

/// A client of one vLLM.
#[derive(Clone, Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    url: VllmUrl,
    key: Option<ApiKey>,
}

/// A model that vLLM serves: the base, or an adapter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Card {
    /// What requests call it.
    pub(super) id: String,
    /// Where it was loaded from: the base's name or path, an adapter's directory.
    #[serde(default)]
    pub(super) root: Option<String>,
    /// The base of an adapter.
    #[serde(default)]
    pub(super) parent: Option<String>,
    /// Tokens that prompt and answer may have together.
    #[serde(default)]
    pub(super) max_model_len: Option<usize>,
}

#[derive(Deserialize)]
struct Cards {
    data: Vec<Card>,
}

impl Client {
    /// A client. No proxy is used: vLLM is a neighbour.
    ///
    /// # Errors
    /// Where the TLS stack cannot be set up.
    pub(super) fn new(options: &VllmOptions) -> Result<Self, Error> {
        let http = reqwest::Client::builder().no_proxy().tcp_nodelay(true).connect_timeout(CONNECT).build();
        let http = http.map_err(|error| Error::away(format!("there is no HTTP client: {error}")))?;
        Ok(Self { http, url: options.url.clone(), key: options.api_key.clone() })
    }

    /// Whether its engine lives.
    pub(super) async fn health(&self) -> Result<(), Error> {
        let response = send(self.get("/health").timeout(PROBE)).await?;
        match response.status() {
            status if status.is_success() => Ok(()),
            _ => Err(refusal(response).await.into_away()),
        }
    }

    /// The base and the adapters that are loaded.
    pub(super) async fn models(&self) -> Result<Vec<Card>, Error> {
        let response = send(self.get("/v1/models").timeout(PROBE)).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await.into_away());
        }
        let cards: Cards = response.json().await.map_err(|e| unreachable(&e))?;
        Ok(cards.data)
    }

    /// Loads an adapter, unless one of this name is loaded already.
    pub(super) async fn load(&self, name: &str, path: &Path) -> Result<(), Error> {
        let body = json!({ "lora_name": name, "lora_path": path });
        let response = send(self.post("/v1/load_lora_adapter").timeout(LOAD).json(&body)).await?;
        if response.status().is_success() {
            return Ok(());
        }
        let refusal = refusal(response).await;
        match refusal.status {
            // Older versions lack the space behind "been".
            StatusCode::BAD_REQUEST if refusal.reason.contains("has already been") => Ok(()),
            StatusCode::NOT_FOUND if refusal.is_vllms => Err(Error::away(
                "vLLM does not find the adapter's folder: --vllm-adapters must be the same path for both",
            )),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Err(Error::away(
                "vLLM has no route to load adapters: start it with --enable-lora and \
                 VLLM_ALLOW_RUNTIME_LORA_UPDATING=True",
            )),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE => {
                Err(refusal.into_away())
            }
            _ => Err(Error::Adapter { reason: refusal.reason }),
        }
    }

    /// Lets an adapter go; one that is not loaded is gone.
    pub(super) async fn unload(&self, name: &str) -> Result<(), Error> {
        let body = json!({ "lora_name": name });
        let response = send(self.post("/v1/unload_lora_adapter").timeout(LOAD).json(&body)).await?;
        match response.status() {
            status if status.is_success() || status == StatusCode::NOT_FOUND => Ok(()),
            _ => Err(refusal(response).await.into_away()),
        }
    }

    /// Asks for a completion; the answer's body is its events.
    ///
    /// # Errors
    /// [`Error::UnknownModel`], [`Error::Refused`], [`Error::Away`].
    pub(super) async fn complete(&self, body: &Value) -> Result<Response, Error> {
        let sent = tokio::time::timeout(FIRST_LINE, send(self.post("/v1/completions").json(body))).await;
        let response = sent.map_err(|_| Error::away("vLLM does not answer in time"))??;
        if response.status().is_success() {
            return Ok(response);
        }
        let refusal = refusal(response).await;
        Err(match refusal.status {
            StatusCode::NOT_FOUND => Error::UnknownModel,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY | StatusCode::PAYLOAD_TOO_LARGE => {
                Error::Refused { reason: refusal.reason }
            }
            _ => refusal.into_away(),
        })
    }

    fn get(&self, route: &str) -> RequestBuilder {
        self.authorised(self.http.get(self.url.route(route)))
    }

    fn post(&self, route: &str) -> RequestBuilder {
        self.authorised(self.http.post(self.url.route(route)))
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        }
    }
}

/// Sends a request, twice where the connection was an old one that the server had left: each of vLLM's routes may be asked twice.
async fn send(request: RequestBuilder) -> Result<Response, Error> {
    let again = request.try_clone();
    let sent = match (request.send().await, again) {
        (Err(error), Some(again)) if error.is_request() && !error.is_connect() && !error.is_timeout() => {
            again.send().await
        }
        (sent, _) => sent,
    };
    sent.map_err(|error| unreachable(&error))
}

/// Why there is no answer, without the address.
pub(super) fn unreachable(error: &reqwest::Error) -> Error {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(deeper) = deepest.source() {
        deepest = deeper;
    }
    Error::away(match (error.is_connect(), error.is_timeout()) {
        (_, true) => "vLLM does not answer in time".to_owned(),
        (true, false) => format!("vLLM cannot be reached: {deepest}"),
        (false, false) => format!("vLLM's answer broke off: {deepest}"),
    })
}

/// An answer that says no.
struct Refusal {
    status: StatusCode,
    /// Its words.
    reason: String,
    /// Whether they are in the shape of vLLM's own errors, and not of a route that is not there.
    is_vllms: bool,
}

impl Refusal {
    fn into_away(self) -> Error {
        Error::away(match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "vLLM does not take the key of --vllm-api-key".to_owned()
            }
            status => format!("vLLM answers {}: {}", status.as_u16(), self.reason),
        })
    }
}

async fn refusal(mut response: Response) -> Refusal {
    let status = response.status();
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > MAX_REFUSAL_BYTES {
            break;
        }
    }
    let message = serde_json::from_slice(&body).ok().and_then(|body: Value| error_message(&body));
    let is_vllms = message.is_some();
    let reason = message.unwrap_or_else(|| status.canonical_reason().unwrap_or("without a reason").to_owned());
    Refusal { status, reason: reason.chars().take(MAX_REASON_CHARS).collect(), is_vllms }
}

/// The words of an error, in the shape of OpenAI's or in the one that vLLM had before.
pub(super) fn error_message(body: &Value) -> Option<String> {
    let message = body.get("error").and_then(|error| error.get("message"));
    let older = body.get("message").filter(|_| body.get("object").is_some_and(|object| object == "error"));
    message.or(older)?.as_str().map(str::to_owned)
}
