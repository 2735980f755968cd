//! `POST /v1/completions`

use serde_json::{Value, json};

use super::{COMPLETIONS, chunks};
use crate::support::Server;

async fn ask(server: &Server, more: Value) -> Value {
    let mut body = json!({ "model": "tiny", "temperature": 0 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.json("POST", COMPLETIONS, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_prompt_is_text_or_tokens_or_several() {
    let server = Server::start().await;
    let one = ask(&server, json!({ "prompt": "abc", "ignore_eos": true })).await;
    assert_eq!((&one["object"], &one["usage"]["completion_tokens"]), (&json!("text_completion"), &json!(16)));
    // A token of this base is a byte; 256 begins a text.
    let tokens = json!([256, 97, 98, 99]);
    let texts = [json!("abc"), json!(["abc", "abc"]), tokens.clone(), json!([tokens, tokens])];
    for prompt in texts {
        let answer = ask(&server, json!({ "prompt": prompt, "ignore_eos": true })).await;
        for choice in answer["choices"].as_array().unwrap() {
            assert_eq!(choice["text"], one["choices"][0]["text"], "{prompt}");
        }
    }
    let many = ask(&server, json!({ "prompt": ["abc", "abd"], "n": 2, "best_of": 2 })).await;
    let indices: Vec<&Value> = many["choices"].as_array().unwrap().iter().map(|choice| &choice["index"]).collect();
    assert_eq!(indices, [&json!(0), &json!(1), &json!(2), &json!(3)]);
    assert_eq!(many["choices"][0]["text"], many["choices"][1]["text"]);
    assert_eq!(many["usage"]["prompt_tokens"], 8);
}

#[tokio::test]
async fn an_echo_puts_the_prompt_before_the_answer() {
    let server = Server::start().await;
    let bare = ask(&server, json!({ "prompt": "abc" })).await["choices"][0]["text"].as_str().unwrap().to_owned();
    for prompt in [json!("abc"), json!([256, 97, 98, 99])] {
        let echoed = ask(&server, json!({ "prompt": prompt, "echo": true })).await;
        assert_eq!(echoed["choices"][0]["text"], format!("abc{bare}"));
    }
    let body = json!({ "model": "tiny", "temperature": 0, "prompt": "abc", "echo": true, "stream": true });
    let chunks = chunks(&server.json("POST", COMPLETIONS, body).await);
    let text: String = chunks.iter().map(|chunk| chunk["choices"][0]["text"].as_str().unwrap()).collect();
    assert_eq!(text, format!("abc{bare}"));
}

#[tokio::test]
async fn a_stop_text_never_comes_out_nor_does_its_beginning() {
    let server = Server::start().await;
    let text = ask(&server, json!({ "prompt": "abc", "max_tokens": 40, "ignore_eos": true })).await;
    let text: Vec<char> = text["choices"][0]["text"].as_str().unwrap().chars().collect();
    let stop: String = text[text.len() / 2..text.len() / 2 + 3].iter().collect();
    let request = json!({ "model": "tiny", "temperature": 0, "prompt": "abc", "max_tokens": 40, "ignore_eos": true,
                          "stop": stop, "logprobs": 0 });
    let whole = server.json("POST", COMPLETIONS, request.clone()).await.json()["choices"][0].clone();
    let all: String = text.into_iter().collect();
    assert_eq!(
        (whole["text"].as_str().unwrap(), &whole["finish_reason"]),
        (&all[..all.find(&stop).unwrap()], &json!("stop"))
    );
    let mut request = request;
    request["stream"] = json!(true);
    let chunks = chunks(&server.json("POST", COMPLETIONS, request).await);
    let mut streamed = String::new();
    for chunk in &chunks {
        streamed += chunk["choices"][0]["text"].as_str().unwrap();
        assert!(whole["text"].as_str().unwrap().starts_with(&streamed), "{streamed:?} of {whole}");
    }
    assert_eq!(streamed, whole["text"]);
    let told = whole["logprobs"]["tokens"].as_array().unwrap().len();
    let streamed = |chunk: &Value| chunk["choices"][0]["logprobs"]["tokens"].as_array().map_or(0, Vec::len);
    assert_eq!(chunks.iter().map(streamed).sum::<usize>(), told);
    assert!(told < 40);
}

#[tokio::test]
async fn tokens_are_told_in_the_legacy_shape() {
    let server = Server::start().await;
    let answer = ask(&server, json!({ "prompt": "abc", "logprobs": 2, "logit_bias": { "97": 100, "98": 100 } })).await;
    let (choice, told) = (&answer["choices"][0], &answer["choices"][0]["logprobs"]);
    let list = |name: &str| told[name].as_array().unwrap().clone();
    let text: String = list("tokens").iter().map(|token| token.as_str().unwrap()).collect();
    assert_eq!(text, choice["text"]);
    let offsets: Vec<Value> = (0..16).map(Value::from).collect();
    assert_eq!(list("text_offset"), offsets);
    assert_eq!((list("token_logprobs").len(), list("top_logprobs").len()), (16, 16));
    assert!(list("top_logprobs").iter().all(|top| (2..=3).contains(&top.as_object().unwrap().len())));
}

#[tokio::test]
async fn biases_and_penalties_change_what_is_chosen() {
    let server = Server::start().await;
    let text = async |more: Value| ask(&server, more).await["choices"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(text(json!({ "prompt": "abc", "logit_bias": { "97": 100 } })).await, "a".repeat(16));
    let two = json!({ "97": 50, "98": 50 });
    let penalised = text(json!({ "prompt": "abc", "logit_bias": two, "frequency_penalty": 2 })).await;
    assert!(penalised.contains("aa") || penalised.contains("ba"), "{penalised}");
    assert!(penalised.contains('b') && penalised.len() == 16, "{penalised}");
    let native = json!({ "prompt": "abc", "max_tokens": 16, "logit_bias": two, "frequency_penalty": 2 });
    let native = server.json("POST", "/generate", native).await;
    assert!(native.header("server-timing").contains("adapter;dur="));
    assert_eq!(native.json()["text"], penalised);
    let timings = &native.json()["timings_ms"];
    assert_eq!((&timings["encode"], &timings["generate"]), (&json!(0.0), &json!(0.0)));
}
