//! Adapters and who may see them.

use sqlx::types::Json;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::SqliteStore;
use super::rows::{age_key, millis};
use crate::store::error::StoreError;
use crate::store::page::{Page, PageRequest};
use crate::store::records::*;
use crate::store::repository::{AdapterStore, StoreFuture};

impl AdapterStore for SqliteStore {
    fn publish_adapter<'a>(
        &'a self,
        tenant: &'a str,
        record: &'a AdapterRecord,
        taken: OnNameTaken,
    ) -> StoreFuture<'a, Published> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let new_adapter = insert_adapter(&mut tx, record).await?;
            let new_owner = insert_owner(&mut tx, tenant, record).await?;
            if let Some(name) = record.name.as_deref() {
                set_name(&mut tx, tenant, &record.id, Some(name), taken).await?;
            }
            let stored = find(&mut tx, tenant, &record.id).await?;
            tx.commit().await?;
            let outcome = match (new_adapter, new_owner) {
                (true, _) => PublishOutcome::Created,
                (false, true) => PublishOutcome::Shared,
                (false, false) => PublishOutcome::Existing,
            };
            Ok(Published { record: stored, outcome })
        })
    }

    fn adapter<'a>(&'a self, tenant: &'a str, id: &'a str) -> StoreFuture<'a, AdapterRecord> {
        Box::pin(async move { find(&mut *self.pool.acquire().await?, tenant, id).await })
    }

    fn adapter_by_name<'a>(&'a self, tenant: &'a str, name: &'a str) -> StoreFuture<'a, AdapterRecord> {
        Box::pin(async move {
            let row = sqlx::query_as(
                "SELECT * FROM adapter_owners o JOIN adapters a ON a.id = o.adapter_id
                 WHERE o.tenant = ? AND o.name = ?",
            );
            let row = row.bind(tenant).bind(name).fetch_optional(&self.pool).await?;
            row.ok_or_else(|| StoreError::not_found("adapter", name))
        })
    }

    fn list_adapters<'a>(
        &'a self,
        tenant: &'a str,
        filter: &'a AdapterFilter,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<AdapterRecord>> {
        Box::pin(async move {
            let after = page.after()?;
            let rows = sqlx::query_as(
                "SELECT * FROM adapter_owners o JOIN adapters a ON a.id = o.adapter_id
                 WHERE o.tenant = ?1
                   AND (?2 IS NULL OR (o.created_at, o.adapter_id) < (?2, ?3))
                   AND (?4 IS NULL OR instr(lower(ifnull(o.task, '')), lower(?4)) > 0
                                   OR instr(lower(ifnull(o.name, '')), lower(?4)) > 0)
                   AND (NOT ?5 OR o.name IS NOT NULL)
                 ORDER BY o.created_at DESC, o.adapter_id DESC LIMIT ?6",
            );
            let rows = rows
                .bind(tenant)
                .bind(after.as_ref().map(|key| key.at_ms))
                .bind(after.as_ref().map(|key| key.id.as_str()))
                .bind(filter.query.as_deref())
                .bind(filter.named_only)
                .bind(page.fetch());
            let rows: Vec<AdapterRecord> = rows.fetch_all(&self.pool).await?;
            Ok(Page::cut(rows, page, |row| age_key(row.created_at, &row.id)))
        })
    }

    fn rename_adapter<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a str,
        name: Option<&'a str>,
        taken: OnNameTaken,
    ) -> StoreFuture<'a, AdapterRecord> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            set_name(&mut tx, tenant, id, name, taken).await?;
            let stored = find(&mut tx, tenant, id).await?;
            tx.commit().await?;
            Ok(stored)
        })
    }

    fn unlist_adapter<'a>(&'a self, tenant: &'a str, id: &'a str) -> StoreFuture<'a, Unlisted> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let digest = find(&mut tx, tenant, id).await?.digest;
            let owner = sqlx::query("DELETE FROM adapter_owners WHERE tenant = ? AND adapter_id = ?");
            owner.bind(tenant).bind(id).execute(&mut *tx).await?;
            let adapter = sqlx::query(
                "DELETE FROM adapters
                 WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM adapter_owners WHERE adapter_id = ?1)",
            );
            let last = adapter.bind(id).execute(&mut *tx).await?.rows_affected() > 0;
            tx.commit().await?;
            Ok(Unlisted { digest, last })
        })
    }
}

