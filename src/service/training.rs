//! The handlers of training jobs: one task's adapter, and a generator over many tasks.
//!
//! A job works in its own folder, from its last checkpoint where it has one. What it made is stored
//! first and promoted last, in one step, so a job that fails or is cancelled leaves what is served
//! as it was.

mod children;
mod numbers;
mod origin;
mod promotion;
mod remembered;

use numbers::{adapter_bytes, generator_run};

use super::job_progress::JobProgress;
use super::task_data::task_data;
use super::{Error, Service};
use crate::crash::{self, Point};
use crate::generator::GeneratorFile;
use crate::jobs::{AdapterJob, GeneratorJob, JobContext, JobError, JobHandler, JobKind, Selection, Stage};
use crate::lora::{Adapter, SharedA, write_peft};
use crate::store::{AdapterKind, AdapterRecord, JobRecord, OnNameTaken, PageRequest};
use crate::task::{Base, ENCODER_VERSION};
use crate::training::adapter_trainer::{AdapterContext, AdapterRun, TrainedAdapter};
use crate::training::dataset::TaskData;
use crate::training::generator_data::{Conditioning, Corpus, Trajectory};
use crate::training::generator_trainer::{GeneratorContext, train_generator};
use crate::training::judge_trainer::{JudgeRun, with_judge};
use crate::training::texts::Cutter;
use crate::training::trajectories::Trajectories;
use crate::training::{Error as TrainingError, Workers};
use candle_core::Tensor;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;

/// The rank of adapters where no generator says another.
const RANK: usize = 8;
/// Tasks of a job that get an adapter of their own, for reconstruction; the others are learnt by cross-entropy alone.
const WITH_ADAPTER: usize = 200;

/// Descriptions of each task by which a judge is trained, where there are few tasks.
const TRIED_EACH: usize = 40;
/// Runs training jobs of a service.
pub struct TrainHandler {
    /// The service.
    pub service: Arc<Service>,
    /// Threads that train.
    pub threads: usize,
    /// The folder of trajectories.
    pub trajectories: PathBuf,
    /// Bytes of memory that are free; `None` where that is not known.
    pub available_memory: fn() -> Option<u64>,
}

impl JobHandler for TrainHandler {
    fn run(&self, job: &JobRecord, context: &JobContext) -> Result<Value, JobError> {
        let mut payload = job.payload.clone();
        if let Some(object) = payload.as_object_mut() {
            object.insert("kind".into(), job.kind.clone().into());
        }
        let kind: JobKind = serde_json::from_value(payload).map_err(JobError::permanent)?;
        let workers = Workers::new(self.threads).map_err(JobError::transient)?;
        let run = Run {
            service: &self.service,
            context,
            job,
            workers,
            trajectories: &self.trajectories,
            available_memory: self.available_memory,
            runtime: Handle::current(),
        };
        run.runtime.block_on(self.service.follow_active()).map_err(failed)?;
        match kind {
            JobKind::Adapter(job) => run.adapter(&job),
            JobKind::Generator(job) => run.generator(&job),
        }
    }
}

struct Run<'a> {
    service: &'a Service,
    context: &'a JobContext,
    job: &'a JobRecord,
    workers: Workers,
    trajectories: &'a Path,
    available_memory: fn() -> Option<u64>,
    runtime: Handle,
}

