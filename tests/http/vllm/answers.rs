//! Completions, and what cannot be asked.

use std::time::Duration;

use serde_json::{Value, json};

use super::stand_in::{BASE, CONTEXT, StandIn};
use super::{Pair, wait_for};
use crate::generate::events;
use crate::support::{KNOWN, Server};

#[tokio::test]
async fn a_text_is_completed_by_the_base_and_through_an_adapter() {
    let pair = Pair::start().await;
    let bare = pair.ask(json!({})).await.json();
    assert_eq!((&bare["text"], &bare["finish_reason"]), (&json!(BASE.0), &json!("stop")));
    assert_eq!(bare["adapter"], json!({ "id": null, "applied": "none" }));
    let id = pair.adapter(8).await;
    let answer = pair.ask(json!({ "adapter": id, "max_tokens": 5 })).await.json();
    assert_eq!((&answer["text"], &answer["finish_reason"]), (&json!(id[..5]), &json!("length")));
    assert_eq!(answer["adapter"], json!({ "id": id, "applied": "unmerged" }));
    let usage = json!({ "prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9, "cached_tokens": 0 });
    assert_eq!(answer["usage"], usage);
    assert!(answer["timings_ms"]["total"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn vllm_gets_the_prompts_tokens_and_every_option_by_its_name() {
    let pair = Pair::start().await;
    pair.ask(json!({ "max_tokens": 9, "temperature": 0.5, "top_p": 0.25, "top_k": 3, "min_p": 0.125, "seed": 7,
                     "repetition_penalty": 1.5, "frequency_penalty": 0.75, "presence_penalty": -0.5, "stop": ["zz"],
                     "logit_bias": { "5": -100 }, "logprobs": 2, "response_format": { "type": "json_object" } }))
        .await;
    let body = pair.vllm.seen.bodies("complete").remove(0);
    // 256 begins a text, and 257 ends one; a token of this base is a byte.
    let expected = json!({ "model": BASE.0, "prompt": [256, 97, 98, 99], "max_tokens": 9, "temperature": 0.5, "top_p": 0.25,
        "top_k": 3, "min_p": 0.125, "seed": 7, "repetition_penalty": 1.5, "frequency_penalty": 0.75,
        "presence_penalty": -0.5, "stop": ["zz"], "logit_bias": { "5": -100.0 }, "logprobs": 2,
        "response_format": { "type": "json_object" }, "ignore_eos": false, "stream": true });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(body[name], *value, "{name}");
    }
    let schema = json!({ "type": "object" });
    let form = json!({ "type": "json_schema", "json_schema": { "schema": schema } });
    pair.ask(json!({ "response_format": form, "cache_prompt": false })).await;
    pair.ask(json!({ "cache_prompt": false })).await;
    let bodies = pair.vllm.seen.bodies("complete");
    assert_eq!(bodies[1]["response_format"]["json_schema"]["schema"], schema);
    let salts: Vec<&Value> = bodies.iter().map(|body| &body["cache_salt"]).collect();
    assert!(salts[0] != salts[1] && salts[1] != salts[2], "{salts:?}");
    // What an input becomes is what the local engine would be given.
    let body = json!({ "input": "abc", "max_tokens": 1 });
    pair.server.json("POST", "/generate", body.clone()).await;
    let tokens = pair.vllm.seen.bodies("complete")[3]["prompt"].as_array().unwrap().len();
    let local = Server::start().await.json("POST", "/generate", body).await.json();
    assert_eq!(local["usage"]["prompt_tokens"], tokens);
}

#[tokio::test]
async fn a_stream_comes_as_the_local_engines_does() {
    let pair = Pair::start().await;
    let id = pair.adapter(8).await;
    let answer = pair.ask(json!({ "adapter": id, "stream": true, "logprobs": 2, "stop": [&id[20..]] })).await;
    let events = events(answer.text());
    let (last, tokens) = events.split_last().unwrap();
    assert!(tokens.iter().all(|(name, _)| name == "token"), "{events:?}");
    let text: String = tokens.iter().map(|(_, data)| data["text"].as_str().unwrap()).collect();
    assert_eq!(text, id[..20]);
    let token = &tokens[0].1["token"];
    assert_eq!((&token["text"], &token["logprob"]), (&json!(id[..1]), &json!(-1.5)));
    let top: Vec<&Value> = token["top"].as_array().unwrap().iter().map(|token| &token["text"]).collect();
    assert_eq!(top, [&json!("A"), &json!("B")]);
    assert_eq!((last.0.as_str(), &last.1["finish_reason"]), ("done", &json!("stop")));
    assert_eq!(last.1["adapter"], json!({ "id": id, "applied": "unmerged" }));
}

#[tokio::test]
async fn openais_routes_answer_through_it() {
    let pair = Pair::start().await;
    let id = pair.adapter(8).await;
    let body = json!({ "model": id, "prompt": ["abc", "abd"], "n": 2, "logprobs": 1 });
    let answer = pair.server.json("POST", "/v1/completions", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["choices"].as_array().unwrap().len(), 4);
    assert_eq!(answer["choices"][3]["text"], id[..16]);
    assert_eq!(answer["choices"][0]["logprobs"]["token_logprobs"][0], -1.5);
    let chat = json!({ "model": id, "messages": [{ "role": "user", "content": "abc" }], "stream": true });
    let answer = pair.server.json("POST", "/v1/chat/completions", chat).await;
    let text: String = answer
        .text()
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data:")?.trim()).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(text, id);
    // Each answer of a request has a seed of its own.
    let seeds: Vec<Value> = pair.vllm.seen.bodies("complete").iter().map(|body| body["seed"].clone()).collect();
    assert_ne!(seeds[0], seeds[1]);
}

#[tokio::test]
async fn a_generated_adapter_is_published_and_applied() {
    let vllm = StandIn::start();
    let folder = tempfile::tempdir().unwrap();
    let choice = attune::service::EngineChoice::Vllm(super::options(&vllm, folder.path(), 4));
    let server = Server::generating(choice).await;
    let answer = server.json("POST", "/generate", json!({ "task": KNOWN[0], "input": "ab" })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["adapter"]["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.json()["text"], json!(id));
    let there = attune::lora::PeftFiles::from_directory(&folder.path().join(&id)).unwrap();
    let stored = server.call("GET", &format!("/adapters/{id}/adapter_model.safetensors")).await.body;
    assert_eq!(there.weights, stored);
}

#[tokio::test]
async fn what_vllm_cannot_do_is_refused_by_its_name() {
    let pair = Pair::start().await;
    let id = pair.adapter(8).await;
    pair.ask(json!({ "adapter": id, "scale": 0.5 })).await.invalid("scale");
    pair.ask(json!({ "adapter": id, "merge": "always" })).await.problem(409, "unmergeable");
    for plain in [json!({ "scale": 1 }), json!({ "merge": "never" })] {
        let mut body = json!({ "adapter": id });
        body.as_object_mut().unwrap().extend(plain.as_object().unwrap().clone());
        assert_eq!(pair.ask(body).await.status, 200);
    }
    let patterned = pair.adapter_of(&[("alpha_pattern", json!({ "q_proj": 2 }))]).await;
    let answer = pair.ask(json!({ "adapter": patterned })).await;
    answer.invalid("adapter");
    assert!(answer.text().contains("alpha_pattern"), "{}", answer.text());
    let many = pair.ask(json!({ "max_tokens": CONTEXT })).await.problem(422, "context_exceeded");
    assert!(many["detail"].as_str().unwrap().contains(&CONTEXT.to_string()), "{many}");
    // What vLLM itself refuses comes in its words.
    let refused = pair.ask(json!({ "logprobs": 6 })).await.problem(422, "invalid_request");
    assert!(refused["detail"].as_str().unwrap().contains("greater than max allowed"), "{refused}");
}

#[tokio::test]
async fn an_answer_that_is_late_or_not_wanted_any_more_is_ended_at_vllm_too() {
    let pair = Pair::start().await;
    let id = pair.adapter(8).await;
    pair.vllm.seen.lock().pace = Duration::from_millis(200);
    pair.ask(json!({ "adapter": id, "timeout_ms": 300 })).await.problem(504, "timeout");
    wait_for("it goes on", || pair.vllm.seen.lock().given_up == 1).await;
    let asked = pair.ask(json!({ "adapter": id }));
    // The caller hangs up while it is answered.
    assert!(tokio::time::timeout(Duration::from_millis(500), asked).await.is_err());
    wait_for("it goes on", || pair.vllm.seen.lock().given_up == 2).await;
    let info = pair.server.call("GET", "/info").await.json();
    assert_eq!((&info["engine"]["kind"], &info["engine"]["running"]), (&json!("vllm"), &json!(0)));
}

#[tokio::test]
async fn it_is_given_no_more_at_once_than_it_may_have() {
    let pair = Pair::start().await;
    pair.vllm.seen.lock().pace = Duration::from_millis(50);
    let answers = futures::future::join_all((0..9).map(|_| pair.ask(json!({})))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert_eq!(refused.len(), 1);
    refused[0].problem(429, "queue_full");
    assert!(!refused[0].header("retry-after").is_empty());
}
