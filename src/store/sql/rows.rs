//! From rows to records, and from values to what a column holds. Times are milliseconds since the Unix epoch.

use std::error::Error as StdError;
use std::num::TryFromIntError;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{FromRow, Row as _};
use time::OffsetDateTime;

use super::Row;
use crate::store::DEFAULT_TENANT;
use crate::store::error::StoreError;
use crate::store::page::SortKey;
use crate::store::records::*;

/// The time as the database holds it.
pub(super) fn millis(time: OffsetDateTime) -> i64 {
    (time.unix_timestamp_nanos() / 1_000_000) as i64
}

/// The value as a JSON column holds it.
pub(super) fn json_text<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    Ok(serde_json::to_string(value)?)
}

impl FromRow<'_, Row> for AdapterRecord {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: word(row, "kind")?,
            name: row.try_get("name")?,
            task: row.try_get("task")?,
            generator: row.try_get("generator")?,
            base_digest: row.try_get("base_digest")?,
            rank: count(row, "rank")?,
            alpha: row.try_get("alpha")?,
            target_modules: json(row, "target_modules")?,
            parameters: count(row, "parameters")?,
            bytes: count(row, "bytes")?,
            digest: row.try_get("digest")?,
            config: row.try_get("config")?,
            seed: row.try_get("seed")?,
            confidence: optional_json(row, "confidence")?,
            created_at: time(row, "created_at")?,
        })
    }
}

impl FromRow<'_, Row> for TaskRecord {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        let (train_count, test_count) = (count::<u64>(row, "train_count")?, count::<u64>(row, "test_count")?);
        Ok(Self {
            name: row.try_get("name")?,
            descriptions: json(row, "descriptions")?,
            examples_digest: row.try_get("examples_digest")?,
            example_count: train_count + test_count,
            train_count,
            test_count,
            version: count(row, "version")?,
            created_at: time(row, "created_at")?,
            updated_at: time(row, "updated_at")?,
        })
    }
}

/// An example alone, as its column holds it.
pub(super) struct ExampleRow(pub(super) Example);

impl FromRow<'_, Row> for ExampleRow {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        Ok(Self(json(row, "example")?))
    }
}

impl FromRow<'_, Row> for GeneratorRecord {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            base_digest: row.try_get("base_digest")?,
            state: word(row, "state")?,
            arch: row.try_get("arch")?,
            digest: row.try_get("digest")?,
            bytes: count(row, "bytes")?,
            evaluation: optional_json(row, "evaluation")?,
            parent: row.try_get("parent")?,
            active: row.try_get("active")?,
            created_at: time(row, "created_at")?,
        })
    }
}

impl FromRow<'_, Row> for JobRecord {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            payload: json(row, "payload")?,
            state: job_state(row)?,
            attempt: count(row, "attempt")?,
            given_back: count(row, "given_back")?,
            max_attempts: count(row, "max_attempts")?,
            priority: count(row, "priority")?,
            timeout_ms: optional_count(row, "timeout_ms")?,
            parent: row.try_get("parent_id")?,
            progress: optional_json(row, "progress")?,
            metrics: json(row, "metrics")?,
            result: optional_json(row, "result")?,
            error: row.try_get("error")?,
            idempotency_key: row.try_get::<Option<String>, _>("idempotency_key")?.map(unscoped),
            owner: JobOwner { tenant: row.try_get("tenant")?, key: row.try_get("key_id")? },
            traceparent: row.try_get("traceparent")?,
            worker: row.try_get("worker")?,
            lease_until: optional_time(row, "lease_until")?,
            created_at: time(row, "created_at")?,
            started_at: optional_time(row, "started_at")?,
            finished_at: optional_time(row, "finished_at")?,
        })
    }
}

impl FromRow<'_, Row> for KeyRecord {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        let limit =
            |column| row.try_get::<Option<i64>, _>(column)?.map(u32::try_from).transpose().map_err(undecodable(column));
        Ok(Self {
            id: row.try_get("id")?,
            tenant: row.try_get("tenant")?,
            name: row.try_get("name")?,
            scopes: json(row, "scopes")?,
            prefix: row.try_get("prefix")?,
            hash: KeyHash(row.try_get("hash")?),
            limits: KeyLimits {
                requests_per_minute: limit("requests_per_minute")?,
                adapters_per_day: limit("adapters_per_day")?,
                training_minutes_per_day: limit("training_minutes_per_day")?,
            },
            created_at: time(row, "created_at")?,
            expires_at: optional_time(row, "expires_at")?,
            revoked_at: optional_time(row, "revoked_at")?,
            last_used_at: optional_time(row, "last_used_at")?,
        })
    }
}

