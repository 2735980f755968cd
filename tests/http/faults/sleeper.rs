//! A worker that sleeps past its lease and wakes: a machine that was suspended, a process that was stopped.

use std::time::Duration;

use serde_json::json;

use super::{job, place, register};
use crate::state::State;

#[tokio::test]
async fn a_process_that_slept_past_its_lease_changes_nothing_when_it_wakes() {
    let state = State::new().await;
    if !state.on_server() || !state.in_bucket() {
        eprintln!("SKIPPED: only processes that share a database and a bucket can take each other's jobs up");
        return;
    }
    let place = place(&state);
    let sleeper = place.serve().await;
    register(&sleeper, "shout").await;
    let wanted = json!({ "kind": "adapter", "task": "shout", "steps": 300 });
    let id = job(&sleeper.json("POST", "/jobs/train", wanted).await);
    loop {
        let seen = sleeper.get(&format!("/jobs/{id}")).await.json();
        if seen["state"] == "running" {
            break;
        }
        assert_eq!(seen["state"], "queued", "it was too quick to be put to sleep");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sleeper.signal("STOP");
    // As when its lease had run out.
    state.execute("UPDATE jobs SET lease_until = 0 WHERE lease_until IS NOT NULL").await;
    let other_directory = tempfile::tempdir().unwrap();
    let other = place.with("ATTUNE_DATA_DIR", other_directory.path().to_str().unwrap()).serve().await;
    let ended = other.finished(&id).await;
    assert_eq!((&ended["state"], &ended["attempt"]), (&json!("succeeded"), &json!(2)), "{ended}");
    let events = other.get(&format!("/jobs/{id}/events")).await.text().to_owned();
    sleeper.signal("CONT");
    // It serves again at once, and its own run of the job comes to its end unheard.
    assert_eq!(sleeper.get("/health/live").await.status, 200);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(sleeper.get(&format!("/jobs/{id}")).await.json(), ended);
    assert_eq!(other.get(&format!("/jobs/{id}/events")).await.text(), events);
    assert_eq!(other.get("/adapters").await.json()["data"].as_array().unwrap().len(), 1);
    sleeper.stop().await;
    other.stop().await;
    super::nothing_dangles(&state).await;
}
