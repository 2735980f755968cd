//! Collecting artifacts that nothing uses, while a server runs.

use crate::store::collect::{CollectError, collect};
use crate::store::{Artifacts, CollectMode, Collected, Collection, Store};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often.
const EVERY: Duration = Duration::from_secs(3600);

/// Collects what nothing uses for that long, once.
///
/// # Errors
/// Those of the stores.
pub async fn collect_now(
    store: &dyn Store,
    artifacts: &Artifacts,
    (grace, mode): (Duration, CollectMode),
) -> Result<Collected, CollectError> {
    collect(store, artifacts, Collection { now: SystemTime::now(), grace, mode }).await
}

/// Collects now and every hour. A collection that fails is only told: the next one makes up for it.
pub(super) async fn collect_hourly(store: Arc<dyn Store>, artifacts: Arc<Artifacts>, grace: Duration) {
    loop {
        match collect_now(&*store, &artifacts, (grace, CollectMode::Collect)).await {
            Ok(collected) => tracing::info!(?collected, "collected artifacts"),
            Err(error) => tracing::warn!(%error, "cannot collect artifacts; the next try is in an hour"),
        }
        tokio::time::sleep(EVERY).await;
    }
}
