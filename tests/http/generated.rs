//! `POST /adapters` where there is a generator

use futures::FutureExt;
use serde_json::{Value, json};

use crate::support::{Answer, KNOWN, Server};

/// Out of distribution for the test's generator.
const STRANGE: &str = "zq 0x7f ;; //";

async fn create(server: &Server, task: &str, more: Value) -> Answer {
    let mut body = json!({ "task": task });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.json("POST", "/adapters", body).await
}

fn shown() -> Value {
    let example = |input: &str| json!({ "input": input, "output": format!("{input}!") });
    ["ab", "cd", "ef", "gh"].map(example).into()
}

async fn bytes(server: &Server, adapter: &Value) -> Vec<u8> {
    server.call("GET", adapter["links"]["weights"].as_str().unwrap()).await.body
}

#[tokio::test]
async fn the_same_request_gives_the_same_refined_adapter_and_other_steps_another() {
    let server = Server::with_generator().await;
    let refine = |steps: u32| json!({ "examples": shown(), "refine": { "steps": steps } });
    let first = create(&server, KNOWN[0], refine(3)).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let first = first.json();
    assert!(first["timings_ms"]["refine"].as_f64().unwrap() > 0.0, "{first}");
    let again = create(&server, KNOWN[0], refine(3)).await;
    assert_eq!((again.status.as_u16(), &again.json()["id"]), (200, &first["id"]));
    assert_eq!(again.json()["timings_ms"]["refine"], 0.0);
    let more = create(&server, KNOWN[0], refine(4)).await.json();
    let plain = create(&server, KNOWN[0], json!({ "examples": shown() })).await.json();
    assert!(first["id"] != more["id"] && first["id"] != plain["id"] && first["digest"] != plain["digest"]);
    assert_eq!(
        (&first["confidence"]["score"], &plain["timings_ms"]["refine"]),
        (&plain["confidence"]["score"], &json!(0.0))
    );
    assert_eq!(
        (&first["confidence"]["applied"], &plain["confidence"]["applied"]),
        (&json!("settled"), &json!("generated"))
    );
    // Another server makes the same bytes of it.
    let other = Server::with_generator().await;
    let made = create(&other, KNOWN[0], refine(3)).await;
    assert_eq!((made.status.as_u16(), &made.json()["id"]), (201, &first["id"]));
    assert_eq!(bytes(&other, &made.json()).await, bytes(&server, &first).await);
}

#[tokio::test]
async fn a_refined_adapter_answers_and_may_be_drawn_first() {
    let server = Server::with_generator().await;
    let more = json!({ "examples": shown(), "refine": { "steps": 2 }, "samples": 3, "name": "mine" });
    let adapter = create(&server, KNOWN[1], more).await;
    assert_eq!((adapter.status.as_u16(), &adapter.json()["seed"]), (201, &json!(0)), "{}", adapter.text());
    let body = json!({ "input": "ab", "adapter": "mine", "max_tokens": 4 });
    let answer = server.json("POST", "/generate", body).await.json();
    assert_eq!(answer["adapter"]["id"], adapter.json()["id"]);
}

#[tokio::test]
async fn plain_texts_are_refined_on_as_far_as_they_fit() {
    let server = Server::with_generator().await;
    let texts = json!([{ "text": "la la la ".repeat(60) }, { "text": "lo" }]);
    let adapter = create(&server, "Sing.", json!({ "examples": texts, "refine": { "steps": 1 } })).await;
    assert_eq!(adapter.status, 201, "{}", adapter.text());
}

#[tokio::test]
async fn without_examples_the_described_bases_own_answers_are_learned_and_no_steps_change_nothing() {
    let server = Server::with_generator().await;
    let plain = create(&server, KNOWN[0], json!({})).await.json();
    let taught = create(&server, KNOWN[0], json!({ "refine": { "steps": 3 } })).await;
    assert_eq!(taught.status, 201, "{}", taught.text());
    let taught = taught.json();
    assert!(taught["id"] != plain["id"] && taught["digest"] != plain["digest"]);
    assert!(taught["timings_ms"]["refine"].as_f64().unwrap() > 0.0, "{taught}");
    assert_eq!(
        (&taught["confidence"]["applied"], &plain["confidence"]["applied"]),
        (&json!("settled"), &json!("generated"))
    );
    let none = create(&server, KNOWN[0], json!({ "refine": { "steps": 0 } })).await.json();
    assert_eq!((&none["digest"], &none["timings_ms"]["refine"]), (&plain["digest"], &json!(0.0)));
}

