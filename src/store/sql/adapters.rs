//! Adapters and who may see them.

use super::rows::{age_key, json_text, millis};
use super::{Connection, SqlStore, Tx, dialect};
use crate::store::error::StoreError;
use crate::store::page::{List, Page, PageRequest, SortKey};
use crate::store::records::*;
use crate::store::repository::{AdapterStore, StoreFuture};
use crate::store::write_lock::WriteLock;

/// $1 tenant, $2 id.
pub(super) const ADAPTER: &str = "SELECT * FROM adapter_owners o JOIN adapters a ON a.id = o.adapter_id
     WHERE o.tenant = $1 AND o.adapter_id = $2";
/// $1 tenant, $2 name.
pub(super) const ADAPTER_BY_NAME: &str = "SELECT * FROM adapter_owners o JOIN adapters a ON a.id = o.adapter_id
     WHERE o.tenant = $1 AND o.name = $2";
/// $1 tenant, $2 key.
pub(super) const ADAPTER_OF_KEY: &str = "SELECT request, adapter_id FROM import_keys WHERE tenant = $1 AND key = $2";

impl AdapterStore for SqlStore {
    fn publish_adapter<'a>(
        &'a self,
        tenant: &'a str,
        record: &'a AdapterRecord,
        taken: OnNameTaken,
    ) -> StoreFuture<'a, Published> {
        Self::call(async move {
            let locks = [WriteLock::Adapter(&record.id), WriteLock::Names { tenant }];
            let locks = if record.name.is_some() { &locks[..] } else { &locks[..1] };
            let mut tx = self.write(locks).await?;
            let published = publish(&mut tx, tenant, record, taken).await?;
            tx.commit().await?;
            Ok(published)
        })
    }

    fn publish_adapter_once<'a>(
        &'a self,
        tenant: &'a str,
        record: &'a AdapterRecord,
        taken: OnNameTaken,
        key: &'a RequestKey,
    ) -> StoreFuture<'a, Published> {
        Self::call(async move {
            let names = WriteLock::Names { tenant };
            let locks = [WriteLock::ImportKey { tenant, key: &key.key }, WriteLock::Adapter(&record.id), names];
            let locks = if record.name.is_some() { &locks[..] } else { &locks[..2] };
            let mut tx = self.write(locks).await?;
            if let Some(record) = find_by_key(&mut tx, tenant, key).await? {
                return Ok(Published { record, outcome: PublishOutcome::Existing });
            }
            let published = publish(&mut tx, tenant, record, taken).await?;
            let insert = sqlx::query(
                "INSERT INTO import_keys (tenant, key, request, adapter_id, created_at) VALUES ($1, $2, $3, $4, $5)",
            );
            let insert = insert.bind(tenant).bind(&key.key).bind(&key.request).bind(&record.id);
            insert.bind(millis(record.created_at)).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(published)
        })
    }

    fn adapter<'a>(&'a self, tenant: &'a str, id: &'a str) -> StoreFuture<'a, AdapterRecord> {
        Self::call(async move { find(&mut *self.pool.acquire().await?, tenant, id).await })
    }

    fn adapter_by_name<'a>(&'a self, tenant: &'a str, name: &'a str) -> StoreFuture<'a, AdapterRecord> {
        Self::call(async move {
            let row = sqlx::query_as(ADAPTER_BY_NAME);
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
        Self::call(async move {
            let before = page.after(List::Adapters)?.unwrap_or_else(SortKey::newest);
            let list = if filter.named_only { dialect::LIST_NAMED_ADAPTERS } else { dialect::LIST_ADAPTERS };
            let rows = sqlx::query_as(list).bind(tenant).bind(before.at_ms).bind(before.id);
            let rows = rows.bind(filter.query.as_deref()).bind(page.fetch());
            let rows: Vec<AdapterRecord> = rows.fetch_all(&self.pool).await?;
            Ok(Page::cut(rows, page, List::Adapters, |row| age_key(row.created_at, &row.id)))
        })
    }

    fn rename_adapter<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a str,
        name: Option<&'a str>,
        taken: OnNameTaken,
    ) -> StoreFuture<'a, AdapterRecord> {
        Self::call(async move {
            let mut tx = self.write(&[WriteLock::Names { tenant }]).await?;
            set_name(&mut tx, tenant, id, name, taken).await?;
            let stored = find(&mut tx, tenant, id).await?;
            tx.commit().await?;
            Ok(stored)
        })
    }

    fn unlist_adapter<'a>(&'a self, tenant: &'a str, id: &'a str) -> StoreFuture<'a, Unlisted> {
        Self::call(async move {
            let mut tx = self.write(&[WriteLock::Adapter(id)]).await?;
            let digest = find(&mut tx, tenant, id).await?.digest;
            let owner = sqlx::query("DELETE FROM adapter_owners WHERE tenant = $1 AND adapter_id = $2");
            owner.bind(tenant).bind(id).execute(&mut *tx).await?;
            let adapter = sqlx::query(
                "DELETE FROM adapters
                 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM adapter_owners WHERE adapter_id = $1)",
            );
            let last = adapter.bind(id).execute(&mut *tx).await?.rows_affected() > 0;
            tx.commit().await?;
            Ok(Unlisted { digest, last })
        })
    }
}

