//! Puts a process together.

use super::artifacts::State;
use super::demo_model;
use super::engine::{choice, vllm};
use super::loading::{available_memory, load_base};
use super::options::{JobOptions, ServeOptions};
use super::slots::Slots;
use crate::generator::GeneratorFile;
use crate::jobs::{JobKind, Queue, QueueConfig, Runner, RunnerConfig, RunningRunner};
use crate::service::{self, NewGenerator, Parts, Service, TrainHandler};
use crate::store::{ArtifactError, Artifacts, DataDirLock, Store};
use crate::task::ENCODER_VERSION;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// A process's parts. The lock on the data directory lives as long.
pub struct Application {
    /// The service.
    pub service: Arc<Service>,
    pub(super) store: Arc<dyn Store>,
    pub(super) artifacts: Arc<Artifacts>,
    data_dir: PathBuf,
    /// Whether artifacts lie where other machines may reach them.
    shares_artifacts: bool,
    train_threads: usize,
    jobs: JobOptions,
    /// The name in the jobs that it holds.
    pub(super) worker: String,
    pub(super) lock: DataDirLock,
}

impl Application {
    /// Starts to work the queue off. It is no part of [`build`]: a command that only reads, or makes one adapter, must
    /// not take up a training job and end in the middle of it.
    pub fn start_jobs(&self) -> RunningRunner {
        self.start_runner(None)
    }

    /// Starts to work off this job, and no other one that waits.
    pub fn start_job(&self, id: &str) -> RunningRunner {
        self.start_runner(Some(id.to_owned()))
    }

    fn start_runner(&self, only: Option<String>) -> RunningRunner {
        let handler = Arc::new(TrainHandler {
            service: Arc::clone(&self.service),
            threads: self.train_threads,
            trajectories: self.data_dir.join("trajectories"),
            available_memory,
        });
        let handover = self.shares_artifacts.then(|| Arc::clone(&self.artifacts));
        let timeout = self.jobs.job_timeout.map(|seconds| Duration::from_secs(seconds.into()));
        let config = RunnerConfig { only, handover, timeout, ..RunnerConfig::new(&self.worker, &self.data_dir) };
        let runner = Runner::new(self.service.queue().clone(), config);
        let add = |runner: Runner, kind| runner.handle(kind, self.slots().of(kind), Arc::clone(&handler) as _);
        JobKind::NAMES.into_iter().fold(runner, add).start()
    }

    /// How many jobs it runs at once.
    pub(super) fn slots(&self) -> Slots {
        self.jobs.slots.clone().unwrap_or_default()
    }
}

/// A name that no other process has, and that says where to look for this one.
fn worker_name() -> String {
    let host = sysinfo::System::host_name().unwrap_or_else(|| "process".to_owned());
    let random = uuid::Uuid::now_v7().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &random[random.len() - 6..])
}

/// An artifact that the database names and that is nowhere is most often in another place than the one that was named.
fn where_artifacts_are(error: service::Error) -> anyhow::Error {
    let lacking = matches!(error, service::Error::Artifact(ArtifactError::NotFound { .. }));
    let error = anyhow::Error::new(error);
    if !lacking {
        return error;
    }
    error.context(
        "the active generator is not among the artifacts: if --artifacts was changed, name the earlier place, or copy what \
         it holds to the new one (docs/storage.md)",
    )
}

/// Opens the data directory, loads the base and starts the engine. Jobs wait for [`Application::start_jobs`].
///
/// # Errors
/// Says what is missing, locked or damaged.
pub async fn build(options: &ServeOptions) -> anyhow::Result<Application> {
    let dir = &options.state.data_dir;
    let State { lock, store, artifacts } = State::open(&options.state).await?;
    // A base takes its time to load: what is wrong with the options is told before.
    options.exposure.check(&options.listen, &*store).await?;
    let vllm = vllm(options)?;
    let base = load_base(&options.base)?;
    let queue = Queue::new(Arc::clone(&store) as _, QueueConfig::default());
    let engine = choice(options, vllm, &base);
    let service = Service::start(Parts {
        base,
        store: Arc::clone(&store),
        artifacts: Arc::clone(&artifacts),
        queue,
        engine,
        request_timeout: Duration::from_secs(options.request_timeout),
        clock: OffsetDateTime::now_utc,
        new_id: || uuid::Uuid::now_v7().simple().to_string(),
    })
    .await
    .map_err(where_artifacts_are)?;
    let service = Arc::new(service);
    if options.base.base == "demo" {
        install_demo_generator(&service).await?;
    }
    Ok(Application {
        service,
        store,
        artifacts,
        data_dir: dir.clone(),
        shares_artifacts: options.state.artifacts.artifacts.is_some(),
        train_threads: options.train_threads,
        jobs: options.jobs.clone(),
        worker: worker_name(),
        lock,
    })
}

/// Stores the embedded generator as a version, and makes it the one that serves where none does.
async fn install_demo_generator(service: &Service) -> anyhow::Result<()> {
    let Some(bytes) = demo_model::demo_generator() else { return Ok(()) };
    let file = GeneratorFile::from_bytes(bytes, service.base().model().device())?;
    if file.check(service.base().digest(), ENCODER_VERSION).is_err() {
        tracing::warn!(
            "the embedded generator was made for another base or encoder than the embedded ones: it is left out"
        );
        return Ok(());
    }
    let record = service.add_generator(NewGenerator { file: Arc::new(file), evaluation: None, parent: None }).await?;
    if service.info().generator.is_none() {
        service.activate_generator(&record.id).await?;
    }
    Ok(())
}
