//! A service for one command: its state is in a temporary folder, or where a server's is. Jobs that wait there go on
//! waiting.

use crate::app::{
    Application, ArtifactOptions, BaseOptions, DatabaseOptions, EngineArgs, ExposureOptions, GraceOption, JobOptions,
    ServeOptions, StateOptions, TelemetryOptions, build,
};
use std::path::PathBuf;

/// Runs `work` with a service over this base. Without a state nothing is kept.
pub(super) fn with_service<T>(
    base: &BaseOptions,
    state: Option<StateOptions>,
    work: impl AsyncFnOnce(&Application) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    if let Some(state) = state {
        return with_application(&options(base, state), work);
    }
    let dir = std::env::temp_dir().join(format!("attune-{}", uuid::Uuid::now_v7().simple()));
    let result = with_application(&options(base, in_directory(dir.clone())), work);
    // Only what this command made is in it.
    let _ = std::fs::remove_dir_all(dir);
    result
}

/// A state that is all in this directory.
pub(super) fn in_directory(data_dir: PathBuf) -> StateOptions {
    StateOptions { data_dir, database: DatabaseOptions::default(), artifacts: ArtifactOptions::default() }
}

/// What one command needs of a server's options.
pub(super) fn options(base: &BaseOptions, state: StateOptions) -> ServeOptions {
    ServeOptions {
        base: base.clone(),
        engine: EngineArgs::default(),
        listen: String::new(),
        exposure: ExposureOptions::default(),
        state,
        grace: GraceOption::default(),
        train_threads: 1,
        jobs: JobOptions::default(),
        queue: 16,
        max_rows: 8,
        step_tokens: 128,
        kv_cache_mib: None,
        // A single answer does not pay for it, nor for measuring whether it does.
        merge_mib: Some(0),
        threads: 0,
        request_timeout: 3600,
        drain_timeout: 0,
        adapter_cache_mib: 256,
        max_import_mib: 512,
        telemetry: TelemetryOptions::default(),
    }
}

/// Runs `work` in the process that the options describe.
pub(super) fn with_application<T>(
    options: &ServeOptions,
    work: impl AsyncFnOnce(&Application) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let application = build(options).await?;
        work(&application).await
    })
}

/// The cores of this machine that are this process's.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
