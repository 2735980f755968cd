//! What the repositories take over large tables: 100,000 adapters, 10,000 jobs and 5,000 tasks, in a SQLite file and, where
//! `ATTUNE_TEST_POSTGRES_URL` names an empty database, in PostgreSQL:
//! `cargo bench --bench tables -- [ADAPTERS] [JOBS] [CALLS]`. Prints the median and the 99th percentile of each call, in
//! milliseconds, one call at a time.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark that prints and may fail")]

use attune::store::{
    AdapterFilter, ClaimRequest, DEFAULT_TENANT, DatabaseUrl, JobFilter, JobOwner, JobState, NewJob, PageRequest,
    RowBatch, Store, StoreError, open_store,
};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tasks, each with one example.
const TASKS: usize = 5_000;
/// Events of each job.
const EVENTS: usize = 5;
/// One job in so many waits; the others have ended.
const WAITING: usize = 100;
/// One adapter in so many has a name.
const NAMED: usize = 1_000;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let number = |at: usize, other: usize| numbers.get(at).copied().unwrap_or(other);
    let sizes = Sizes { adapters: number(0, 100_000), jobs: number(1, 10_000), calls: number(2, 1_000) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    runtime.block_on(measure("SQLite", dir.path(), None, sizes));
    match std::env::var("ATTUNE_TEST_POSTGRES_URL") {
        Ok(url) => runtime.block_on(measure("PostgreSQL", dir.path(), Some(&DatabaseUrl::from(url)), sizes)),
        Err(_) => println!("PostgreSQL: no ATTUNE_TEST_POSTGRES_URL"),
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    adapters: usize,
    jobs: usize,
    calls: usize,
}

async fn measure(database: &str, dir: &Path, url: Option<&DatabaseUrl>, sizes: Sizes) {
    let store = open_store(dir, url).await.unwrap();
    let started = Instant::now();
    store.fill_rows(Box::pin(futures::stream::iter(rows(sizes)))).await.unwrap();
    let Sizes { adapters, jobs, calls } = sizes;
    let took = started.elapsed().as_secs_f64();
    println!("{database}: {adapters} adapters, {jobs} jobs, {TASKS} tasks, filled in {took:.1} s; ms of {calls} calls");
    println!("  {:<34} {:>8} {:>8}", "", "p50", "p99");
    reads(&*store, sizes).await;
    writes(&*store, sizes).await;
}

async fn reads(store: &dyn Store, sizes: Sizes) {
    let Sizes { adapters, jobs, calls } = sizes;
    // A stride that is prime to the tables' sizes, so that calls meet rows all over.
    let pick = |call: usize, count: usize| call.wrapping_mul(7_919) % count;
    let page = PageRequest::default();
    let middle = deep(store, adapters / 2).await;
    let (all, named) = (AdapterFilter::default(), AdapterFilter { query: None, named_only: true });
    let (every, queued) = (JobFilter::default(), JobFilter { state: Some(JobState::Queued), ..JobFilter::default() });
    let rare = AdapterFilter { query: Some("task 99 ".to_owned()), named_only: false };
    timed("adapter by id", calls, async |call| {
        store.adapter(DEFAULT_TENANT, &adapter_id(pick(call, adapters))).await.unwrap();
    })
    .await;
    timed("adapter by name", calls, async |call| {
        let name = format!("name-{}", pick(call, adapters.div_ceil(NAMED)) * NAMED);
        store.adapter_by_name(DEFAULT_TENANT, &name).await.unwrap();
    })
    .await;
    let list = async |filter: &AdapterFilter, page: &PageRequest| {
        drop(store.list_adapters(DEFAULT_TENANT, filter, page).await.unwrap());
    };
    timed("50 adapters, the first page", calls, async |_| list(&all, &page).await).await;
    timed("50 adapters, from the middle", calls, async |_| list(&all, &middle).await).await;
    timed("50 named adapters", calls, async |_| list(&named, &page).await).await;
    timed("adapters of a rare word, all read", calls.min(20), async |_| list(&rare, &page).await).await;
    timed("task", calls, async |call| drop(store.task(&task_name(pick(call, TASKS))).await.unwrap())).await;
    timed("50 tasks", calls, async |_| drop(store.list_tasks(&page).await.unwrap())).await;
    timed("job", calls, async |call| drop(store.job(&job_id(pick(call, jobs))).await.unwrap())).await;
    timed("50 jobs", calls, async |_| drop(store.list_jobs(&every, &page).await.unwrap())).await;
    timed("50 jobs that wait", calls, async |_| drop(store.list_jobs(&queued, &page).await.unwrap())).await;
    timed("a job's events", calls, async |call| {
        store.job_events(&job_id(pick(call, jobs)), 0, 100).await.unwrap();
    })
    .await;
}

async fn writes(store: &dyn Store, sizes: Sizes) {
    let now = OffsetDateTime::now_utc();
    let calls = sizes.calls.min(sizes.jobs / WAITING);
    timed("job by its idempotency key", calls, async |call| {
        let old = call * WAITING + 1;
        let job = new_job(&format!("new {call}"), old, u32::MAX);
        assert!(!store.enqueue_job(&job, now).await.unwrap().created);
    })
    .await;
    timed("a full queue refuses", calls, async |call| {
        let job = NewJob { idempotency_key: None, ..new_job(&format!("new {call}"), 0, 1) };
        assert!(matches!(store.enqueue_job(&job, now).await, Err(StoreError::QueueFull { .. })));
    })
    .await;
    let request = ClaimRequest { worker: "w", kinds: &["adapter"], lease: Duration::from_secs(600), only: None };
    timed("claim of the oldest job", calls, async |_| {
        assert!(store.claim_job(request, now).await.unwrap().is_some());
    })
    .await;
    timed("claim where none waits", calls, async |_| {
        assert!(store.claim_job(request, now).await.unwrap().is_none());
    })
    .await;
}

/// The page behind so many adapters.
async fn deep(store: &dyn Store, adapters: usize) -> PageRequest {
    let mut page = PageRequest { limit: 1_000, cursor: None };
    for _ in 0..adapters / 1_000 {
        page.cursor = store.list_adapters(DEFAULT_TENANT, &AdapterFilter::default(), &page).await.unwrap().next_cursor;
    }
    PageRequest { limit: PageRequest::default().limit, ..page }
}

async fn timed(what: &str, calls: usize, mut call: impl AsyncFnMut(usize)) {
    let mut took = Vec::with_capacity(calls);
    for number in 0..calls {
        let started = Instant::now();
        call(number).await;
        took.push(started.elapsed().as_secs_f64() * 1e3);
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1)));
    let (p50, p99) = (at(0.5).copied().unwrap_or(f64::NAN), at(0.99).copied().unwrap_or(f64::NAN));
    println!("  {what:<34} {p50:>8.3} {p99:>8.3}");
}

