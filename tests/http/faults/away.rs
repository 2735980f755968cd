//! The database or the place for artifacts is away for a while. Requests are told to come again, what was acknowledged
//! before is done, and all goes on by itself when it is back.

use std::time::Duration;

use serde_json::json;
use sqlx::{ConnectOptions, Executor};

use super::process::{Place, Process};
use super::proxy::{Line, Proxy};
use super::{adapter_job, asks_to_come_again, job, place, register};
use crate::state::State;

/// More than SQLite waits for a lock.
const GONE: Duration = Duration::from_secs(12);

/// The database, which can be taken away.
enum Database<'a> {
    /// Another connection holds the file's write lock. Readers do not notice.
    File(&'a State),
    /// The server's connections are broken.
    Server(Proxy),
}

impl<'a> Database<'a> {
    /// The database of this state, and the place of processes that use it.
    async fn of(state: &'a State) -> (Self, Place) {
        let Some(server) = state.database_address() else { return (Self::File(state), place(state)) };
        let (sign, proxy) = (format!("{}:{}", server.0, server.1), Proxy::before(server).await);
        let through = |(name, value): (&'static str, String)| match name {
            "ATTUNE_DATABASE_URL" => (name, value.replace(&sign, &format!("127.0.0.1:{}", proxy.port))),
            _ => (name, value),
        };
        let environment = state.environment().into_iter().map(through).collect();
        (Self::Server(proxy), Place::new(environment, state.directory()))
    }

    /// Is away while the work is done, and for so long at least.
    async fn away_during<T>(&self, work: impl Future<Output = T>) -> T {
        let long = tokio::time::sleep(GONE);
        match self {
            Self::File(state) => {
                let mut other = state.file().connect().await.unwrap();
                other.execute("BEGIN IMMEDIATE").await.unwrap();
                let (done, ()) = tokio::join!(work, long);
                other.execute("ROLLBACK").await.unwrap();
                done
            }
            Self::Server(proxy) => {
                proxy.set(Line::Cut);
                let (done, ()) = tokio::join!(work, long);
                proxy.set(Line::Open);
                done
            }
        }
    }
}

/// Tries until it is acknowledged, as a caller does that is told to come again; any other refusal fails the test.
async fn queued_in_the_end(process: &Process, task: &str) -> String {
    for _ in 0..60 {
        let answer = process.json("POST", "/jobs/train", adapter_job(task)).await;
        if answer.status == 202 {
            return job(&answer);
        }
        asks_to_come_again(&answer, "unavailable");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("it is not back:\n{}", process.told());
}

#[tokio::test]
async fn a_database_that_is_away_for_a_while_costs_nothing_that_was_acknowledged() {
    let state = State::new().await;
    let (database, place) = Database::of(&state).await;
    let process = place.serve().await;
    register(&process, "shout").await;
    let before = job(&process.json("POST", "/jobs/train", adapter_job("shout")).await);
    let refused = database
        .away_during(async {
            let wanted = [adapter_job("shout"), json!({ "kind": "generator", "tasks": "all" })];
            let [first, second] = wanted.map(|body| process.json("POST", "/jobs/train", body));
            let (first, second, live) = tokio::join!(first, second, process.get("/health/live"));
            assert_eq!(live.status, 200);
            [first, second]
        })
        .await;
    for answer in &refused {
        asks_to_come_again(answer, "unavailable");
    }
    let after = queued_in_the_end(&process, "shout").await;
    for id in [&before, &after] {
        let ended = process.finished(id).await;
        assert_eq!(ended["state"], "succeeded", "{ended}\n{}", process.told());
    }
    // What was refused was not done all the same.
    assert_eq!(process.get("/jobs").await.json()["data"].as_array().unwrap().len(), 2);
    process.stop().await;
}

/// Where artifacts lie, which can be taken away.
enum Bytes<'a> {
    /// The directory is another, empty one, as where a share is not mounted.
    Directory(&'a State),
    /// The bucket's server.
    Bucket(Proxy),
}

impl<'a> Bytes<'a> {
    async fn of(state: &'a State) -> (Self, Place) {
        let place = place(state);
        if !state.in_bucket() {
            return (Self::Directory(state), place);
        }
        let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
        let (host, port) = endpoint.trim_start_matches("http://").split_once(':').unwrap();
        let proxy = Proxy::before((host.to_owned(), port.parse().unwrap())).await;
        let place = place.with("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", proxy.port));
        (Self::Bucket(proxy), place)
    }

    fn take_away(&self) {
        match self {
            Self::Directory(state) => {
                let there = state.directory().join("artifacts");
                std::fs::rename(&there, state.directory().join("elsewhere")).unwrap();
                std::fs::create_dir(there).unwrap();
            }
            Self::Bucket(proxy) => proxy.set(Line::Cut),
        }
    }

    fn bring_back(&self) {
        match self {
            Self::Directory(state) => {
                let there = state.directory().join("artifacts");
                std::fs::remove_dir(&there).unwrap();
                std::fs::rename(state.directory().join("elsewhere"), there).unwrap();
            }
            Self::Bucket(proxy) => proxy.set(Line::Open),
        }
    }
}

#[tokio::test]
async fn artifacts_that_are_away_are_asked_for_again_later() {
    let state = State::new().await;
    let (bytes, place) = Bytes::of(&state).await;
    let process = place.serve().await;
    let adapter = process.import().await.unwrap();
    assert_eq!(adapter.status, 201, "{}", adapter.text());
    let weights = adapter.json()["links"]["weights"].as_str().unwrap().to_owned();
    register(&process, "shout").await;
    bytes.take_away();
    let (read, written) = tokio::join!(process.get(&weights), process.import());
    asks_to_come_again(&read, "unavailable");
    asks_to_come_again(&written.unwrap(), "unavailable");
    // A job is acknowledged, and waits until its adapter can be stored.
    let id = job(&process.json("POST", "/jobs/train", adapter_job("shout")).await);
    tokio::time::sleep(Duration::from_secs(2)).await;
    bytes.bring_back();
    assert_eq!(process.get(&weights).await.status, 200);
    assert_eq!(process.import().await.unwrap().status, 200);
    let ended = process.finished(&id).await;
    assert_eq!(ended["state"], "succeeded", "{ended}\n{}", process.told());
    process.stop().await;
    super::nothing_dangles(&state).await;
}

#[tokio::test]
async fn slow_artifacts_delay_those_who_ask_for_them_and_nobody_else() {
    let state = State::new().await;
    let (Bytes::Bucket(proxy), place) = Bytes::of(&state).await else {
        eprintln!("SKIPPED: nothing makes a directory slow");
        return;
    };
    let process = place.serve().await;
    proxy.set(Line::Slow(Duration::from_secs(2)));
    let others = async {
        let began = std::time::Instant::now();
        for _ in 0..5 {
            assert_eq!(process.get("/adapters").await.status, 200);
        }
        began.elapsed()
    };
    let (imported, took) = tokio::join!(process.import(), others);
    assert_eq!(imported.unwrap().status, 201);
    assert!(took < Duration::from_secs(2), "{took:?}");
    proxy.set(Line::Open);
    process.stop().await;
}
