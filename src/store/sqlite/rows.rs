//! From rows to records. Times are milliseconds since the Unix epoch.

use std::error::Error as StdError;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row};
use time::OffsetDateTime;

use crate::store::page::SortKey;
use crate::store::records::*;

/// The time as the database holds it.
pub(super) fn millis(time: OffsetDateTime) -> i64 {
    (time.unix_timestamp_nanos() / 1_000_000) as i64
}

impl FromRow<'_, SqliteRow> for AdapterRecord {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: word(row, "kind")?,
            name: row.try_get("name")?,
            task: row.try_get("task")?,
            generator: row.try_get("generator")?,
            base_digest: row.try_get("base_digest")?,
            rank: row.try_get("rank")?,
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

impl FromRow<'_, SqliteRow> for TaskRecord {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let (train_count, test_count) = (count(row, "train_count")?, count(row, "test_count")?);
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

impl FromRow<'_, SqliteRow> for GeneratorRecord {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
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

impl FromRow<'_, SqliteRow> for JobRecord {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            payload: json(row, "payload")?,
            state: word(row, "state")?,
            attempt: row.try_get("attempt")?,
            given_back: row.try_get("given_back")?,
            max_attempts: row.try_get("max_attempts")?,
            progress: optional_json(row, "progress")?,
            metrics: json(row, "metrics")?,
            result: optional_json(row, "result")?,
            error: row.try_get("error")?,
            idempotency_key: row.try_get("idempotency_key")?,
            worker: row.try_get("worker")?,
            lease_until: optional_time(row, "lease_until")?,
            created_at: time(row, "created_at")?,
            started_at: optional_time(row, "started_at")?,
            finished_at: optional_time(row, "finished_at")?,
        })
    }
}

impl FromRow<'_, SqliteRow> for JobEvent {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self { id: count(row, "id")?, kind: word(row, "kind")?, data: json(row, "data")?, at: time(row, "at")? })
    }
}

/// The sort key of lists by age.
pub(super) fn age_key(created_at: OffsetDateTime, id: &str) -> SortKey {
    SortKey { at_ms: millis(created_at), id: id.to_owned() }
}

fn word<T: FromStr<Err = UnknownWord>>(row: &SqliteRow, column: &str) -> sqlx::Result<T> {
    row.try_get::<String, _>(column)?.parse().map_err(undecodable(column))
}

fn count(row: &SqliteRow, column: &str) -> sqlx::Result<u64> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(undecodable(column))
}

fn json<T: DeserializeOwned + 'static>(row: &SqliteRow, column: &str) -> sqlx::Result<T> {
    Ok(row.try_get::<Json<T>, _>(column)?.0)
}

fn optional_json<T: DeserializeOwned + 'static>(row: &SqliteRow, column: &str) -> sqlx::Result<Option<T>> {
    Ok(row.try_get::<Option<Json<T>>, _>(column)?.map(|json| json.0))
}

fn time(row: &SqliteRow, column: &str) -> sqlx::Result<OffsetDateTime> {
    from_millis(row.try_get(column)?, column)
}

fn optional_time(row: &SqliteRow, column: &str) -> sqlx::Result<Option<OffsetDateTime>> {
    row.try_get::<Option<i64>, _>(column)?.map(|millis| from_millis(millis, column)).transpose()
}

fn from_millis(millis: i64, column: &str) -> sqlx::Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).map_err(undecodable(column))
}

fn undecodable<E: StdError + Send + Sync + 'static>(column: &str) -> impl Fn(E) -> sqlx::Error {
    move |source| sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(source) }
}
