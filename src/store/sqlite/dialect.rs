//! The statements that SQLite has its own way of. A transaction that writes holds the whole database, so none names rows
//! to lock, and nobody listens from another process.

use crate::store::error::StoreError;

use super::Connection;

/// A tenant's adapters, with a condition more: a partial index is used only where the statement has its condition.
macro_rules! list_adapters {
    ($and:literal) => {
        concat!(
            "SELECT * FROM adapter_owners o JOIN adapters a ON a.id = o.adapter_id
             WHERE o.tenant = $1 AND (o.created_at, o.adapter_id) < ($2, $3) ",
            $and,
            " AND ($4 IS NULL OR instr(lower(coalesce(o.task, '')), lower($4)) > 0
                              OR instr(lower(coalesce(o.name, '')), lower($4)) > 0)
             ORDER BY o.created_at DESC, o.adapter_id DESC LIMIT $5"
        )
    };
}

/// $1 tenant, $2 and $3 time and id of the row before, $4 a part of task or name, $5 limit.
pub(super) const LIST_ADAPTERS: &str = list_adapters!("");

/// As [`LIST_ADAPTERS`].
pub(super) const LIST_NAMED_ADAPTERS: &str = list_adapters!("AND o.name IS NOT NULL");

/// $1 base. The condition is the index's, to the letter.
pub(super) const ACTIVE_GENERATOR: &str = "SELECT * FROM generators WHERE base_digest = $1 AND active = 1";

/// $1 task, $2 the examples as a JSON array, whose keys are the positions.
pub(super) const INSERT_EXAMPLES: &str =
    "INSERT INTO task_examples (task, position, example) SELECT $1, key, value FROM json_each($2)";

/// $1 id.
pub(super) const JOB_TO_CHANGE: &str = "SELECT * FROM jobs WHERE id = $1";

/// $1 id, $2 attempt.
pub(super) const JOB_OF_ATTEMPT: &str =
    "SELECT * FROM jobs WHERE id = $1 AND attempt = $2 AND state IN ('running', 'cancelling')";

/// $1 the parent.
pub(super) const CHILDREN_TO_STOP: &str =
    "SELECT * FROM jobs WHERE parent_id = $1 AND state IN ('queued', 'running') ORDER BY id";

/// $1 the database's clock.
pub(super) const LOST_JOB: &str = "SELECT * FROM jobs
     WHERE (state = 'cancelling' OR (state = 'running' AND attempt - given_back >= max_attempts))
       AND lease_until <= $1
     LIMIT 1";

/// $1 worker, $2 end of its lease, $3 now, $4 the kinds as a JSON array, $5 the database's clock, $6 the one job. The
/// planner, who counts nothing here, would sort all that wait instead of reading them in their order.
pub(super) const TAKE_NEXT_JOB: &str = "UPDATE jobs
     SET state = 'running', attempt = attempt + 1, worker = $1, lease_until = $2, run_after = NULL, waits = FALSE,
         started_at = coalesce(started_at, $3)
     WHERE id = (
         SELECT id FROM jobs INDEXED BY jobs_to_claim
         WHERE state IN ('queued', 'running') AND kind IN (SELECT value FROM json_each($4)) AND ($6 IS NULL OR id = $6)
           AND CASE state
               WHEN 'running' THEN lease_until <= $5
               ELSE coalesce(run_after, 0) <= $5 AND (NOT waits
                   OR NOT EXISTS (SELECT 1 FROM jobs child
                       WHERE child.parent_id = jobs.id AND child.state IN ('queued', 'running', 'cancelling'))
                   OR EXISTS (SELECT 1 FROM jobs child
                       WHERE child.parent_id = jobs.id AND child.state IN ('failed', 'cancelled')))
               END
         ORDER BY priority DESC, created_at, id LIMIT 1)
     RETURNING *";

/// $1 table; names and types, in the table's order.
pub(super) const COLUMNS_OF_TABLE: &str = "SELECT name, lower(type) FROM pragma_table_info($1) ORDER BY cid";

/// No statement has a limit.
pub(super) async fn take_ones_time(_connection: &mut Connection) -> Result<(), StoreError> {
    Ok(())
}

/// A transaction that writes holds them all.
pub(super) async fn hold_tables(_connection: &mut Connection) -> Result<(), StoreError> {
    Ok(())
}

/// The database's own clock.
pub(super) async fn clock_millis(connection: &mut Connection) -> Result<i64, StoreError> {
    let now = sqlx::query_scalar("SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER)");
    Ok(now.fetch_one(connection).await?)
}

/// Nobody listens.
pub(super) async fn notify(_connection: &mut Connection, _job: &str, _arrived: bool) -> Result<(), StoreError> {
    Ok(())
}