/// Jobs of one state and kind.
pub(super) struct CountedJobs {
    pub(super) state: JobState,
    pub(super) kind: String,
    pub(super) count: u64,
    pub(super) oldest: OffsetDateTime,
}

impl FromRow<'_, Row> for CountedJobs {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        let (count, oldest) = (count(row, "jobs")?, time(row, "oldest")?);
        Ok(Self { state: job_state(row)?, kind: row.try_get("kind")?, count, oldest })
    }
}

impl FromRow<'_, Row> for WorkerRecord {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        Ok(Self { name: row.try_get("name")?, slots: json(row, "slots")? })
    }
}

impl FromRow<'_, Row> for JobEvent {
    fn from_row(row: &Row) -> sqlx::Result<Self> {
        Ok(Self { id: count(row, "id")?, kind: word(row, "kind")?, data: json(row, "data")?, at: time(row, "at")? })
    }
}

/// A tenant's idempotency key of a job as the database holds it. The column is unique over all tenants, and older than they
/// are: the only tenant's keys stand as they are, others' behind their tenant and a line feed, which no header has.
pub(super) fn scoped(owner: &JobOwner, key: &str) -> String {
    if owner.tenant == DEFAULT_TENANT { key.to_owned() } else { format!("{}\n{key}", owner.tenant) }
}

/// The key as its tenant has it.
fn unscoped(scoped: String) -> String {
    match scoped.split_once('\n') {
        Some((_, key)) => key.to_owned(),
        None => scoped,
    }
}

/// The sort key of lists by age.
pub(super) fn age_key(created_at: OffsetDateTime, id: &str) -> SortKey {
    SortKey { at_ms: millis(created_at), id: id.to_owned() }
}

/// A job that waits for its children is queued, and `waits`.
fn job_state(row: &Row) -> sqlx::Result<JobState> {
    Ok(match (word(row, "state")?, row.try_get("waits")?) {
        (JobState::Queued, true) => JobState::Waiting,
        (state, _) => state,
    })
}

fn word<T: FromStr<Err = UnknownWord>>(row: &Row, column: &str) -> sqlx::Result<T> {
    row.try_get::<String, _>(column)?.parse().map_err(undecodable(column))
}

fn count<T: TryFrom<i64, Error = TryFromIntError>>(row: &Row, column: &str) -> sqlx::Result<T> {
    T::try_from(row.try_get::<i64, _>(column)?).map_err(undecodable(column))
}

fn optional_count(row: &Row, column: &str) -> sqlx::Result<Option<u64>> {
    row.try_get::<Option<i64>, _>(column)?.map(u64::try_from).transpose().map_err(undecodable(column))
}

fn json<T: DeserializeOwned>(row: &Row, column: &str) -> sqlx::Result<T> {
    serde_json::from_str(&row.try_get::<String, _>(column)?).map_err(undecodable(column))
}

fn optional_json<T: DeserializeOwned>(row: &Row, column: &str) -> sqlx::Result<Option<T>> {
    let text = row.try_get::<Option<String>, _>(column)?;
    text.map(|text| serde_json::from_str(&text).map_err(undecodable(column))).transpose()
}

fn time(row: &Row, column: &str) -> sqlx::Result<OffsetDateTime> {
    from_millis(row.try_get(column)?, column)
}

fn optional_time(row: &Row, column: &str) -> sqlx::Result<Option<OffsetDateTime>> {
    row.try_get::<Option<i64>, _>(column)?.map(|millis| from_millis(millis, column)).transpose()
}

fn from_millis(millis: i64, column: &str) -> sqlx::Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).map_err(undecodable(column))
}

fn undecodable<E: StdError + Send + Sync + 'static>(column: &str) -> impl Fn(E) -> sqlx::Error {
    move |source| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(source) }
}
