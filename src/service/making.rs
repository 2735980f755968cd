//! Adapters in the making: each is made once, however many ask for it at the same time.

use super::Error;
use super::adapters::Made;
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;

/// How long what was made is held for those that asked meanwhile.
const HELD: Duration = Duration::from_secs(10);
/// Bytes of it.
const HELD_BYTES: u64 = 64 << 20;

/// What is being made, and what has just been made, by id.
pub(super) struct Making {
    cache: Cache<String, Arc<Made>>,
}

impl Making {
    pub(super) fn new() -> Self {
        let weight = |_: &String, made: &Arc<Made>| u32::try_from(made.adapter.parameters() * 4).unwrap_or(u32::MAX);
        Self { cache: Cache::builder().max_capacity(HELD_BYTES).weigher(weight).time_to_live(HELD).build() }
    }

    /// What `make` gives, or gave to another that asked for the same id.
    pub(super) async fn once(
        &self,
        id: &str,
        make: impl Future<Output = Result<Made, Error>>,
    ) -> Result<Arc<Made>, Error> {
        let made = self.cache.try_get_with(id.to_owned(), async { make.await.map(Arc::new) }).await;
        made.map_err(Error::shared)
    }

    /// Lets go of what was made: it is published, or deleted.
    pub(super) async fn forget(&self, id: &str) {
        self.cache.invalidate(id).await;
    }
}