impl Run<'_> {
    fn adapter(&self, job: &AdapterJob) -> Result<Value, JobError> {
        let (shared, alpha) = self.shared()?;
        let mut run = self.adapter_run(alpha, (job.seed, job.steps, job.learning_rate));
        run.row_tokens = job.batch_tokens.map_or(run.row_tokens, |tokens| tokens as usize);
        run.passes = job.gradient_accumulation_steps.map_or(1, |passes| passes as usize);
        let task = self.task_data(&job.task, run.row_tokens)?;
        // An example that is longer than a batch is a batch of its own.
        let tokens = run.row_tokens.max(self.base().begin().len() + task.longest());
        run.recompute = self.recompute((tokens, adapter_bytes(&shared, 1)), job.gradient_checkpointing)?;
        let trained = self.train_adapters(std::slice::from_ref(&task), (&shared, &run))?;
        let trained = trained.into_iter().next().ok_or_else(|| permanent("no adapter was trained"))?;
        if let Some(parent) = &self.job.parent {
            return self.leave(parent, &trained, &self.cache(&shared)?);
        }
        let adapter = self.adapter_of(&shared, &trained, alpha)?;
        let files = write_peft(&adapter, self.base().name()).map_err(JobError::permanent)?;
        let stored = self.runtime.block_on(self.service.store_files(&adapter, files)).map_err(failed)?;
        let record = AdapterRecord { kind: AdapterKind::Trained, task: Some(job.task.clone()), ..stored };
        crash::at(Point::TrainedStored);
        let publish = self.service.store.publish_adapter(&self.job.owner.tenant, &record, OnNameTaken::Refuse);
        let published = self.runtime.block_on(publish).map_err(JobError::transient)?;
        crash::at(Point::TrainedListed);
        let metrics = trained.score.metrics();
        self.context.metrics(&metrics);
        let mut result = json!({"adapter": published.record.id, "task": job.task});
        add(&mut result, metrics);
        Ok(result)
    }

    fn generator(&self, job: &GeneratorJob) -> Result<Value, JobError> {
        let names = self.runtime.block_on(self.service.selected(&job.tasks)).map_err(failed)?;
        if names.is_empty() {
            return Err(permanent("no task has an example to train on: add one with PUT /tasks/{name}/examples"));
        }
        let tokens = AdapterRun::for_base(self.base().model().config()).row_tokens;
        let tasks: Vec<TaskData> = names.iter().map(|name| self.task_data(name, tokens)).collect::<Result<_, _>>()?;
        let parent = self.parent(job)?;
        if parent.is_some() && !job.stages.contains(&Stage::CrossEntropy) {
            return Err(permanent(
                "stages lacks cross_entropy: a generator that grows from the active one is trained by it alone; leave \
                 stages out, or say \"init\": \"random\"",
            ));
        }
        let (shared, alpha) = match &parent {
            Some(parent) => (parent.shared().clone(), parent.config().alpha),
            None => self.shared()?,
        };
        let trajectories = match parent.is_none() && job.stages.contains(&Stage::Reconstruction) {
            true => self.some_trajectories(&tasks, (&shared, alpha), job)?,
            false => HashMap::new(),
        };
        let with = |task: &TaskData| (task.clone(), trajectories.get(&task.name).cloned().unwrap_or_default());
        let standardiser = parent.as_ref().map(|parent| parent.standardiser().clone());
        let seed = job.seed.unwrap_or(0);
        let run = generator_run(job, parent.is_some(), &tasks, tokens);
        let arch = parent.as_ref().map_or(run.arch, |parent| parent.config().arch);
        let mut corpus = Corpus::new(
            tasks.iter().map(with).collect(),
            &self.service.encoder,
            (&self.workers, &JobProgress::new(self.context)),
            Conditioning { seed, standardiser, hidden: &[], without_tokens: !arch.reads_tokens() },
        )
        .map_err(training)?;
        if let Some(parent) = &parent {
            corpus = corpus.remembering(parent, &self.service.encoder, &self.workers).map_err(training)?;
        }
        let batch = run.cross_entropy.batch * run.row_tokens;
        let beside = adapter_bytes(&shared, run.cross_entropy.batch);
        let recompute = self.recompute((batch, beside), job.gradient_checkpointing)?;
        let model = self.base().model().with_recompute(recompute);
        let file = train_generator(
            &GeneratorContext {
                model: &model,
                base_digest: self.base().digest(),
                encoder_version: ENCODER_VERSION,
                shared: &shared,
                alpha,
                begin: None,
                parent: parent.as_deref(),
                bos: self.base().begin(),
                workers: &self.workers,
                progress: &JobProgress::new(self.context),
                checkpoint: Some(self.context.work_dir().join("generator.checkpoint.safetensors")),
            },
            &corpus,
            &run,
        )
        .map_err(training)?;
        let file = if parent.is_some() { file } else { self.judged(file, &tasks, seed)? };
        self.promote(Arc::new(file), &tasks)
    }

    /// A generator from nothing with a judge of its own; one that grows keeps its parent's.
    fn judged(&self, file: GeneratorFile, tasks: &[TaskData], seed: u64) -> Result<GeneratorFile, JobError> {
        let usual = JudgeRun::default();
        let run = JudgeRun { tried: usual.tried.min(TRIED_EACH * tasks.len()), seed, ..usual };
        let progress = JobProgress::new(self.context);
        with_judge(file, self.base(), tasks, &run, (&self.workers, &progress)).map_err(training)
    }

    /// The trajectories of some of the tasks, spread over all: those that are kept, and others trained now.
    fn some_trajectories(
        &self,
        tasks: &[TaskData],
        (shared, alpha): (&SharedA, f64),
        job: &GeneratorJob,
    ) -> Result<HashMap<String, Trajectory>, JobError> {
        let stride = tasks.len().div_ceil(WITH_ADAPTER);
        let chosen: Vec<TaskData> = tasks.iter().step_by(stride.max(1)).cloned().collect();
        let mut run = self.adapter_run(alpha, (job.seed, None, None));
        let rows = run.group * self.workers.count();
        let pass = (run.row_tokens * rows, adapter_bytes(shared, rows));
        run.recompute = self.recompute(pass, job.gradient_checkpointing)?;
        self.share_out(&chosen, (&self.cache(shared)?, &run), job)?;
        let trained = self.train_adapters(&chosen, (shared, &run))?;
        Ok(trained.into_iter().map(|adapter| (adapter.name, adapter.trajectory)).collect())
    }

    /// Adapters of the tasks: those that are kept (a job of this task, or an earlier attempt, made them), and the
    /// others trained now.
    fn train_adapters(
        &self,
        tasks: &[TaskData],
        (shared, run): (&SharedA, &AdapterRun),
    ) -> Result<Vec<TrainedAdapter>, JobError> {
        let context = AdapterContext {
            model: self.base().model(),
            shared,
            bos: self.base().begin(),
            workers: &self.workers,
            progress: &JobProgress::new(self.context),
            checkpoints: Some(self.context.work_dir().to_owned()),
        };
        self.cache(shared)?.of_tasks(&context, tasks, run).map_err(training)
    }

    /// The cache of trained adapters.
    fn cache(&self, shared: &SharedA) -> Result<Trajectories, JobError> {
        // An adapter trained over quantised weights is another one.
        let base = format!("{} {}", self.base().digest(), self.service.precision());
        Trajectories::new(self.trajectories.to_owned(), &base, shared).map_err(training)
    }

    /// A0 and alpha: the active generator's, so that a trained adapter can join its corpus, or the base's own.
    fn shared(&self) -> Result<(SharedA, f64), JobError> {
        if let Some(active) = self.service.active() {
            return Ok((active.file.shared().clone(), active.file.config().alpha));
        }
        let model = self.base().model();
        let shape = model.config().shape();
        let layout = shape.layout(shape.modules(), RANK);
        let shared = SharedA::random(layout, 1, model.device()).map_err(JobError::permanent)?;
        Ok((shared, AdapterRun::default().alpha))
    }

    /// The task's examples in tokens, texts in pieces that fill an adapter trainer's row.
    fn task_data(&self, name: &str, row_tokens: usize) -> Result<TaskData, JobError> {
        let record = self.runtime.block_on(self.service.task(name)).map_err(failed)?;
        let stored = self.runtime.block_on(self.service.store.examples(name)).map_err(JobError::transient)?;
        let cutter = Cutter { base: self.base(), tokens: row_tokens };
        let task = task_data(record, stored, &cutter).map_err(training)?;
        let (longest, context) = (self.base().begin().len() + task.longest(), self.base().model().config().context);
        if longest > context {
            let reason = format!(
                "task {name}: its longest example has {longest} tokens, the base's context {context}: shorten it or take it out"
            );
            return Err(JobError::permanent(reason));
        }
        Ok(task)
    }

    fn adapter_of(&self, shared: &SharedA, trained: &TrainedAdapter, alpha: f64) -> Result<Adapter, JobError> {
        let last = trained.trajectory.last().ok_or_else(|| permanent("the training kept no checkpoint"))?;
        let b = Tensor::from_slice(last, last.len(), self.base().model().device()).map_err(JobError::permanent)?;
        Adapter::over(shared, &b, alpha).map_err(JobError::permanent)
    }

    fn base(&self) -> &Base {
        &self.service.base
    }
}

