//! `attune worker`

use super::one_shot;
use crate::app::{
    BaseOptions, JobOptions, Kinds, ServeOptions, StateOptions, TelemetryOptions, build, check_worker_state,
    explain_lock, work,
};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Worker {
    #[command(flatten)]
    base: BaseOptions,
    #[command(flatten)]
    state: StateOptions,
    /// The kinds of jobs that it runs; those that are left out wait for other workers
    #[arg(long, env = "ATTUNE_KINDS", default_value_t, value_name = "adapter,generator")]
    kinds: Kinds,
    #[command(flatten)]
    jobs: JobOptions,
    /// Threads that train, for each job that runs; all cores where it is not given
    #[arg(long, env = "ATTUNE_TRAIN_THREADS", default_value_t = one_shot::cores(), hide_default_value = true)]
    train_threads: usize,
    #[command(flatten)]
    pub(super) telemetry: TelemetryOptions,
}

impl Worker {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let slots = self.jobs.slots.clone().unwrap_or_default().within(&self.kinds)?;
        check_worker_state(&self.state)?;
        let options = ServeOptions {
            train_threads: self.train_threads,
            jobs: JobOptions { slots: Some(slots), ..self.jobs },
            // Nobody asks it for completions.
            max_rows: 1,
            kv_cache_mib: Some(1),
            threads: 1,
            ..one_shot::options(&self.base, self.state)
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async { work(build(&options).await.map_err(explain_lock)?, &self.telemetry).await })
    }
}