#[tokio::test]
async fn a_doubted_adapter_takes_steps_unasked_unless_the_caller_says_otherwise() {
    let server = Server::with_settling_generator().await;
    let settled = create(&server, KNOWN[0], json!({ "examples": shown() })).await;
    assert_eq!(settled.status, 201, "{}", settled.text());
    let settled = settled.json();
    assert_eq!(settled["confidence"]["applied"], "settled");
    assert!(settled["timings_ms"]["refine"].as_f64().unwrap() > 0.0, "{settled}");
    let again = create(&server, KNOWN[0], json!({ "examples": shown() })).await;
    assert_eq!((again.status.as_u16(), &again.json()["confidence"]), (200, &settled["confidence"]));
    for other in [json!({ "refine": { "steps": 0 } }), json!({ "samples": 1 }), json!({ "seed": 4 })] {
        let mut more = json!({ "examples": shown() });
        more.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
        let made = create(&server, KNOWN[0], more).await.json();
        assert_eq!((&made["confidence"]["applied"], &made["timings_ms"]["refine"]), (&json!("generated"), &json!(0.0)));
        assert!(made["id"] != settled["id"] && made["digest"] != settled["digest"], "{made}");
    }
    let best = create(&server, KNOWN[0], json!({ "examples": shown(), "samples": 2 })).await.json();
    assert_eq!(best["confidence"]["applied"], "settled", "the best of several goes on as the mean would: {best}");
    assert!(best["digest"] != settled["digest"]);
    // The tiny base is unsure of everything: there is nothing to learn from it.
    let alone = create(&server, KNOWN[0], json!({})).await.json();
    assert_eq!(alone["confidence"]["applied"], "generated", "{alone}");
}

#[tokio::test]
async fn a_refinement_that_cannot_be_is_refused() {
    let server = Server::with_generator().await;
    let more = json!({ "examples": shown(), "refine": { "steps": 101 } });
    create(&server, KNOWN[0], more).await.invalid("refine.steps");
    for (refine, field) in [
        (json!({ "steps": -1 }), "refine.steps"),
        (json!({ "steps": "many" }), "refine.steps"),
        (json!({}), "refine.steps"),
        (json!({ "steps": 1, "rate": 1 }), "refine.rate"),
        (json!(20), "refine"),
    ] {
        let answer = create(&server, KNOWN[0], json!({ "examples": shown(), "refine": refine })).await;
        let told = answer.problem(422, "invalid_request")["invalid_params"][0].to_string();
        assert!(told.contains(field) || told.contains("steps"), "{told}");
    }
    let long: Vec<Value> = (0..30).map(|_| json!({ "input": "a".repeat(75), "output": "b" })).collect();
    create(&server, KNOWN[0], json!({ "examples": long, "refine": { "steps": 1 } })).await.invalid("examples");
    let limits = server.call("GET", "/info").await.json()["limits"].clone();
    assert_eq!((&limits["refine_steps"], &limits["refine_tokens"]), (&json!(100), &json!(2048)));
}