async fn find(connection: &mut Connection, tenant: &str, id: &str) -> Result<AdapterRecord, StoreError> {
    let row = sqlx::query_as(ADAPTER);
    let row = row.bind(tenant).bind(id).fetch_optional(connection).await?;
    row.ok_or_else(|| StoreError::not_found("adapter", id))
}

/// What the key published, if it did.
async fn find_by_key(tx: &mut Tx<'_>, tenant: &str, key: &RequestKey) -> Result<Option<AdapterRecord>, StoreError> {
    let earlier = sqlx::query_as(ADAPTER_OF_KEY).bind(tenant).bind(&key.key);
    let earlier: Option<(String, String)> = earlier.fetch_optional(&mut **tx).await?;
    match earlier {
        None => Ok(None),
        Some((request, id)) if request == key.request => find(tx, tenant, &id).await.map(Some),
        Some((_, id)) => Err(StoreError::IdempotencyMismatch { key: key.key.clone(), what: "adapter", id }),
    }
}

/// The caller holds the adapter, and the tenant's names where it has one.
async fn publish(
    tx: &mut Tx<'_>,
    tenant: &str,
    record: &AdapterRecord,
    taken: OnNameTaken,
) -> Result<Published, StoreError> {
    let new_adapter = insert_adapter(tx, record).await?;
    let new_owner = insert_owner(tx, tenant, record).await?;
    if let Some(name) = record.name.as_deref() {
        set_name(tx, tenant, &record.id, Some(name), taken).await?;
    }
    let outcome = match (new_adapter, new_owner) {
        (true, _) => PublishOutcome::Created,
        (false, true) => PublishOutcome::Shared,
        (false, false) => PublishOutcome::Existing,
    };
    Ok(Published { record: find(tx, tenant, &record.id).await?, outcome })
}

/// Stores the adapter if it is new, and says so.
async fn insert_adapter(tx: &mut Tx<'_>, record: &AdapterRecord) -> Result<bool, StoreError> {
    let insert = sqlx::query(
        "INSERT INTO adapters
             (id, kind, generator, base_digest, rank, alpha, target_modules, parameters, bytes, digest, config, seed)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING",
    );
    let insert = insert
        .bind(&record.id)
        .bind(record.kind.as_str())
        .bind(&record.generator)
        .bind(&record.base_digest)
        .bind(i64::from(record.rank))
        .bind(record.alpha)
        .bind(json_text(&record.target_modules)?)
        .bind(record.parameters as i64)
        .bind(record.bytes as i64)
        .bind(&record.digest)
        .bind(&record.config)
        .bind(record.seed);
    Ok(insert.execute(&mut **tx).await?.rows_affected() > 0)
}

/// Lists the adapter for the tenant, unnamed, if it is not yet listed, and says so.
async fn insert_owner(tx: &mut Tx<'_>, tenant: &str, record: &AdapterRecord) -> Result<bool, StoreError> {
    let insert = sqlx::query(
        "INSERT INTO adapter_owners (tenant, adapter_id, task, confidence, created_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    );
    let insert = insert
        .bind(tenant)
        .bind(&record.id)
        .bind(&record.task)
        .bind(record.confidence.as_ref().map(json_text).transpose()?)
        .bind(millis(record.created_at));
    Ok(insert.execute(&mut **tx).await?.rows_affected() > 0)
}

/// The caller holds the tenant's names.
async fn set_name(
    tx: &mut Tx<'_>,
    tenant: &str,
    id: &str,
    name: Option<&str>,
    taken: OnNameTaken,
) -> Result<(), StoreError> {
    if let Some(name) = name {
        match taken {
            OnNameTaken::Refuse => check_free(tx, tenant, id, name).await?,
            OnNameTaken::Replace => {
                let free = sqlx::query(
                    "UPDATE adapter_owners SET name = NULL WHERE tenant = $1 AND name = $2 AND adapter_id <> $3",
                );
                free.bind(tenant).bind(name).bind(id).execute(&mut **tx).await?;
            }
        }
    }
    let update = sqlx::query("UPDATE adapter_owners SET name = $1 WHERE tenant = $2 AND adapter_id = $3");
    let updated = update.bind(name).bind(tenant).bind(id).execute(&mut **tx).await?;
    if updated.rows_affected() == 0 { Err(StoreError::not_found("adapter", id)) } else { Ok(()) }
}

async fn check_free(tx: &mut Tx<'_>, tenant: &str, id: &str, name: &str) -> Result<(), StoreError> {
    let holder = sqlx::query_scalar(
        "SELECT adapter_id FROM adapter_owners WHERE tenant = $1 AND name = $2 AND adapter_id <> $3",
    );
    match holder.bind(tenant).bind(name).bind(id).fetch_optional(&mut **tx).await? {
        Some(holder) => Err(StoreError::NameTaken { name: name.to_owned(), holder }),
        None => Ok(()),
    }
}
