//! What only a server can do. Skipped where none is named, as all tests over Postgres.

use std::time::Instant;

use futures::StreamExt;
use serde_json::json;
use sqlx::{AssertSqlSafe, Row as _};

use super::*;
use crate::store::tests::cut::Cut;
use crate::store::tests::postgres::TestSchema;
use crate::store::tests::{at, new_job};
use crate::store::{
    AdapterStore, ClaimRequest, Expected, JobChange, JobState, JobStore, JobUpdate, OnNameTaken, Outcome, PageRequest,
    TaskStore,
};

/// The next changes, within the seconds that a second look would not take.
async fn told(changes: &mut JobChanges, count: usize) -> Vec<JobChange> {
    let next = changes.take(count).collect();
    tokio::time::timeout(Duration::from_secs(5), next).await.expect("the server tells of changes")
}

/// Waits until a change of a job comes through, which the listener may be too late for at first.
async fn hears(changes: &mut JobChanges, store: &PostgresStore, job: &str) {
    let attempts = async {
        loop {
            store.enqueue_job(&new_job(job), at(0)).await.ok();
            store.cancel_job(job, at(0)).await.ok();
            sqlx::query("DELETE FROM jobs").execute(&store.pool).await.ok();
            if let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(200), changes.next()).await {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), attempts).await.expect("the listener comes back");
    // What else was told of those jobs.
    while tokio::time::timeout(Duration::from_millis(300), changes.next()).await.is_ok() {}
}

#[tokio::test]
async fn backups_know_every_table() {
    TestSchema::with(async |schema| {
        let store = PostgresStore::open(&schema.url()).await.unwrap();
        let tables = "SELECT table_name::text FROM information_schema.tables
                      WHERE table_schema = current_schema() AND table_name <> '_sqlx_migrations'";
        let mut tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&store.pool).await.unwrap();
        let mut known = [&crate::store::backup::TABLES[..], &crate::store::backup::PASSING[..]].concat();
        tables.sort_unstable();
        known.sort_unstable();
        assert_eq!(tables, known, "a new table needs its line in store::backup::TABLES");
    })
    .await;
}

