//! The process dies between an artifact and its record, and between a record and the end of its job. Whatever was
//! acknowledged is there after a restart, every record's artifact is whole, the work succeeds when it is asked for
//! again, and what the dead process left is collected.

use attune::crash::{Point, VARIABLE};
use serde_json::json;

use super::{adapter_job, job, nothing_dangles, nothing_is_left_over, place, register};
use crate::state::State;
use crate::support::{KNOWN, Server};

/// How a process ends that called `abort`.
const SIGABRT: i32 = 6;

#[track_caller]
fn aborted(status: std::process::ExitStatus) {
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(status.signal(), Some(SIGABRT), "{status}");
}

#[tokio::test]
async fn an_adapter_that_was_being_made_is_made_by_the_next_request() {
    let state = Server::with_generator().await.into_state();
    let place = place(&state);
    let wanted = json!({ "task": KNOWN[0] });
    let dying = place.clone().with(VARIABLE, Point::AdapterStored.word()).serve().await;
    assert!(dying.try_json("POST", "/adapters", wanted.clone()).await.is_err());
    aborted(dying.died().await);
    nothing_dangles(&state).await;
    let process = place.serve().await;
    assert_eq!(process.get("/adapters").await.json()["data"], json!([]));
    let made = process.json("POST", "/adapters", wanted).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let file = process.get(made.json()["links"]["weights"].as_str().unwrap()).await;
    assert_eq!((file.status.as_u16(), file.header("etag")), (200, made.header("etag")));
    process.stop().await;
    nothing_dangles(&state).await;
    nothing_is_left_over(&state, &place).await;
}

#[tokio::test]
async fn an_adapter_that_was_being_imported_leaves_bytes_that_are_collected_or_used_again() {
    let state = State::new().await;
    let place = place(&state);
    for ask_again in [false, true] {
        let dying = place.clone().with(VARIABLE, Point::ImportStored.word()).serve().await;
        assert!(dying.import().await.is_err());
        aborted(dying.died().await);
        nothing_dangles(&state).await;
        assert_eq!(state.artifacts().await.inventory().await.unwrap().artifacts.len(), 1);
        if ask_again {
            let process = place.serve().await;
            assert_eq!(process.import().await.unwrap().status, 201);
            process.stop().await;
            nothing_dangles(&state).await;
        }
        nothing_is_left_over(&state, &place).await;
        assert_eq!(state.artifacts().await.inventory().await.unwrap().artifacts.len(), usize::from(ask_again));
    }
}

#[tokio::test]
async fn a_training_job_that_died_at_its_end_is_taken_up_and_lists_one_adapter() {
    for point in [Point::TrainedStored, Point::TrainedListed] {
        let state = State::new().await;
        let adapters = taken_up(&state, point, adapter_job("shout"), "/adapters").await;
        assert_eq!(adapters, 1, "{point:?}");
    }
}

#[tokio::test]
async fn a_promotion_that_died_anywhere_is_taken_up_and_one_generator_serves() {
    for point in [Point::GeneratorStored, Point::GeneratorListed, Point::GeneratorActivated] {
        let state = State::new().await;
        let generator = json!({ "kind": "generator", "tasks": ["shout"], "stages": ["cross_entropy"], "steps": 2 });
        taken_up(&state, point, generator, "/generators").await;
        let active =
            state.store().await.list_generators(&attune::store::PageRequest { limit: 100, cursor: None }).await;
        let active = active.unwrap().data.iter().filter(|generator| generator.active).count();
        assert_eq!(active, 1, "{point:?}");
    }
}

/// Queues the job in a process that dies at this point of it; another takes it up. Gives how many there are in the list.
async fn taken_up(state: &State, point: Point, wanted: serde_json::Value, list: &str) -> usize {
    let place = place(state);
    let dying = place.clone().with(VARIABLE, point.word()).serve().await;
    register(&dying, "shout").await;
    let id = job(&dying.json("POST", "/jobs/train", wanted).await);
    aborted(dying.died().await);
    nothing_dangles(state).await;
    // As when the dead process's lease has run out.
    state.execute("UPDATE jobs SET lease_until = 0 WHERE lease_until IS NOT NULL").await;
    let process = place.serve().await;
    let ended = process.finished(&id).await;
    assert_eq!((&ended["state"], &ended["attempt"]), (&json!("succeeded"), &json!(2)), "{point:?}: {ended}");
    let listed = process.get(list).await.json()["data"].as_array().unwrap().len();
    process.stop().await;
    nothing_dangles(state).await;
    nothing_is_left_over(state, &place).await;
    listed
}

#[test]
fn a_place_that_there_is_not_is_refused() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_attune"))
        .args(["migrate"])
        .env(VARIABLE, "nowhere")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(VARIABLE) && told.contains("adapter_stored"), "{told}");
}