async fn find(connection: &mut SqliteConnection, tenant: &str, id: &str) -> Result<AdapterRecord, StoreError> {
    let row = sqlx::query_as(
        "SELECT * FROM adapter_owners o JOIN adapters a ON a.id = o.adapter_id
         WHERE o.tenant = ? AND o.adapter_id = ?",
    );
    let row = row.bind(tenant).bind(id).fetch_optional(connection).await?;
    row.ok_or_else(|| StoreError::not_found("adapter", id))
}

/// Stores the adapter if it is new, and says so.
async fn insert_adapter(tx: &mut Transaction<'_, Sqlite>, record: &AdapterRecord) -> Result<bool, StoreError> {
    let insert = sqlx::query(
        "INSERT INTO adapters
             (id, kind, generator, base_digest, rank, alpha, target_modules, parameters, bytes, digest, config, seed)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
    );
    let insert = insert
        .bind(&record.id)
        .bind(record.kind.as_str())
        .bind(&record.generator)
        .bind(&record.base_digest)
        .bind(record.rank)
        .bind(record.alpha)
        .bind(Json(&record.target_modules))
        .bind(record.parameters as i64)
        .bind(record.bytes as i64)
        .bind(&record.digest)
        .bind(&record.config)
        .bind(record.seed);
    Ok(insert.execute(&mut **tx).await?.rows_affected() > 0)
}

/// Lists the adapter for the tenant, unnamed, if it is not yet listed, and says so.
async fn insert_owner(
    tx: &mut Transaction<'_, Sqlite>,
    tenant: &str,
    record: &AdapterRecord,
) -> Result<bool, StoreError> {
    let insert = sqlx::query(
        "INSERT INTO adapter_owners (tenant, adapter_id, task, confidence, created_at)
         VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    );
    let insert = insert
        .bind(tenant)
        .bind(&record.id)
        .bind(&record.task)
        .bind(record.confidence.as_ref().map(Json))
        .bind(millis(record.created_at));
    Ok(insert.execute(&mut **tx).await?.rows_affected() > 0)
}

async fn set_name(
    tx: &mut Transaction<'_, Sqlite>,
    tenant: &str,
    id: &str,
    name: Option<&str>,
    taken: OnNameTaken,
) -> Result<(), StoreError> {
    let holder =
        sqlx::query_scalar("SELECT adapter_id FROM adapter_owners WHERE tenant = ? AND name = ? AND adapter_id <> ?");
    let holder: Option<String> = holder.bind(tenant).bind(name).bind(id).fetch_optional(&mut **tx).await?;
    if let (Some(holder), Some(name)) = (holder, name) {
        match taken {
            OnNameTaken::Refuse => return Err(StoreError::NameTaken { name: name.to_owned(), holder }),
            OnNameTaken::Replace => write_name(tx, tenant, &holder, None).await?,
        }
    }
    write_name(tx, tenant, id, name).await
}

async fn write_name(
    tx: &mut Transaction<'_, Sqlite>,
    tenant: &str,
    id: &str,
    name: Option<&str>,
) -> Result<(), StoreError> {
    let update = sqlx::query("UPDATE adapter_owners SET name = ? WHERE tenant = ? AND adapter_id = ?");
    let updated = update.bind(name).bind(tenant).bind(id).execute(&mut **tx).await?;
    if updated.rows_affected() == 0 { Err(StoreError::not_found("adapter", id)) } else { Ok(()) }
}
