//! Which adapters vLLM has loaded.

use std::time::Duration;

use attune::lora::PeftFiles;
use serde_json::{Value, json};

use super::stand_in::{BASE, StandIn};
use super::{Pair, wait_for};

#[tokio::test]
async fn an_adapter_is_published_for_vllms_base_and_loaded_once_however_many_ask() {
    let pair = Pair::start().await;
    let id = pair.adapter(8).await;
    assert!(pair.vllm.seen.bodies("load").is_empty() && !pair.path_of(&id).exists());
    let texts = futures::future::join_all((0..6).map(|_| pair.through(&id))).await;
    assert!(texts.iter().all(|text| *text == json!(id)));
    let expected = json!({ "lora_name": id, "lora_path": pair.path_of(&id) });
    assert_eq!(pair.vllm.seen.bodies("load"), [expected]);
    // As a resolver of vLLM's looks for it.
    let files = PeftFiles::from_directory(&pair.path_of(&id)).unwrap();
    let config: Value = serde_json::from_slice(&files.config).unwrap();
    assert_eq!((&config["base_model_name_or_path"], &config["lora_alpha"]), (&json!(BASE.1), &json!(8)));
    let entries = std::fs::read_dir(pair.folder.path()).unwrap().count();
    assert_eq!(entries, 1, "something is left over");
}

#[tokio::test]
async fn the_least_recently_used_goes_when_there_is_no_place() {
    let pair = Pair::with(StandIn::start(), 2).await;
    let ids = [pair.adapter(8).await, pair.adapter(9).await, pair.adapter(10).await];
    for id in [&ids[0], &ids[1], &ids[0], &ids[2]] {
        assert_eq!(pair.through(id).await, json!(id));
    }
    let mut left = [ids[0].clone(), ids[2].clone()];
    left.sort_unstable();
    wait_for("it was not unloaded", || pair.vllm.seen.loaded() == left).await;
    // It is loaded again from where it was left.
    assert_eq!(pair.through(&ids[1]).await, json!(ids[1]));
    wait_for("there are too many", || pair.vllm.seen.loaded().len() == 2).await;
    assert!(pair.vllm.seen.lock().most_loaded <= 3);
    let adapters = &pair.server.call("GET", "/info").await.json()["engine"]["adapters"];
    assert_eq!((&adapters["resident"], &adapters["loads"], &adapters["evictions"]), (&json!(2), &json!(4), &json!(2)));
}

#[tokio::test]
async fn one_that_a_request_uses_never_goes() {
    let pair = Pair::with(StandIn::start(), 1).await;
    let (used, other) = (pair.adapter(8).await, pair.adapter(9).await);
    pair.vllm.seen.lock().pace = Duration::from_millis(30);
    let running = pair.through(&used);
    let refused = async {
        wait_for("it does not run", || !pair.vllm.seen.bodies("complete").is_empty()).await;
        pair.ask(json!({ "adapter": other })).await
    };
    let (text, refused) = tokio::join!(running, refused);
    assert_eq!(text, json!(used));
    let problem = refused.problem(429, "queue_full");
    assert!(problem["detail"].as_str().unwrap().contains("--vllm-max-loras"), "{problem}");
    assert_eq!(pair.through(&other).await, json!(other));
}

#[tokio::test]
async fn a_deleted_adapter_is_unloaded_and_its_folder_goes() {
    let pair = Pair::start().await;
    let (id, unused) = (pair.adapter(8).await, pair.adapter(9).await);
    pair.through(&id).await;
    pair.vllm.seen.lock().pace = Duration::from_millis(20);
    let deleted = async {
        wait_for("it does not run", || pair.vllm.seen.bodies("complete").len() == 2).await;
        assert_eq!(pair.server.call("DELETE", &format!("/adapters/{id}")).await.status, 204);
    };
    let (text, ()) = tokio::join!(pair.through(&id), deleted);
    assert_eq!(text, json!(id), "a request that used it was not finished");
    wait_for("it is still loaded", || pair.vllm.seen.loaded().is_empty()).await;
    wait_for("its folder is still there", || !pair.path_of(&id).exists()).await;
    pair.ask(json!({ "adapter": id })).await.problem(404, "not_found");
    // One that vLLM loaded by itself, out of the folder.
    std::fs::create_dir(pair.path_of(&unused)).unwrap();
    let path = pair.path_of(&unused).display().to_string();
    pair.vllm.seen.lock().loaded.insert(unused.clone(), path);
    assert_eq!(pair.server.call("DELETE", &format!("/adapters/{unused}")).await.status, 204);
    wait_for("it is still loaded", || pair.vllm.seen.loaded().is_empty() && !pair.path_of(&unused).exists()).await;
}

#[tokio::test]
async fn what_vllm_forgot_in_a_restart_is_loaded_again_without_the_caller_noticing() {
    let mut pair = Pair::start().await;
    let id = pair.adapter(8).await;
    pair.through(&id).await;
    for stream in [false, true] {
        // As if it had been started anew between two looks of the watch.
        pair.vllm.seen.lock().loaded.clear();
        let answer = pair.ask(json!({ "adapter": id, "stream": stream })).await;
        assert!(answer.status == 200 && !answer.text().contains("event: error"), "{}", answer.text());
    }
    pair.vllm.restart();
    assert_eq!(pair.through(&id).await, json!(id));
}

#[tokio::test]
async fn a_forgotten_adapter_is_loaded_again_also_where_there_is_place_for_one_alone() {
    let pair = Pair::with(StandIn::start(), 1).await;
    let id = pair.adapter(8).await;
    pair.through(&id).await;
    pair.vllm.seen.lock().loaded.clear();
    let texts = futures::future::join_all((0..5).map(|_| pair.through(&id))).await;
    assert!(texts.iter().all(|text| *text == json!(id)));
}

#[tokio::test]
async fn what_another_process_left_is_unloaded_and_what_is_not_ours_stays() {
    let vllm = StandIn::start();
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().canonicalize().unwrap().join("left");
    vllm.seen.lock().loaded.insert("left".into(), left.display().to_string());
    vllm.seen.lock().loaded.insert("theirs".into(), "/elsewhere/theirs".into());
    let choice = attune::service::EngineChoice::Vllm(super::options(&vllm, folder.path(), 4));
    let _server = crate::support::Server::with(choice).await;
    wait_for("it is still there", || vllm.seen.loaded() == ["theirs"]).await;
}

#[tokio::test]
async fn an_adapter_that_vllm_does_not_load_is_refused_in_its_words() {
    let pair = Pair::start().await;
    let id = pair.adapter(8).await;
    pair.vllm.seen.lock().max_rank = Some(2);
    let refused = pair.ask(json!({ "adapter": id })).await;
    refused.invalid("adapter");
    assert!(refused.text().contains("max_lora_rank"), "{}", refused.text());
    pair.vllm.seen.lock().max_rank = None;
    assert_eq!(pair.through(&id).await, json!(id));
    assert_eq!(pair.vllm.seen.loaded(), [id]);
}
