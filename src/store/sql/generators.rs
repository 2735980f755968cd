//! Generators, of which one is active for each base model.

use super::rows::{age_key, json_text, millis};
use super::{Connection, SqlStore, dialect};
use crate::store::error::StoreError;
use crate::store::page::{List, Page, PageRequest, SortKey};
use crate::store::records::*;
use crate::store::repository::{GeneratorStore, StoreFuture};
use crate::store::write_lock::WriteLock;

/// $1 id.
pub(super) const GENERATOR: &str = "SELECT * FROM generators WHERE id = $1";
/// $1 and $2 time and id of the row before, $3 limit.
pub(super) const LIST_GENERATORS: &str = "SELECT * FROM generators WHERE (created_at, id) < ($1, $2)
     ORDER BY created_at DESC, id DESC LIMIT $3";

impl GeneratorStore for SqlStore {
    fn insert_generator<'a>(&'a self, record: &'a GeneratorRecord) -> StoreFuture<'a, GeneratorRecord> {
        Self::call(async move {
            let state = match record.state {
                GeneratorState::Ready | GeneratorState::Stale => GeneratorState::Ready,
                GeneratorState::Rejected => GeneratorState::Rejected,
            };
            let mut tx = self.write(&[]).await?;
            let insert = sqlx::query(
                "INSERT INTO generators (id, base_digest, state, arch, digest, bytes, evaluation, parent, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
            );
            let insert = insert
                .bind(&record.id)
                .bind(&record.base_digest)
                .bind(state.as_str())
                .bind(&record.arch)
                .bind(&record.digest)
                .bind(record.bytes as i64)
                .bind(record.evaluation.as_ref().map(json_text).transpose()?)
                .bind(&record.parent)
                .bind(millis(record.created_at));
            insert.execute(&mut *tx).await?;
            let stored = find(&mut tx, &record.id).await?;
            tx.commit().await?;
            Ok(stored)
        })
    }

    fn activate_generator<'a>(&'a self, id: &'a str) -> StoreFuture<'a, GeneratorRecord> {
        Self::call(async move {
            // What is read here never changes, so it may be read before the lock.
            let generator = find(&mut *self.pool.acquire().await?, id).await?;
            if generator.state != GeneratorState::Ready {
                return Err(StoreError::NotReady { id: id.to_owned(), state: generator.state });
            }
            let mut tx = self.write(&[WriteLock::Base(&generator.base_digest)]).await?;
            let others = sqlx::query("UPDATE generators SET active = FALSE WHERE base_digest = $1 AND active");
            others.bind(&generator.base_digest).execute(&mut *tx).await?;
            sqlx::query("UPDATE generators SET active = TRUE WHERE id = $1").bind(id).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(GeneratorRecord { active: true, ..generator })
        })
    }

    fn generator<'a>(&'a self, id: &'a str) -> StoreFuture<'a, GeneratorRecord> {
        Self::call(async move { find(&mut *self.pool.acquire().await?, id).await })
    }

    fn active_generator<'a>(&'a self, base_digest: &'a str) -> StoreFuture<'a, Option<GeneratorRecord>> {
        Self::call(async move {
            let row = sqlx::query_as(dialect::ACTIVE_GENERATOR);
            Ok(row.bind(base_digest).fetch_optional(&self.pool).await?)
        })
    }

    fn list_generators<'a>(&'a self, page: &'a PageRequest) -> StoreFuture<'a, Page<GeneratorRecord>> {
        Self::call(async move {
            let before = page.after(List::Generators)?.unwrap_or_else(SortKey::newest);
            let rows = sqlx::query_as(LIST_GENERATORS).bind(before.at_ms).bind(before.id).bind(page.fetch());
            let rows: Vec<GeneratorRecord> = rows.fetch_all(&self.pool).await?;
            Ok(Page::cut(rows, page, List::Generators, |row| age_key(row.created_at, &row.id)))
        })
    }
}

async fn find(connection: &mut Connection, id: &str) -> Result<GeneratorRecord, StoreError> {
    let row = sqlx::query_as(GENERATOR).bind(id).fetch_optional(connection).await?;
    row.ok_or_else(|| StoreError::not_found("generator", id))
}
