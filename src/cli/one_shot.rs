//! A service for one command: its state is in a temporary folder, or in a data directory. Jobs that wait there go on
//! waiting.

use crate::app::{Application, BaseOptions, EngineArgs, ServeOptions, build};
use std::path::PathBuf;

/// Runs `work` with a service over this base. Without a data directory nothing is kept.
pub(super) fn with_service<T>(
    base: &BaseOptions,
    data_dir: Option<PathBuf>,
    work: impl AsyncFnOnce(&Application) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let temporary = match data_dir {
        Some(_) => None,
        None => Some(std::env::temp_dir().join(format!("attune-{}", uuid::Uuid::now_v7().simple()))),
    };
    let data_dir = data_dir.or_else(|| temporary.clone()).unwrap_or_default();
    let result = with_application(&options(base, data_dir), work);
    if let Some(dir) = temporary {
        // Only what this command made is in it.
        let _ = std::fs::remove_dir_all(dir);
    }
    result
}

/// What one command needs of a server's options.
pub(super) fn options(base: &BaseOptions, data_dir: PathBuf) -> ServeOptions {
    ServeOptions {
        base: base.clone(),
        engine: EngineArgs::default(),
        listen: String::new(),
        data_dir,
        train_threads: 1,
        queue: 16,
        max_rows: 8,
        step_tokens: 128,
        kv_cache_mib: None,
        // A single answer does not pay for it, nor for measuring whether it does.
        merge_mib: Some(0),
        threads: 0,
        request_timeout: 3600,
        adapter_cache_mib: 256,
        max_import_mib: 512,
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
