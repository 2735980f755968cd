//! Adapters in memory, bounded by bytes, each loaded or made once however many ask.

use super::Error;
use crate::lora::Adapter;
use moka::future::Cache;
use std::sync::Arc;

/// Adapters by id.
pub(super) struct AdapterCache {
    cache: Cache<String, Arc<Adapter>>,
}

impl AdapterCache {
    pub(super) fn new(max_bytes: u64) -> Self {
        let weight = |_: &String, adapter: &Arc<Adapter>| u32::try_from(adapter.parameters() * 4).unwrap_or(u32::MAX);
        Self { cache: Cache::builder().max_capacity(max_bytes).weigher(weight).build() }
    }

    /// The adapter, loaded by `load` where it is not here; others that ask meanwhile wait for it.
    pub(super) async fn get_or(
        &self,
        id: &str,
        load: impl Future<Output = Result<Arc<Adapter>, Error>>,
    ) -> Result<Arc<Adapter>, Error> {
        if let Some(adapter) = self.cache.get(id).await {
            return Ok(adapter);
        }
        let loaded = self.cache.try_get_with(id.to_owned(), load).await;
        // Others share the error behind an Arc; only its text survives.
        loaded.map_err(|shared| match Arc::try_unwrap(shared) {
            Ok(error) => error,
            Err(shared) => Error::internal(&*shared),
        })
    }

    pub(super) async fn forget(&self, id: &str) {
        self.cache.invalidate(id).await;
    }
}
