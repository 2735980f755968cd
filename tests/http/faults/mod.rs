//! What happens to what was acknowledged when something goes wrong: a process that dies, a database or a place for
//! artifacts that is away, slow or full, a worker that sleeps, a machine without power. docs/reliability-faults.md says what is promised.

mod away;
mod crashes;
mod full;
mod mount;
mod power;
pub(crate) mod process;
mod proxy;
mod sleeper;

use std::time::{Duration, SystemTime};

use attune::store::collect::collect;
use attune::store::{CollectMode, Collection};
use serde_json::{Value, json};

use self::process::{Place, Process};
use crate::state::State;
use crate::support::Answer;

/// A place for processes over a state.
fn place(state: &State) -> Place {
    Place::new(state.environment(), state.directory())
}

/// Registers a task with a few examples, under this name.
async fn register(process: &Process, name: &str) {
    let described = process.json("PUT", &format!("/tasks/{name}"), json!({ "descriptions": ["Shout."] })).await;
    assert!(described.status.is_success(), "{}", described.text());
    let lines: Vec<String> = ["ab", "cd", "ef", "gh", "ij", "kl"]
        .iter()
        .map(|word| json!({ "input": word, "output": "x" }).to_string())
        .collect();
    let path = format!("/tasks/{name}/examples");
    let examples = process.send("PUT", &path, "application/x-ndjson", lines.join("\n").into_bytes()).await.unwrap();
    assert!(examples.status.is_success(), "{}", examples.text());
}

fn adapter_job(task: &str) -> Value {
    json!({ "kind": "adapter", "task": task, "steps": 2 })
}

/// The id of a job that was acknowledged.
#[track_caller]
fn job(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

/// Holds the answer against a problem that asks to come again.
#[track_caller]
fn asks_to_come_again(answer: &Answer, code: &str) {
    answer.problem(503, code);
    let wait: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=600).contains(&wait), "{wait}");
}

/// Every record's artifact can be read and has the digest that the record says.
async fn nothing_dangles(state: &State) {
    let (store, artifacts) = (state.store().await, state.artifacts().await);
    for digest in store.referenced_digests().await.unwrap() {
        artifacts.get(&digest).await.unwrap();
    }
}

/// After a collection without grace nothing is there but what a record names.
async fn nothing_is_left_over(state: &State, place: &Place) {
    let output = place.command(&["gc", "--grace", "0s", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (store, artifacts) = (state.store().await, state.artifacts().await);
    let left = artifacts.inventory().await.unwrap();
    assert!(
        left.artifacts.iter().map(|entry| &entry.digest).eq(&store.referenced_digests().await.unwrap()),
        "{left:?}"
    );
    assert!(left.aside.is_empty(), "{left:?}");
    let again = Collection { now: SystemTime::now(), grace: Duration::ZERO, mode: CollectMode::DryRun };
    assert_eq!(collect(&*store, &artifacts, again).await.unwrap().deleted.count, 0);
}
