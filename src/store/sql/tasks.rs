//! Training tasks and their examples, one row each.

use time::OffsetDateTime;

use super::rows::{ExampleRow, json_text, millis};
use super::{Connection, SqlStore, Tx, dialect};
use crate::store::error::StoreError;
use crate::store::page::{List, Page, PageRequest, SortKey};
use crate::store::records::*;
use crate::store::repository::{StoreFuture, TaskStore};
use crate::store::write_lock::WriteLock;

/// $1 name.
pub(super) const TASK: &str = "SELECT * FROM tasks WHERE name = $1";
/// $1 the name before, $2 limit.
pub(super) const LIST_TASKS: &str = "SELECT * FROM tasks WHERE name > $1 ORDER BY name LIMIT $2";
/// $1 task.
pub(super) const EXAMPLES: &str = "SELECT example FROM task_examples WHERE task = $1 ORDER BY position";

impl TaskStore for SqlStore {
    fn put_task<'a>(
        &'a self,
        name: &'a str,
        descriptions: &'a [String],
        expected: &'a Expected,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, TaskRecord> {
        Self::call(async move {
            let mut tx = self.write(&[WriteLock::Task(name)]).await?;
            check(&mut tx, name, expected).await?;
            describe(&mut tx, (name, descriptions), now).await?;
            let task = find(&mut tx, name).await?;
            tx.commit().await?;
            Ok(task)
        })
    }

    fn put_examples<'a>(
        &'a self,
        name: &'a str,
        examples: &'a [Example],
        expected: &'a Expected,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, TaskRecord> {
        Self::call(async move {
            let mut tx = self.write(&[WriteLock::Task(name)]).await?;
            find(&mut tx, name).await?;
            check(&mut tx, name, expected).await?;
            fill(&mut tx, (name, examples), now).await?;
            let task = find(&mut tx, name).await?;
            tx.commit().await?;
            Ok(task)
        })
    }

    fn import_task<'a>(
        &'a self,
        name: &'a str,
        (descriptions, examples): (&'a [String], &'a [Example]),
        now: OffsetDateTime,
    ) -> StoreFuture<'a, TaskRecord> {
        Self::call(async move {
            let mut tx = self.write(&[WriteLock::Task(name)]).await?;
            describe(&mut tx, (name, descriptions), now).await?;
            fill(&mut tx, (name, examples), now).await?;
            let task = find(&mut tx, name).await?;
            tx.commit().await?;
            Ok(task)
        })
    }

    fn task<'a>(&'a self, name: &'a str) -> StoreFuture<'a, TaskRecord> {
        Self::call(async move { find(&mut *self.pool.acquire().await?, name).await })
    }

    fn examples<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<Example>> {
        Self::call(async move {
            // The task cannot go between the two reads.
            let mut tx = self.snapshot().await?;
            find(&mut tx, name).await?;
            let rows = sqlx::query_as(EXAMPLES);
            let rows: Vec<ExampleRow> = rows.bind(name).fetch_all(&mut *tx).await?;
            Ok(rows.into_iter().map(|row| row.0).collect())
        })
    }

    fn list_tasks<'a>(&'a self, page: &'a PageRequest) -> StoreFuture<'a, Page<TaskRecord>> {
        Self::call(async move {
            // Every name comes after none.
            let after = page.after(List::Tasks)?.map(|key| key.id).unwrap_or_default();
            let rows = sqlx::query_as(LIST_TASKS).bind(after).bind(page.fetch());
            let rows: Vec<TaskRecord> = rows.fetch_all(&self.pool).await?;
            Ok(Page::cut(rows, page, List::Tasks, |row| SortKey { at_ms: 0, id: row.name.clone() }))
        })
    }

    fn delete_task<'a>(&'a self, name: &'a str, expected: &'a Expected) -> StoreFuture<'a, ()> {
        Self::call(async move {
            let mut tx = self.write(&[WriteLock::Task(name)]).await?;
            find(&mut tx, name).await?;
            check(&mut tx, name, expected).await?;
            sqlx::query("DELETE FROM tasks WHERE name = $1").bind(name).execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }
}

async fn find(connection: &mut Connection, name: &str) -> Result<TaskRecord, StoreError> {
    let row = sqlx::query_as(TASK).bind(name).fetch_optional(connection).await?;
    row.ok_or_else(|| StoreError::not_found("task", name))
}

/// The caller holds the task.
async fn check(tx: &mut Tx<'_>, name: &str, expected: &Expected) -> Result<(), StoreError> {
    if *expected == Expected::Any {
        return Ok(());
    }
    let task: Option<TaskRecord> = sqlx::query_as(TASK).bind(name).fetch_optional(&mut **tx).await?;
    let tag = task.map(|task| task.tag()).transpose()?;
    expected.check("task", name, tag.as_deref())
}

/// Makes the task, or changes its descriptions.
async fn describe(
    tx: &mut Tx<'_>,
    (name, descriptions): (&str, &[String]),
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let upsert = sqlx::query(
        "INSERT INTO tasks (name, descriptions, examples_digest, train_count, test_count, version,
                            created_at, updated_at)
         VALUES ($1, $2, $3, 0, 0, 1, $4, $4)
         ON CONFLICT (name) DO UPDATE
         SET descriptions = excluded.descriptions, version = tasks.version + 1, updated_at = excluded.updated_at
         WHERE tasks.descriptions <> excluded.descriptions",
    );
    let upsert = upsert.bind(name).bind(json_text(descriptions)?).bind(examples_digest(&[])?).bind(millis(now));
    upsert.execute(&mut **tx).await?;
    Ok(())
}

/// Replaces the task's examples, where they are others.
async fn fill(tx: &mut Tx<'_>, (name, examples): (&str, &[Example]), now: OffsetDateTime) -> Result<(), StoreError> {
    if examples.len() > MAX_EXAMPLES {
        return Err(StoreError::TooManyExamples { count: examples.len(), limit: MAX_EXAMPLES });
    }
    let digest = examples_digest(examples)?;
    if find(tx, name).await?.examples_digest == digest {
        return Ok(());
    }
    replace_examples(tx, name, examples).await?;
    let tests = examples.iter().filter(|example| example.purpose() == Split::Test).count();
    let update = sqlx::query(
        "UPDATE tasks SET examples_digest = $1, train_count = $2, test_count = $3, version = version + 1,
                          updated_at = $4 WHERE name = $5",
    );
    let update = update.bind(digest).bind((examples.len() - tests) as i64).bind(tests as i64);
    update.bind(millis(now)).bind(name).execute(&mut **tx).await?;
    Ok(())
}

async fn replace_examples(tx: &mut Tx<'_>, name: &str, examples: &[Example]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM task_examples WHERE task = $1").bind(name).execute(&mut **tx).await?;
    // One statement for all: the database takes the array apart.
    let insert = sqlx::query(dialect::INSERT_EXAMPLES).bind(name).bind(json_text(examples)?);
    insert.execute(&mut **tx).await?;
    Ok(())
}
