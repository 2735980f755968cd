//! vLLM as the engine, against a server that stands in for it.

mod adapters;
mod answers;
mod away;
mod stand_in;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use attune::service::EngineChoice;
use attune::vllm::{VllmOptions, VllmUrl};
use serde_json::{Value, json};

use crate::adapters::import_files;
use crate::support::{Answer, Server, fixture};
use stand_in::StandIn;

/// A server with a stand-in for its engine.
struct Pair {
    vllm: StandIn,
    server: Server,
    folder: tempfile::TempDir,
}

impl Pair {
    async fn start() -> Self {
        Self::with(StandIn::start(), 4).await
    }

    async fn with(vllm: StandIn, max_loras: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::with(EngineChoice::Vllm(options(&vllm, folder.path(), max_loras))).await;
        Self { vllm, server, folder }
    }

    /// Imports an adapter that is another for each alpha; gives its id.
    async fn adapter(&self, alpha: u64) -> String {
        self.adapter_of(&[("lora_alpha", json!(alpha))]).await
    }

    /// Imports the fixture's adapter with other values in its configuration.
    async fn adapter_of(&self, with: &[(&str, Value)]) -> String {
        let mut config: Value = serde_json::from_slice(&fixture("adapters/qv/adapter_config.json")).unwrap();
        for (key, value) in with {
            config[*key] = value.clone();
        }
        let weights = fixture("adapters/qv/adapter_model.safetensors");
        let answer = import_files(&self.server, config.to_string().as_bytes(), &weights, &[]).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, more: Value) -> Answer {
        let mut body = json!({ "prompt": "abc" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.json("POST", "/generate", body).await
    }

    /// The text of an answer through an adapter, which is the adapter's id where all went well.
    async fn through(&self, id: &str) -> Value {
        let answer = self.ask(json!({ "adapter": id })).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["text"].clone()
    }

    fn path_of(&self, id: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(id)
    }
}

fn options(vllm: &StandIn, folder: &Path, max_loras: usize) -> VllmOptions {
    VllmOptions {
        url: VllmUrl::parse(&vllm.url()).unwrap(),
        adapters: folder.to_owned(),
        max_loras,
        api_key: None,
        requests: 8,
        watch_every: Duration::from_millis(30),
    }
}

/// Waits until it is so.
#[track_caller]
fn wait_for(what: &str, is_so: impl Fn() -> bool) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(20), "{place}: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
