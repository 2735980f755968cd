//! A process that works jobs off and serves nobody.

use super::build::Application;
use super::options::StateOptions;
use super::serve::{drain_jobs, termination};
use super::telemetry::TelemetryOptions;
use crate::store::LockError;

/// Whether a worker can share this state with the servers whose jobs it is to work off.
///
/// # Errors
/// Names the option that is missing.
pub fn check_worker_state(state: &StateOptions) -> anyhow::Result<()> {
    anyhow::ensure!(
        state.database.database_url.is_none() || state.artifacts.artifacts.is_some(),
        "--database-url without --artifacts: what this worker trains would lie in its own data directory, where no server \
         reads it; give every process the same --artifacts file:///DIR or s3://BUCKET/PREFIX"
    );
    Ok(())
}

/// The error with the way out, where a server has the data directory.
#[must_use]
pub fn explain_lock(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(LockError::InUse { .. }) => error.context(
            "a data directory belongs to one process, and a server that runs there works its jobs off itself; for workers \
             beside a server give all of them the same --database-url postgres://… and --artifacts file:///DIR|s3://…, and \
             each a --data-dir of its own",
        ),
        _ => error,
    }
}

/// Works jobs off until SIGTERM or Ctrl-C; then running jobs stop at their next checkpoint and wait in the queue.
///
/// # Errors
/// Where the address for metrics cannot be bound.
pub async fn work(application: Application, telemetry: &TelemetryOptions) -> anyhow::Result<()> {
    let _telling = telemetry.listen(&application.service).await?;
    let runner = application.start_jobs();
    let info = application.service.info();
    eprintln!(
        "attune {} works jobs off as {} (base {}, {}, slots {})",
        info.version,
        application.worker,
        info.base_model,
        info.device,
        application.slots()
    );
    termination().await;
    tracing::info!("draining");
    drain_jobs(runner).await;
    Ok(())
}
