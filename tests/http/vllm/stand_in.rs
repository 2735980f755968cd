//! A server that stands in for vLLM: it follows vLLM's published contract (the documentation of `vllm serve`, of LoRA
//! adapters at run time, and the shapes of its errors), and has no model. What it answers is the name of the model that was
//! asked, letter by letter. It runs in a runtime of its own, so that it can die with all its connections, as a process does.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// What it calls its base, and where that lies.
pub(crate) const BASE: (&str, &str) = ("served", "/models/tiny");
/// Tokens that it takes.
pub(crate) const CONTEXT: usize = 100;

/// The server.
pub(crate) struct StandIn {
    address: SocketAddr,
    runtime: Option<Runtime>,
    pub(crate) seen: Arc<Seen>,
}

/// What it was asked, and how it is to behave.
#[derive(Default)]
pub(crate) struct Seen {
    state: Mutex<Known>,
}

#[derive(Default)]
pub(crate) struct Known {
    /// Adapters that are loaded, and their paths.
    pub(crate) loaded: BTreeMap<String, String>,
    /// The most that were loaded at once.
    pub(crate) most_loaded: usize,
    /// Routes and bodies, in order.
    pub(crate) asked: Vec<(&'static str, Value)>,
    /// Answers that were begun and given up, because nobody read them any more.
    pub(crate) given_up: usize,
    /// How long it takes for each letter.
    pub(crate) pace: Duration,
    /// After how many letters it says that its engine failed.
    pub(crate) fail_after: Option<usize>,
    /// Whether its engine is dead.
    pub(crate) sick: bool,
    /// The largest rank that it loads, where there is one.
    pub(crate) max_rank: Option<u64>,
}

impl Seen {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap()
    }

    /// The bodies that a route was asked with.
    pub(crate) fn bodies(&self, route: &str) -> Vec<Value> {
        self.lock().asked.iter().filter(|(asked, _)| *asked == route).map(|(_, body)| body.clone()).collect()
    }

    pub(crate) fn loaded(&self) -> Vec<String> {
        self.lock().loaded.keys().cloned().collect()
    }

    fn note(&self, route: &'static str, body: &Value) {
        self.lock().asked.push((route, body.clone()));
    }
}

