//! Several servers over one state, and servers over states of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::adapters::import_once;
use crate::support::{Answer, KNOWN, Server};

async fn create(server: &Server, task: &str) -> Answer {
    server.json("POST", "/adapters", json!({ "task": task })).await
}

async fn bytes(server: &Server, adapter: &Value) -> Vec<u8> {
    server.call("GET", adapter["links"]["weights"].as_str().unwrap()).await.body
}

async fn active(server: &Server) -> Vec<String> {
    let all = server.call("GET", "/generators").await.json();
    let active = all["data"].as_array().unwrap().iter().filter(|version| version["active"] == true);
    active.map(|version| version["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_one_replica_made_another_finds_and_a_server_elsewhere_makes_the_same() {
    let first = Server::with_generator().await;
    let (second, elsewhere) = (first.beside().await, Server::with_generator().await);
    for task in &KNOWN[..3] {
        let made = create(&first, task).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let (made, found, again) = (made.json(), create(&second, task).await, create(&elsewhere, task).await);
        assert_eq!((found.status.as_u16(), again.status.as_u16()), (200, 201));
        let (found, again) = (found.json(), again.json());
        assert_eq!((&found["id"], &found["created_at"]), (&made["id"], &made["created_at"]));
        assert_eq!((&again["id"], &again["digest"]), (&made["id"], &made["digest"]));
        let weights = bytes(&first, &made).await;
        assert!(bytes(&second, &made).await == weights && bytes(&elsewhere, &again).await == weights);
    }
}

#[tokio::test]
async fn replicas_that_make_one_adapter_at_once_agree() {
    let first = Server::with_generator().await;
    let second = first.beside().await;
    let both = [&first, &second, &first, &second, &first, &second];
    let made = futures::future::join_all(both.map(|server| create(server, KNOWN[4]))).await;
    let ids: BTreeSet<String> = made.iter().map(|answer| answer.json()["id"].to_string()).collect();
    let digests: BTreeSet<String> = made.iter().map(|answer| answer.json()["digest"].to_string()).collect();
    assert_eq!((ids.len(), digests.len()), (1, 1));
    assert_eq!(made.iter().filter(|answer| answer.status == 201).count(), 1);
    assert_eq!(first.call("GET", "/adapters").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_version_that_one_replica_promotes_serves_in_the_others_from_their_next_request() {
    let first = Server::with_generator().await;
    let second = first.beside().await;
    let before = create(&second, KNOWN[0]).await.json();
    let old = before["generator"].as_str().unwrap().to_owned();
    let new = first.add_generator(2).await;
    assert_eq!(create(&second, KNOWN[0]).await.json()["generator"], json!(old));
    for (promoting, other, version) in [(&first, &second, &new), (&second, &first, &old)] {
        assert_eq!(promoting.call("POST", &format!("/generators/{version}/activate")).await.status, 200);
        let made = create(other, KNOWN[0]).await.json();
        assert_eq!(made["generator"], json!(version));
        assert_eq!((active(&first).await, active(&second).await), (vec![version.clone()], vec![version.clone()]));
    }
}

#[tokio::test]
async fn each_request_sees_one_version_while_two_take_turns() {
    let first = Server::with_generator().await;
    let second = first.beside().await;
    let versions = [active(&first).await.remove(0), first.add_generator(2).await];
    // What each version makes of each description, said beforehand.
    let mut expected = BTreeMap::new();
    for version in &versions {
        for task in KNOWN {
            let made = first.json("POST", "/adapters", json!({ "task": task, "generator": version })).await;
            let digest = made.json()["digest"].as_str().unwrap().to_owned();
            expected.insert((version.clone(), task), (made.json()["id"].clone(), digest));
        }
    }
    let promote = async {
        for turn in 1..=20_usize {
            let (server, version) = ([&first, &second][turn / 2 % 2], &versions[turn % 2]);
            assert_eq!(server.call("POST", &format!("/generators/{version}/activate")).await.status, 200);
        }
    };
    let ask = async |server: &Server| {
        let mut seen = BTreeSet::new();
        for task in KNOWN.into_iter().cycle().take(60) {
            let made = create(server, task).await.json();
            let version = made["generator"].as_str().unwrap().to_owned();
            let (id, digest) = &expected[&(version.clone(), task)];
            assert_eq!((&made["id"], made["digest"].as_str()), (id, Some(digest.as_str())));
            assert_eq!(active(server).await.len(), 1);
            seen.insert(version);
        }
        seen
    };
    let ((), by_first, by_second) = tokio::join!(promote, ask(&first), ask(&second));
    assert!(by_first.union(&by_second).all(|version| versions.contains(version)));
}

#[tokio::test]
async fn a_key_counts_in_every_replica() {
    let first = Server::start().await;
    let second = first.beside().await;
    let made = import_once(&first, "k", "mine", false).await;
    let again = import_once(&second, "k", "mine", true).await;
    assert_eq!((made.status.as_u16(), again.status.as_u16()), (201, 200));
    assert_eq!(again.json(), made.json());
    import_once(&second, "k", "other", false).await.problem(422, "idempotency_key_reused");
    let both = tokio::join!(import_once(&first, "n", "b", false), import_once(&second, "n", "c", false));
    let mut statuses = [both.0.status.as_u16(), both.1.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);
}
