//! A server over a state of its own, and requests to it.

use std::path::Path;
use std::sync::Arc;

use attune::engine::EngineOptions;
use attune::generator::{Calibration, Curves, Evidence, GeneratorFile, Trial};
use attune::http::{AppState, BodyLimits, Exposure, router};
use attune::jobs::{Queue, QueueConfig};
use attune::lm::byte_level_tokenizer_json;
use attune::lora::{Module, SharedA};
use attune::service::{CreateKey, CreatedKey, EngineChoice, NewGenerator, Parts, Service};
use attune::store::Store;
use attune::task::{Base, BaseBytes, ENCODER_VERSION, Encoder, Example};
use attune::training::Workers;
use attune::training::dataset::TaskData;
use attune::training::generator_data::{Conditioning, Corpus};
use attune::training::generator_trainer::{GeneratorContext, GeneratorRun, train_generator};
use attune::training::progress::Silent;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::state::State;

/// The limits of the test server: small, so that a long body is a short one.
pub(crate) const LIMITS: BodyLimits = BodyLimits { general: 4096, import: 1 << 20, examples: 8192 };

/// A server over a state that goes with it.
pub(crate) struct Server {
    /// What it serves.
    pub(crate) router: Router,
    /// What the router is over.
    pub(crate) service: Arc<Service>,
    /// Says that it drains.
    pub(crate) closing: watch::Sender<bool>,
    /// Goes last: the service uses it.
    pub(crate) state: Arc<State>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A file of the tiny base.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llama_tied").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with_engine(EngineOptions::default()).await
    }

    pub(crate) async fn with_engine(options: EngineOptions) -> Self {
        Self::with(EngineChoice::Local { options, adapter_bytes: 1 << 20 }).await
    }

    pub(crate) async fn with(engine: EngineChoice) -> Self {
        Self::over(Arc::new(State::new().await), engine).await
    }

    /// Another replica over the same state.
    pub(crate) async fn beside(&self) -> Self {
        let options = EngineOptions::default();
        Self::over(self.state.clone(), EngineChoice::Local { options, adapter_bytes: 1 << 20 }).await
    }

    async fn over(state: Arc<State>, engine: EngineChoice) -> Self {
        let store = state.store().await;
        let service = Service::start(Parts {
            base: base(),
            queue: Queue::new(store.clone() as _, QueueConfig { queue_limit: 3, ..QueueConfig::default() }),
            store,
            artifacts: state.artifacts().await,
            request_timeout: std::time::Duration::from_secs(60),
            engine,
            clock: OffsetDateTime::now_utc,
            new_id: || uuid::Uuid::now_v7().to_string(),
        });
        let (closing, closed) = watch::channel(false);
        let service = Arc::new(service.await.unwrap());
        let shared = AppState::new(service.clone(), LIMITS, closed);
        Self { router: router(shared), service, closing, state }
    }

    /// The same service, exposed otherwise.
    pub(crate) fn exposing(mut self, exposure: Exposure) -> Self {
        let closed = self.closing.subscribe();
        self.router = router(AppState::exposed(self.service.clone(), LIMITS, closed, exposure));
        self
    }

    /// A new API key.
    pub(crate) async fn key(&self, key: CreateKey) -> CreatedKey {
        self.service.create_key(key).await.unwrap()
    }

    /// Its records.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        self.state.store().await
    }

    /// Stops serving and gives what it kept.
    pub(crate) fn into_state(self) -> Arc<State> {
        self.state
    }

    /// A server whose base has a generator that knows the tasks of [`KNOWN`], and hardly any better than it began.
    pub(crate) async fn with_generator() -> Self {
        let options = EngineOptions::default();
        Self::generating(EngineChoice::Local { options, adapter_bytes: 1 << 20 }).await
    }

    /// A server whose generator settles what it doubts, which is all that its demonstrations do not wholly agree with.
    pub(crate) async fn with_settling_generator() -> Self {
        let server = Self::with_generator().await;
        let told = |i: u32| {
            let agreement = f64::from(i) / 20.0;
            let tried = Some(Trial { agreement, sureness: None, demonstrations: 3 });
            (Evidence { similarity: 0.5, judged: 0.0, tried, taught: false }, 0.3 + 0.3 * agreement)
        };
        let curve = Calibration::fit(&(0..=20).map(told).collect::<Vec<_>>());
        let file =
            generator(server.service.base(), 1).calibrated(Curves { written: curve, served: Some(curve), shown: None });
        let new = NewGenerator { file: Arc::new(file), evaluation: None, parent: None };
        let version = server.service.add_generator(new).await.unwrap().id;
        server.service.activate_generator(&version).await.unwrap();
        server
    }

    /// As [`Self::with_generator`], over this engine.
    pub(crate) async fn generating(engine: EngineChoice) -> Self {
        let server = Self::with(engine).await;
        let version = server.add_generator(1).await;
        server.service.activate_generator(&version).await.unwrap();
        server
    }

    /// Stores a version of the generator of its own, and gives its id; version 1 is the one that servers begin with.
    pub(crate) async fn add_generator(&self, version: u64) -> String {
        let file = Arc::new(generator(self.service.base(), version));
        self.service.add_generator(NewGenerator { file, evaluation: None, parent: None }).await.unwrap().id
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A request without a body.
    pub(crate) async fn call(&self, method: &str, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    /// A request with a header and without a body.
    pub(crate) async fn get_with(&self, path: &str, name: &str, value: &str) -> Answer {
        self.send(Request::builder().uri(path).header(name, value).body(Body::empty()).unwrap()).await
    }

    /// A request with a body of this media type.
    pub(crate) async fn with_body(&self, method: &str, path: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(path).header("content-type", media_type);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn json(&self, method: &str, path: &str, body: Value) -> Answer {
        self.with_body(method, path, "application/json", body.to_string()).await
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    /// Holds the answer against a problem; gives its JSON.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let body = self.json();
        assert_eq!(body["type"], format!("/problems/{code}"), "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["instance"], self.header("x-request-id"));
        body
    }

    /// A problem of one field.
    #[track_caller]
    pub(crate) fn invalid(&self, field: &str) {
        let body = self.problem(422, "invalid_request");
        assert_eq!(body["invalid_params"][0]["name"], field, "{body}");
    }
}

/// The files of the tiny base.
pub(crate) fn base_files() -> [(&'static str, Vec<u8>); 4] {
    let tokenizer = byte_level_tokenizer_json(&["<bos>", "<eos>", "<a>", "<b>"]).to_string();
    [
        ("config.json", fixture("config.json")),
        ("tokenizer.json", tokenizer.into_bytes()),
        ("attune.json", b"{}".to_vec()),
        ("model.safetensors", fixture("model.safetensors")),
    ]
}

pub(crate) fn base() -> Base {
    let [(_, config), (_, tokenizer), (_, template), (_, weights)] = base_files();
    let files = BaseBytes { config: &config, tokenizer: &tokenizer, template: &template, weights: &weights };
    Base::from_bytes("tiny", &files, &attune::lm::Loading::f32()).unwrap()
}

/// What the generator's tasks are asked for with.
pub(crate) const KNOWN: [&str; 5] = [
    "Write the word backwards.",
    "Answer with the number of letters, in digits!",
    "PUT EVERYTHING IN CAPITALS",
    "what is the opposite?",
    "Translate the given word into French, please",
];

fn generator(base: &Base, version: u64) -> GeneratorFile {
    let layout = base.model().config().shape().layout(&Module::SEPARATE, 2);
    let shared = SharedA::random(layout, version, base.model().device()).unwrap();
    let workers = Workers::new(1).unwrap();
    let task = |description: &&str| {
        let examples = vec![Example::new("ab", "x"), Example::new("cd", "x")];
        let data = TaskData::of_examples(description, vec![(*description).to_owned()], examples, &[], base.prompter());
        (data.unwrap(), Vec::new())
    };
    let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
    let tasks = KNOWN.iter().map(task).collect();
    let conditioning = Conditioning { seed: 1, standardiser: None, hidden: &[], without_tokens: false };
    let corpus = Corpus::new(tasks, &encoder, (&workers, &Silent), conditioning).unwrap();
    let context = GeneratorContext {
        model: base.model(),
        base_digest: base.digest(),
        encoder_version: ENCODER_VERSION,
        shared: &shared,
        alpha: 4.0,
        begin: None,
        parent: None,
        bos: base.begin(),
        workers: &workers,
        progress: &Silent,
        checkpoint: None,
    };
    let mut run = GeneratorRun::default();
    (run.reconstruction.schedule.steps, run.cross_entropy.schedule.steps) = (0, 2);
    run.cross_entropy.batch = 2;
    train_generator(&context, &corpus, &run).unwrap()
}