impl Service {
    /// The names that a selection stands for.
    async fn selected(&self, selection: &Selection) -> Result<Vec<String>, Error> {
        match selection {
            Selection::Names(names) => Ok(names.clone()),
            Selection::All(_) => {
                let mut names = Vec::new();
                let mut page = PageRequest { limit: crate::store::page::MAX_LIMIT, cursor: None };
                loop {
                    let found = self.store.list_tasks(&page).await?;
                    names.extend(found.data.into_iter().filter(|t| t.train_count > 0).map(|task| task.name));
                    match found.next_cursor {
                        Some(cursor) => page.cursor = Some(cursor),
                        None => return Ok(names),
                    }
                }
            }
        }
    }
}

/// Adds numbers to a result.
fn add(result: &mut Value, numbers: impl IntoIterator<Item = (&'static str, f64)>) {
    if let Some(result) = result.as_object_mut() {
        result.extend(numbers.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    }
}

/// A training error: a stop is a stop, a full disk may pass, the rest would come again.
fn training(error: TrainingError) -> JobError {
    match error {
        TrainingError::Cancelled => JobError::Stopped,
        TrainingError::Checkpoint { .. } => JobError::transient(error),
        other => JobError::permanent(other),
    }
}

fn failed(error: Error) -> JobError {
    match error {
        Error::Store(_) | Error::Artifact(_) => JobError::transient(error),
        other => JobError::permanent(other),
    }
}

fn permanent(reason: &str) -> JobError {
    JobError::permanent(reason.to_owned())
}