#[tokio::test]
async fn a_database_is_attached_as_it_is_or_not_at_all() {
    TestSchema::with(async |schema| {
        let never = PostgresStore::attach(&schema.url()).await.unwrap_err();
        assert!(matches!(never, StoreError::OlderSchema { found: 0, .. }), "{never}");
        PostgresStore::migrate(&schema.url()).await.unwrap();
        PostgresStore::attach(&schema.url()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_large_tables_are_asked_for_often_has_an_index() {
    TestSchema::with(async |schema| {
        let store = PostgresStore::open(&schema.url()).await.unwrap();
        let mut connection = store.pool.acquire().await.unwrap();
        // Without rows a scan is always the cheapest; where there is no index it is made all the same. A plan for any
        // parameters may know nothing of those that it is shown with.
        for setting in ["enable_seqscan = off", "enable_bitmapscan = off", "plan_cache_mode = force_generic_plan"] {
            sqlx::raw_sql(AssertSqlSafe(format!("SET {setting}"))).execute(&mut *connection).await.unwrap();
        }
        for (index, (what, sql, types)) in sql::plans::HOT.iter().enumerate() {
            let in_brackets = |list: &str| if list.is_empty() { String::new() } else { format!("({list})") };
            let nulls: Vec<&str> = types.split_terminator(", ").map(|_| "NULL").collect();
            let (types, given) = (in_brackets(types), in_brackets(&nulls.join(", ")));
            let prepare = AssertSqlSafe(format!("PREPARE hot{index} {types} AS {sql}"));
            sqlx::raw_sql(prepare).execute(&mut *connection).await.unwrap();
            let explain = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN EXECUTE hot{index}{given}")));
            let rows = explain.fetch_all(&mut *connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let scans = plan.iter().any(|line| line.contains("Seq Scan on"));
            assert!(!scans, "{what}: {plan:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn processes_that_start_at_once_migrate_once_and_a_second_time_nothing_is_left() {
    TestSchema::with(async |schema| {
        let starts: Vec<_> = (0..4)
            .map(|_| {
                let url = schema.url();
                tokio::spawn(async move { PostgresStore::migrate(&url).await.unwrap() })
            })
            .collect();
        let mut applied = Vec::new();
        for start in starts {
            applied.extend(start.await.unwrap().applied);
        }
        assert_eq!(applied.len(), MIGRATIONS.iter().count(), "{applied:?}");
        let again = PostgresStore::migrate(&schema.url()).await.unwrap();
        let last = MIGRATIONS.iter().map(|step| step.version).max().unwrap();
        assert_eq!((again.applied, again.schema), (Vec::new(), last));
        assert!(again.database.starts_with("the database "), "{}", again.database);
    })
    .await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    TestSchema::with(async |schema| {
        PostgresStore::open(&schema.url()).await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (9999, 'from the future', TRUE, ''::bytea, 0)";
        schema.execute(newer).await;
        let refused = PostgresStore::open(&schema.url()).await.unwrap_err();
        assert!(matches!(refused, StoreError::NewerSchema { found: 9999, .. }), "{refused}");
        assert!(refused.to_string().contains("start the newer version"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_the_password() {
    let url = "postgres://someone:secret@127.0.0.1:1/attune".to_owned();
    let refused = PostgresStore::open(&DatabaseUrl::from(url)).await.unwrap_err();
    let text = refused.to_string();
    assert!(matches!(refused, StoreError::Connect { .. }), "{text}");
    assert!(text.contains("the database attune on 127.0.0.1:1") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_database_that_is_away_is_busy_and_comes_back_by_itself() {
    TestSchema::with(async |schema| {
        let cut = Cut::before(&schema).await;
        let store = PostgresStore::open(&schema.url_through(cut.port)).await.unwrap();
        store.enqueue_job(&new_job("a"), at(0)).await.unwrap();
        cut.cut();
        let began = Instant::now();
        let away = [store.job("a").await.err(), store.enqueue_job(&new_job("b"), at(0)).await.err()];
        assert!(away.iter().all(|error| matches!(error, Some(StoreError::Busy))), "{away:?}");
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        cut.mend();
        assert_eq!(store.job("a").await.unwrap().state, JobState::Queued);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_the_server_ends_costs_nothing() {
    TestSchema::with(async |schema| {
        let store = PostgresStore::open(&schema.url()).await.unwrap();
        store.enqueue_job(&new_job("a"), at(0)).await.unwrap();
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&store.pool).await.unwrap();
        schema.execute(format!("SELECT pg_terminate_backend({pid})")).await;
        assert_eq!(store.job("a").await.unwrap().state, JobState::Queued);
    })
    .await;
}

#[tokio::test]
async fn what_one_process_does_to_a_job_is_told_to_another() {
    TestSchema::with(async |schema| {
        let (here, there) =
            (PostgresStore::open(&schema.url()).await.unwrap(), PostgresStore::open(&schema.url()).await.unwrap());
        let mut changes = here.job_changes().unwrap();
        hears(&mut changes, &there, "first").await;
        there.enqueue_job(&new_job("a"), at(0)).await.unwrap();
        let request = ClaimRequest { worker: "w", kinds: &["adapter"], lease: Duration::from_secs(60), only: None };
        let job = there.claim_job(request, at(0)).await.unwrap().unwrap();
        there.update_job(job.current_attempt(), &JobUpdate::Log("l".to_owned()), at(0)).await.unwrap();
        there.release_job(job.current_attempt(), at(0)).await.unwrap();
        let arrived: Vec<_> =
            told(&mut changes, 4).await.into_iter().map(|change| (change.job, change.arrived)).collect();
        assert_eq!(arrived, [true, false, false, true].map(|arrived| ("a".to_owned(), arrived)));
        // What did not happen is not told.
        assert!(there.finish_job(job.current_attempt(), &Outcome::Cancelled, at(0)).await.is_err());
        there.cancel_job("a", at(0)).await.unwrap();
        assert_eq!(told(&mut changes, 1).await[0], JobChange { job: "a".to_owned(), arrived: false });
    })
    .await;
}

#[tokio::test]
async fn who_listens_hears_again_after_the_database_was_away() {
    TestSchema::with(async |schema| {
        let cut = Cut::before(&schema).await;
        let here = PostgresStore::open(&schema.url_through(cut.port)).await.unwrap();
        let there = PostgresStore::open(&schema.url()).await.unwrap();
        let mut changes = here.job_changes().unwrap();
        hears(&mut changes, &there, "first").await;
        cut.cut();
        there.enqueue_job(&new_job("unheard"), at(0)).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(300), changes.next()).await.is_err());
        cut.mend();
        hears(&mut changes, &there, "second").await;
    })
    .await;
}

#[tokio::test]
async fn a_nul_character_is_refused_by_name() {
    TestSchema::with(async |schema| {
        let store = PostgresStore::open(&schema.url()).await.unwrap();
        let refused = store.put_task("t", &["a \0 in JSON is fine".to_owned()], &Expected::Any, at(0)).await;
        assert_eq!(refused.unwrap().descriptions, ["a \0 in JSON is fine"]);
        assert!(matches!(store.task("\0").await, Err(StoreError::NulCharacter)));
        let renamed = store.rename_adapter("default", "a", Some("\0"), OnNameTaken::Refuse).await;
        assert!(matches!(renamed, Err(StoreError::NulCharacter)));
    })
    .await;
}

#[tokio::test]
async fn names_are_ordered_byte_by_byte_whatever_the_servers_collation_is() {
    TestSchema::with(async |schema| {
        let store = PostgresStore::open(&schema.url()).await.unwrap();
        for name in ["b", "B", "a", "_", "Z", "1"] {
            store.put_task(name, &[json!(name).to_string()], &Expected::Any, at(0)).await.unwrap();
        }
        let names: Vec<_> =
            store.list_tasks(&PageRequest::default()).await.unwrap().data.into_iter().map(|task| task.name).collect();
        assert_eq!(names, ["1", "B", "Z", "_", "a", "b"]);
    })
    .await;
}