fn adapter_id(index: usize) -> String {
    format!("{:032x}", (index as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834))
}

fn job_id(index: usize) -> String {
    format!("job-{index:08}")
}

fn task_name(index: usize) -> String {
    format!("task-{index:06}")
}

fn waits(job: usize) -> bool {
    job.is_multiple_of(WAITING)
}

fn new_job(id: &str, old: usize, queue_limit: u32) -> NewJob {
    NewJob {
        priority: 0,
        timeout_ms: None,
        id: id.to_owned(),
        kind: "adapter".to_owned(),
        payload: payload(old),
        max_attempts: 3,
        idempotency_key: Some(format!("key {old}")),
        owner: JobOwner::default(),
        traceparent: None,
        queue_limit,
    }
}

fn payload(job: usize) -> Value {
    json!({ "task": task_name(job % TASKS), "seed": job })
}

/// A table's row of this number.
type Row = fn(usize) -> Value;

/// All rows, in batches.
fn rows(Sizes { adapters, jobs, .. }: Sizes) -> impl Iterator<Item = Result<RowBatch, StoreError>> + Send {
    let tables: [(&'static str, usize, Row); 6] = [
        ("adapters", adapters, adapter),
        ("adapter_owners", adapters, owner),
        ("tasks", TASKS, task),
        ("task_examples", TASKS, example),
        ("jobs", jobs, job),
        ("job_events", jobs * EVENTS, event),
    ];
    tables.into_iter().flat_map(|(table, count, row)| {
        let starts = (0..count).step_by(1_000);
        starts.map(move |start| {
            let mut batch = RowBatch::new(table);
            for index in start..(start + 1_000).min(count) {
                batch.push(&object(row(index)))?;
            }
            Ok(batch)
        })
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn adapter(index: usize) -> Value {
    json!({
        "id": adapter_id(index), "kind": "generated", "generator": "g", "base_digest": "base", "rank": 8, "alpha": "16.0",
        "target_modules": "[\"q_proj\",\"v_proj\"]", "parameters": 98_304, "bytes": 393_216,
        "digest": format!("{index:064x}"), "config": "{\"peft_type\": \"LORA\"}", "seed": null,
    })
}

fn owner(index: usize) -> Value {
    let name = index.is_multiple_of(NAMED).then(|| format!("name-{index}"));
    json!({
        "tenant": DEFAULT_TENANT, "adapter_id": adapter_id(index), "name": name,
        "task": format!("Do what task {} asks for, and write it in capitals.", index % 10_000),
        "confidence": "{\"score\": 0.9}", "created_at": 1_800_000_000_000_u64 + index as u64 / 3,
    })
}

fn task(index: usize) -> Value {
    json!({
        "name": task_name(index), "descriptions": "[\"Do it.\"]", "examples_digest": "", "train_count": 1,
        "test_count": 0, "version": 2, "created_at": 0, "updated_at": 0,
    })
}

fn example(index: usize) -> Value {
    json!({ "task": task_name(index), "position": 0, "example": "{\"input\":\"a\",\"output\":\"b\"}" })
}

fn job(index: usize) -> Value {
    let (state, finished_at) = if waits(index) { ("queued", None) } else { ("succeeded", Some(index)) };
    json!({
        "id": job_id(index), "kind": "adapter", "payload": payload(index).to_string(), "state": state,
        "attempt": u8::from(!waits(index)), "given_back": 0, "max_attempts": 3, "progress": null, "metrics": "{}",
        "result": null, "error": null, "idempotency_key": format!("key {index}"), "traceparent": null, "worker": null, "lease_until": null,
        "run_after": null, "created_at": index, "started_at": finished_at, "finished_at": finished_at, "priority": 0,
        "timeout_ms": null, "parent_id": null, "waits": 0, "tenant": DEFAULT_TENANT, "key_id": null,
    })
}

fn event(index: usize) -> Value {
    json!({
        "job_id": job_id(index / EVENTS), "id": index % EVENTS + 1, "kind": "progress",
        "data": "{\"phase\":\"train\",\"step\":1,\"total\":2}", "at": index,
    })
}