#[tokio::test]
async fn a_generators_tasks_lie_on_a_map_on_which_a_description_has_its_place() {
    let server = Server::with_generator().await;
    let adapter = create(&server, KNOWN[0], json!({})).await.json();
    let map = server.call("GET", &format!("/generators/{}/map", adapter["generator"].as_str().unwrap())).await.json();
    assert_eq!((&map["generator"], map["tasks"].as_array().unwrap().len()), (&adapter["generator"], KNOWN.len()));
    let place = |of: &Value| [0, 1].map(|axis| of["position"][axis].as_f64().unwrap());
    let far = |task: &Value| {
        let ([a, b], [x, y]) = (place(task), place(&adapter["confidence"]));
        (a - x).hypot(b - y)
    };
    let tasks = map["tasks"].as_array().unwrap();
    let nearest = tasks.iter().min_by(|a, b| far(a).total_cmp(&far(b))).unwrap();
    assert_eq!(
        (&nearest["name"], &nearest["taught"]),
        (&adapter["confidence"]["nearest_tasks"][0]["name"], &json!(false))
    );
    server.call("GET", "/generators/none/map").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_description_that_is_unknown_is_generated_blended_or_refused() {
    let server = Server::with_generator().await;
    let generated = create(&server, STRANGE, json!({})).await;
    assert_eq!(generated.status, 201, "{}", generated.text());
    let generated = generated.json();
    let confidence = &generated["confidence"];
    assert_eq!((&confidence["in_distribution"], &confidence["applied"]), (&json!(false), &json!("generated")));
    let same = create(&server, STRANGE, json!({ "on_unknown": "generate" })).await;
    assert_eq!((same.status.as_u16(), &same.json()["id"]), (200, &generated["id"]));

    let blended = create(&server, STRANGE, json!({ "on_unknown": "blend", "seed": 3 })).await;
    assert_eq!(blended.status, 201, "{}", blended.text());
    let blended = blended.json();
    assert_eq!((&blended["confidence"]["applied"], &blended["seed"]), (&json!("blended"), &json!(null)));
    assert_eq!(blended["confidence"]["score"], confidence["score"]);
    assert!(blended["id"] != generated["id"] && blended["digest"] != generated["digest"]);
    let again = create(&server, STRANGE, json!({ "on_unknown": "blend", "seed": 3 })).await;
    assert_eq!((again.status.as_u16(), &again.json()["confidence"]), (200, &blended["confidence"]));
    let more = json!({ "on_unknown": "blend", "examples": shown(), "refine": { "steps": 2 } });
    let refined = create(&server, STRANGE, more).await;
    assert_eq!(refined.status, 201, "{}", refined.text());

    let refused = create(&server, STRANGE, json!({ "on_unknown": "reject" })).await.problem(422, "unknown_task");
    assert_eq!((&refused["score"], &refused["nearest_tasks"]), (&confidence["score"], &confidence["nearest_tasks"]));
    assert_eq!(refused["invalid_params"][0]["name"], "task");
    let detail = refused["detail"].as_str().unwrap();
    assert!(["refine", "/jobs/train", "blend"].iter().all(|mend| detail.contains(mend)), "{detail}");
    assert_eq!(server.call("GET", "/adapters").await.json()["data"].as_array().unwrap().len(), 3);
    create(&server, STRANGE, json!({ "on_unknown": "perhaps" })).await.invalid("on_unknown");
}

#[tokio::test]
async fn a_description_that_is_known_is_generated_whatever_is_done_with_others() {
    let server = Server::with_generator().await;
    let generated = create(&server, KNOWN[2], json!({})).await.json();
    assert_eq!(generated["confidence"]["in_distribution"], true, "{generated}");
    assert_eq!(generated["confidence"]["nearest_tasks"][0]["name"], KNOWN[2]);
    for on_unknown in ["blend", "reject"] {
        let answer = create(&server, KNOWN[2], json!({ "on_unknown": on_unknown })).await.json();
        assert_eq!(answer["confidence"], generated["confidence"]);
        assert!(answer["id"] != generated["id"] && answer["digest"] == generated["digest"], "{answer}");
    }
}

#[tokio::test]
async fn two_that_ask_at_once_get_the_same_and_one_that_leaves_takes_nothing_from_the_other() {
    let server = Server::with_generator().await;
    let more = || json!({ "examples": shown(), "refine": { "steps": 20 } });
    let mut first = Box::pin(create(&server, KNOWN[0], more()));
    let mut second = Box::pin(create(&server, KNOWN[0], more()));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    drop(first);
    let (second, third) = tokio::join!(second, create(&server, KNOWN[0], more()));
    let mut statuses = [second.status.as_u16(), third.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!((statuses, &second.json()["id"]), ([200, 201], &third.json()["id"]));
}
