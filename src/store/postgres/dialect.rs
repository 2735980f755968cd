//! The statements that Postgres has its own way of.
//!
//! Whoever changes a job holds its row from the statement that reads it on. Claims skip rows that others hold, and settle
//! one lost job a transaction. So a transaction waits for rows while it holds one only where it holds a parent and waits
//! for its children, who have none of their own: nobody waits in a circle.

use sqlx::AssertSqlSafe;

use crate::store::backup::TABLES;
use crate::store::error::StoreError;
use crate::store::write_lock::WriteLock;

use super::Connection;

/// A tenant's adapters, with a condition more: a partial index is used only where the statement has its condition. Lower
/// case is ASCII's, as the collation of the columns has it.
macro_rules! list_adapters {
    ($and:literal) => {
        concat!(
            "SELECT * FROM adapter_owners o JOIN adapters a ON a.id = o.adapter_id
             WHERE o.tenant = $1 AND (o.created_at, o.adapter_id) < ($2, $3) ",
            $and,
            r#" AND ($4 IS NULL OR strpos(lower(coalesce(o.task, '')), lower($4 COLLATE "C")) > 0
                                OR strpos(lower(coalesce(o.name, '')), lower($4 COLLATE "C")) > 0)
             ORDER BY o.created_at DESC, o.adapter_id DESC LIMIT $5"#
        )
    };
}

/// $1 tenant, $2 and $3 time and id of the row before, $4 a part of task or name, $5 limit.
pub(super) const LIST_ADAPTERS: &str = list_adapters!("");

/// As [`LIST_ADAPTERS`].
pub(super) const LIST_NAMED_ADAPTERS: &str = list_adapters!("AND o.name IS NOT NULL");

/// $1 base.
pub(super) const ACTIVE_GENERATOR: &str = "SELECT * FROM generators WHERE base_digest = $1 AND active";

/// $1 task, $2 the examples as a JSON array.
pub(super) const INSERT_EXAMPLES: &str = "INSERT INTO task_examples (task, position, example)
     SELECT $1, number - 1, example::text
     FROM json_array_elements($2::json) WITH ORDINALITY AS examples (example, number)";

/// $1 id.
pub(super) const JOB_TO_CHANGE: &str = "SELECT * FROM jobs WHERE id = $1 FOR UPDATE";

/// $1 id, $2 attempt.
pub(super) const JOB_OF_ATTEMPT: &str =
    "SELECT * FROM jobs WHERE id = $1 AND attempt = $2 AND state IN ('running', 'cancelling') FOR UPDATE";

/// $1 the parent.
pub(super) const CHILDREN_TO_STOP: &str =
    "SELECT * FROM jobs WHERE parent_id = $1 AND state IN ('queued', 'running') ORDER BY id FOR UPDATE";

/// $1 the database's clock.
pub(super) const LOST_JOB: &str = "SELECT * FROM jobs
     WHERE (state = 'cancelling' OR (state = 'running' AND attempt - given_back >= max_attempts))
       AND lease_until <= $1
     LIMIT 1 FOR UPDATE SKIP LOCKED";

/// $1 worker, $2 end of its lease, $3 now, $4 the kinds as a JSON array, $5 the database's clock, $6 the one job.
pub(super) const TAKE_NEXT_JOB: &str = "WITH next AS MATERIALIZED (
         SELECT id FROM jobs
         WHERE state IN ('queued', 'running') AND kind IN (SELECT json_array_elements_text($4::json))
           AND ($6 IS NULL OR id = $6)
           AND CASE state
               WHEN 'running' THEN lease_until <= $5
               ELSE coalesce(run_after, 0) <= $5 AND (NOT waits
                   OR NOT EXISTS (SELECT 1 FROM jobs child
                       WHERE child.parent_id = jobs.id AND child.state IN ('queued', 'running', 'cancelling'))
                   OR EXISTS (SELECT 1 FROM jobs child
                       WHERE child.parent_id = jobs.id AND child.state IN ('failed', 'cancelled')))
               END
         ORDER BY priority DESC, created_at, id LIMIT 1
         FOR UPDATE SKIP LOCKED)
     UPDATE jobs
     SET state = 'running', attempt = attempt + 1, worker = $1, lease_until = $2, run_after = NULL, waits = FALSE,
         started_at = coalesce(started_at, $3)
     FROM next WHERE jobs.id = next.id
     RETURNING jobs.*";

/// The channel on which changes are told. Installations that share a database in schemas of their own have their own.
pub(super) const CHANNEL: &str = "SELECT 'attune_' || md5(current_schema())";

/// $1 table; names and types, in the table's order.
pub(super) const COLUMNS_OF_TABLE: &str = "SELECT column_name::text, data_type::text FROM information_schema.columns
     WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position";

/// Lets this transaction's statements take as long as they need.
pub(super) async fn take_ones_time(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *connection).await?;
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0").execute(&mut *connection).await?;
    Ok(())
}

/// Keeps others from writing to any table until the transaction ends; they may read.
pub(super) async fn hold_tables(connection: &mut Connection) -> Result<(), StoreError> {
    take_ones_time(connection).await?;
    let lock = format!("LOCK TABLE {} IN EXCLUSIVE MODE", TABLES.join(", "));
    sqlx::query(AssertSqlSafe(lock)).execute(connection).await?;
    Ok(())
}

/// The database's own clock, which goes on within a transaction.
pub(super) async fn clock_millis(connection: &mut Connection) -> Result<i64, StoreError> {
    let now = sqlx::query_scalar("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)");
    Ok(now.fetch_one(connection).await?)
}

/// Tells all who listen, when and if the transaction commits. [`super::changes`] reads it.
pub(super) async fn notify(connection: &mut Connection, job: &str, arrived: bool) -> Result<(), StoreError> {
    let told = if arrived { "arrived" } else { "changed" };
    let tell = sqlx::query("SELECT pg_notify('attune_' || md5(current_schema()), $1)");
    tell.bind(format!("{told} {job}")).execute(connection).await?;
    Ok(())
}

/// Takes the lock until the transaction ends.
pub(super) async fn take(connection: &mut Connection, lock: WriteLock<'_>) -> Result<(), StoreError> {
    let take = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || $1, 0))");
    take.bind(lock.to_string()).execute(connection).await?;
    Ok(())
}
