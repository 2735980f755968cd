//! API keys, and what they used of a day.

use time::OffsetDateTime;

use super::SqlStore;
use super::rows::{age_key, json_text, millis};
use crate::store::error::StoreError;
use crate::store::page::{List, Page, PageRequest, SortKey};
use crate::store::records::*;
use crate::store::repository::{KeyStore, StoreFuture};

/// How old the last use must be before it is written again, in milliseconds.
const TOUCH_MS: i64 = 60_000;

/// $1 prefix.
pub(super) const KEY_OF_PREFIX: &str = "SELECT * FROM api_keys WHERE prefix = $1";
/// $1 and $2 time and id of the row before, $3 limit.
pub(super) const LIST_KEYS: &str = "SELECT * FROM api_keys WHERE (created_at, id) < ($1, $2)
     ORDER BY created_at DESC, id DESC LIMIT $3";
/// As [`LIST_KEYS`], and $4 the tenant.
pub(super) const LIST_KEYS_OF_TENANT: &str = "SELECT * FROM api_keys WHERE tenant = $4 AND (created_at, id) < ($1, $2)
     ORDER BY created_at DESC, id DESC LIMIT $3";
/// $1 key, $2 the beginning of the day, $3 now. A child's time is its parent's, which waits for it.
pub(super) const TRAINED_MS: &str = "SELECT CAST(coalesce(sum(
         CASE WHEN finished_at < $3 THEN finished_at ELSE $3 END - CASE WHEN started_at > $2 THEN started_at ELSE $2 END
     ), 0) AS BIGINT) FROM jobs
     WHERE key_id = $1 AND parent_id IS NULL AND started_at <= $3 AND (finished_at IS NULL OR finished_at > $2)";

impl KeyStore for SqlStore {
    fn insert_key<'a>(&'a self, key: &'a KeyRecord) -> StoreFuture<'a, ()> {
        Self::call(async move {
            let insert = sqlx::query(
                "INSERT INTO api_keys (id, tenant, name, scopes, prefix, hash, requests_per_minute, adapters_per_day,
                                       training_minutes_per_day, created_at, expires_at, revoked_at, last_used_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            );
            let KeyLimits { requests_per_minute, adapters_per_day, training_minutes_per_day } = key.limits;
            let insert = insert.bind(&key.id).bind(&key.tenant).bind(&key.name).bind(json_text(&key.scopes)?);
            let insert = insert.bind(&key.prefix).bind(&key.hash.0).bind(requests_per_minute.map(i64::from));
            let insert = insert.bind(adapters_per_day.map(i64::from)).bind(training_minutes_per_day.map(i64::from));
            let insert = insert.bind(millis(key.created_at)).bind(key.expires_at.map(millis));
            let insert = insert.bind(key.revoked_at.map(millis)).bind(key.last_used_at.map(millis));
            let mut tx = self.write(&[]).await?;
            insert.execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }

    fn has_keys(&self) -> StoreFuture<'_, bool> {
        Self::call(async {
            let any = sqlx::query("SELECT id FROM api_keys LIMIT 1");
            Ok(any.fetch_optional(&self.pool).await?.is_some())
        })
    }

    fn key_of_prefix<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Option<KeyRecord>> {
        Self::call(async move {
            let row = sqlx::query_as(KEY_OF_PREFIX).bind(prefix);
            Ok(row.fetch_optional(&self.pool).await?)
        })
    }

    fn list_keys<'a>(&'a self, tenant: Option<&'a str>, page: &'a PageRequest) -> StoreFuture<'a, Page<KeyRecord>> {
        Self::call(async move {
            let before = page.after(List::Keys)?.unwrap_or_else(SortKey::newest);
            let list = if tenant.is_some() { LIST_KEYS_OF_TENANT } else { LIST_KEYS };
            let rows = sqlx::query_as(list).bind(before.at_ms).bind(before.id).bind(page.fetch());
            let rows = match tenant {
                Some(tenant) => rows.bind(tenant),
                None => rows,
            };
            let rows: Vec<KeyRecord> = rows.fetch_all(&self.pool).await?;
            Ok(Page::cut(rows, page, List::Keys, |row| age_key(row.created_at, &row.id)))
        })
    }

    fn revoke_key<'a>(
        &'a self,
        tenant: Option<&'a str>,
        id: &'a str,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, KeyRecord> {
        Self::call(async move {
            let mut tx = self.write(&[]).await?;
            let revoke = sqlx::query_as(
                "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2)
                 WHERE id = $1 AND ($3 IS NULL OR tenant = $3) RETURNING *",
            );
            let revoked: Option<KeyRecord> =
                revoke.bind(id).bind(millis(now)).bind(tenant).fetch_optional(&mut *tx).await?;
            let revoked = revoked.ok_or_else(|| StoreError::not_found("key", id))?;
            tx.commit().await?;
            Ok(revoked)
        })
    }

    fn touch_key<'a>(&'a self, id: &'a str, now: OffsetDateTime) -> StoreFuture<'a, ()> {
        Self::call(async move {
            let touch = sqlx::query(
                "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
            );
            let now = millis(now);
            let mut tx = self.write(&[]).await?;
            touch.bind(id).bind(now).bind(now - TOUCH_MS).execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }

    fn take_adapter<'a>(&'a self, key: &'a str, day: i64, limit: u32) -> StoreFuture<'a, bool> {
        Self::call(async move {
            let take = sqlx::query(
                "INSERT INTO key_usage (key_id, day, adapters) VALUES ($1, $2, 1)
                 ON CONFLICT (key_id, day) DO UPDATE SET adapters = key_usage.adapters + 1 WHERE key_usage.adapters < $3",
            );
            let mut tx = self.write(&[]).await?;
            let taken = take.bind(key).bind(day).bind(i64::from(limit)).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(taken.rows_affected() > 0)
        })
    }

    fn give_adapter_back<'a>(&'a self, key: &'a str, day: i64) -> StoreFuture<'a, ()> {
        Self::call(async move {
            let give = sqlx::query(
                "UPDATE key_usage SET adapters = adapters - 1 WHERE key_id = $1 AND day = $2 AND adapters > 0",
            );
            let mut tx = self.write(&[]).await?;
            give.bind(key).bind(day).execute(&mut *tx).await?;
            Ok(tx.commit().await?)
        })
    }

    fn trained_ms<'a>(&'a self, key: &'a str, since: OffsetDateTime, now: OffsetDateTime) -> StoreFuture<'a, u64> {
        Self::call(async move {
            let trained = sqlx::query_scalar(TRAINED_MS).bind(key).bind(millis(since)).bind(millis(now));
            let trained: i64 = trained.fetch_one(&self.pool).await?;
            Ok(u64::try_from(trained).unwrap_or(0))
        })
    }
}