impl StandIn {
    pub(crate) fn start() -> Self {
        let mut server = Self { address: ([127, 0, 0, 1], 0).into(), runtime: None, seen: Arc::new(Seen::default()) };
        server.begin();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// It dies, with all its connections.
    pub(crate) fn die(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// It starts anew at its old address, and has forgotten all adapters.
    pub(crate) fn restart(&mut self) {
        self.die();
        self.seen.lock().loaded.clear();
        self.begin();
    }

    fn begin(&mut self) {
        // Its dead predecessor may need a moment to leave the address.
        let listener = (0..100).find_map(|_| match TcpListener::bind(self.address) {
            Ok(listener) => Some(listener),
            Err(_) => {
                std::thread::sleep(Duration::from_millis(20));
                None
            }
        });
        let listener = listener.unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/health", get(health))
            .route("/v1/models", get(models))
            .route("/v1/completions", post(complete))
            .route("/v1/load_lora_adapter", post(load))
            .route("/v1/unload_lora_adapter", post(unload))
            .with_state(Arc::clone(&self.seen));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        self.runtime = Some(runtime);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.die();
    }
}

/// An error in vLLM's shape.
fn error(status: StatusCode, kind: &str, message: String) -> Response {
    let error = json!({ "message": message, "type": kind, "param": null, "code": status.as_u16() });
    (status, Json(json!({ "error": error }))).into_response()
}

async fn health(State(seen): State<Arc<Seen>>) -> StatusCode {
    if seen.lock().sick { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
}

async fn models(State(seen): State<Arc<Seen>>) -> Json<Value> {
    let base = json!({ "id": BASE.0, "object": "model", "created": 1, "owned_by": "vllm", "root": BASE.1, "parent": null,
                       "max_model_len": CONTEXT, "permission": [] });
    let adapter = |(name, path): (&String, &String)| {
        json!({ "id": name, "object": "model", "created": 1, "owned_by": "vllm", "root": path, "parent": BASE.0,
                "max_model_len": null, "permission": [] })
    };
    let adapters: Vec<Value> = seen.lock().loaded.iter().map(adapter).collect();
    let data: Vec<Value> = std::iter::once(base).chain(adapters).collect();
    Json(json!({ "object": "list", "data": data }))
}

async fn load(State(seen): State<Arc<Seen>>, Json(body): Json<Value>) -> Response {
    seen.note("load", &body);
    let (name, path) = (body["lora_name"].as_str().unwrap(), body["lora_path"].as_str().unwrap());
    if seen.lock().loaded.contains_key(name) {
        let message = format!("The lora adapter '{name}' has already been loaded.");
        return error(StatusCode::BAD_REQUEST, "InvalidUserInput", message);
    }
    let read = |file: &str| std::fs::read(Path::new(path).join(file));
    let (Ok(config), Ok(_)) = (read("adapter_config.json"), read("adapter_model.safetensors")) else {
        return error(StatusCode::NOT_FOUND, "NotFoundError", format!("No adapter found for {path}"));
    };
    let config: Value = serde_json::from_slice(&config).unwrap();
    let rank = config["r"].as_u64().unwrap();
    let mut known = seen.lock();
    if let Some(most) = known.max_rank.filter(|most| rank > *most) {
        let message = format!("LoRA rank {rank} is greater than max_lora_rank {most}.");
        return error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message);
    }
    known.loaded.insert(name.to_owned(), path.to_owned());
    known.most_loaded = known.most_loaded.max(known.loaded.len());
    format!("Success: LoRA adapter '{name}' added successfully.").into_response()
}

async fn unload(State(seen): State<Arc<Seen>>, Json(body): Json<Value>) -> Response {
    seen.note("unload", &body);
    let name = body["lora_name"].as_str().unwrap();
    match seen.lock().loaded.remove(name) {
        Some(_) => format!("Success: LoRA adapter '{name}' removed successfully.").into_response(),
        None => error(StatusCode::NOT_FOUND, "NotFoundError", format!("The lora adapter '{name}' cannot be found.")),
    }
}

/// Says that an answer was given up, unless it came to its end.
struct GivenUp(Option<Arc<Seen>>);

impl GivenUp {
    fn came_to_its_end(&mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(seen) = &self.0 {
            seen.lock().given_up += 1;
        }
    }
}

async fn complete(State(seen): State<Arc<Seen>>, Json(body): Json<Value>) -> Response {
    seen.note("complete", &body);
    let model = body["model"].as_str().unwrap().to_owned();
    if model != BASE.0 && !seen.lock().loaded.contains_key(&model) {
        return error(StatusCode::NOT_FOUND, "NotFoundError", format!("The model `{model}` does not exist."));
    }
    if body["logprobs"].as_u64().is_some_and(|top| top > 5) {
        let message = "Requested sample logprobs of 6, which is greater than max allowed: 5".to_owned();
        return error(StatusCode::BAD_REQUEST, "BadRequestError", message);
    }
    let (pace, fail_after) = {
        let known = seen.lock();
        (known.pace, known.fail_after)
    };
    let events = events(&body, &model, fail_after);
    let mut given_up = GivenUp(Some(seen));
    let last = events.len() - 1;
    let events = futures::stream::iter(events.into_iter().enumerate()).then(move |(index, event)| {
        if index == last {
            given_up.came_to_its_end();
        }
        async move {
            tokio::time::sleep(pace).await;
            Ok::<_, std::convert::Infallible>(event)
        }
    });
    ([("content-type", "text/event-stream")], Body::from_stream(events)).into_response()
}

/// The events of an answer, whose tokens are the model's letters.
fn events(body: &Value, model: &str, fail_after: Option<usize>) -> Vec<String> {
    let event = |data: Value| format!("data: {data}\n\n");
    let stops: Vec<&str> = body["stop"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let stopped = stops.iter().filter_map(|stop| model.find(stop)).min();
    let most = body["max_tokens"].as_u64().unwrap() as usize;
    let whole = stopped.unwrap_or(model.len());
    let letters: Vec<char> = model.chars().take(whole.min(most)).collect();
    let reason = if whole > most { "length" } else { "stop" };
    let mut events = Vec::new();
    for (index, letter) in letters.iter().enumerate() {
        if fail_after == Some(index) {
            events.push(event(json!({ "error": { "message": "EngineDeadError", "type": "InternalServerError",
                                                 "param": null, "code": 500 } })));
            events.push("data: [DONE]\n\n".to_owned());
            return events;
        }
        let token = |letter: char| format!("token_id:{}", letter as u32);
        let logprobs = body["logprobs"].as_u64().map(|top| {
            let mut likeliest = json!({ token(*letter): -1.5 });
            for other in ('A'..='Z').take(top as usize) {
                likeliest[token(other)] = json!(-0.5);
            }
            json!({ "text_offset": [index], "tokens": [token(*letter)], "token_logprobs": [-1.5],
                    "top_logprobs": [likeliest] })
        });
        let last = index + 1 == letters.len();
        let choice = json!({ "index": 0, "text": letter.to_string(), "logprobs": logprobs,
                             "finish_reason": last.then_some(reason), "stop_reason": null });
        events.push(event(json!({ "id": "cmpl-1", "object": "text_completion", "created": 1, "model": model,
                                  "choices": [choice] })));
    }
    let prompt = body["prompt"].as_array().unwrap().len();
    let usage = json!({ "prompt_tokens": prompt, "completion_tokens": letters.len(),
                        "total_tokens": prompt + letters.len() });
    events.push(event(json!({ "id": "cmpl-1", "object": "text_completion", "created": 1, "model": model,
                              "choices": [], "usage": usage })));
    events.push("data: [DONE]\n\n".to_owned());
    events
}
