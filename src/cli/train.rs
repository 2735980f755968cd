//! `attune train`: a training job, queued and worked off in this process.

use super::job_progress::JobProgress;
use super::one_shot::{cores, options, with_application};
use super::print;
use super::remote::ServerOptions;
use crate::app::{Application, BaseOptions, StateOptions, drain_jobs, termination};
use crate::http::JobView;
use crate::jobs::JobSpec;
use crate::jobs::kinds::{AdapterJob, All, Arch, GeneratorJob, Init, JobKind, Selection, Stage};
use crate::service::{Caller, Service};
use crate::store::{JobRecord, JobState, LockError, PageRequest, StoreError};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use futures::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::pin::pin;
use time::OffsetDateTime;

#[derive(Debug, Subcommand)]
pub(super) enum Train {
    /// Train one task's adapter
    Adapter(Adapter),
    /// Train a generator over many tasks; it serves from then on if it passes its evaluation
    Generator(Generator),
}

/// Where a job runs.
#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    base: BaseOptions,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    server: ServerOptions,
    /// Threads that train; all cores where it is not given, as nothing is served meanwhile
    #[arg(long, env = "ATTUNE_TRAIN_THREADS", default_value_t = cores(), hide_default_value = true)]
    train_threads: usize,
}

/// What all training takes. The trainer has its own numbers where one is not given.
#[derive(Debug, Args)]
struct Run {
    /// Repeats a run
    #[arg(long)]
    seed: Option<u64>,
    /// Steps of the optimiser (of each stage)
    #[arg(long)]
    steps: Option<u32>,
    /// The learning rate before it falls
    #[arg(long)]
    learning_rate: Option<f64>,
    /// Compute layers once more in the backward pass, which saves most of the memory and costs a third of the time; auto
    /// does so if what is free would not do. The log says beforehand what a pass will take
    #[arg(long, default_value = "auto")]
    gradient_checkpointing: Checkpointing,
    /// Its place in a queue that others share, from -100 to 100: the highest is taken first, should this process be stopped and a
    /// worker take the job up
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "-100..100",
        value_parser = clap::value_parser!(i32).range(-100..=100))]
    priority: i32,
    /// Seconds after which an attempt is given up and the job has failed
    #[arg(long, value_name = "SECONDS")]
    timeout_seconds: Option<u32>,
}

impl Run {
    /// The job with what it takes of the queue.
    fn spec(&self, kind: JobKind) -> JobSpec {
        JobSpec { kind, priority: self.priority, timeout_seconds: self.timeout_seconds }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Checkpointing {
    Auto,
    On,
    Off,
}

impl Checkpointing {
    fn wanted(self) -> Option<bool> {
        match self {
            Self::Auto => None,
            Self::On => Some(true),
            Self::Off => Some(false),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Adapter {
    #[command(flatten)]
    place: Place,
    /// A registered task
    #[arg(long, value_name = "NAME")]
    task: String,
    /// Tokens that go through the base together; 224 for the demo, 1024 for a real base
    #[arg(long, value_name = "TOKENS")]
    batch_tokens: Option<u32>,
    /// Batches whose gradients make one step
    #[arg(long, value_name = "BATCHES")]
    gradient_accumulation_steps: Option<u32>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Args)]
pub(super) struct Generator {
    #[command(flatten)]
    place: Place,
    /// A registered task to train on; may be repeated. All of them where none is given
    #[arg(long = "task", value_name = "NAME")]
    tasks: Vec<String>,
    /// The architecture: attune's own (cvae), or the paper's
    #[arg(long, value_name = "cvae|icm-conv", value_parser = word::<Arch>)]
    arch: Option<Arch>,
    /// What it begins from: the active generator, or random weights
    #[arg(long, visible_alias = "from", value_name = "active|random", value_parser = lower_word::<Init>)]
    init: Option<Init>,
    /// The stages, in order, with commas; all where none is given
    #[arg(long, value_name = "reconstruction,cross_entropy", value_delimiter = ',', value_parser = word::<Stage>)]
    stages: Vec<Stage>,
    #[command(flatten)]
    run: Run,
}

impl Train {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let (place, spec) = match self {
            Self::Adapter(adapter) => adapter.job(),
            Self::Generator(generator) => generator.job(),
        };
        let job = match place.server.remote()? {
            Some(server) => server.run(async |server| server.train(&spec).await)?,
            None => serde_json::to_value(JobView::from(place.work_off(spec)?))?,
        };
        print(&serde_json::to_string_pretty(&job)?)?;
        match JobState::deserialize(&job["state"])? {
            JobState::Succeeded => Ok(()),
            JobState::Failed => {
                anyhow::bail!("the job failed: {}", job["error"].as_str().unwrap_or("without a reason"))
            }
            _ => anyhow::bail!("the job was cancelled"),
        }
    }
}

impl Adapter {
    fn job(self) -> (Place, JobSpec) {
        let Run { seed, steps, learning_rate, gradient_checkpointing, .. } = self.run;
        let job = AdapterJob {
            task: self.task,
            seed,
            steps,
            learning_rate,
            batch_tokens: self.batch_tokens,
            gradient_accumulation_steps: self.gradient_accumulation_steps,
            gradient_checkpointing: gradient_checkpointing.wanted(),
        };
        (self.place, self.run.spec(JobKind::Adapter(job)))
    }
}

impl Generator {
    fn job(self) -> (Place, JobSpec) {
        let Run { seed, steps, learning_rate, gradient_checkpointing, .. } = self.run;
        let gradient_checkpointing = gradient_checkpointing.wanted();
        let tasks = if self.tasks.is_empty() { Selection::All(All::All) } else { Selection::Names(self.tasks) };
        let stages = if self.stages.is_empty() { Stage::all() } else { self.stages };
        let (arch, init) = (self.arch.unwrap_or_default(), self.init.unwrap_or_default());
        let job = GeneratorJob { tasks, arch, init, stages, seed, steps, learning_rate, gradient_checkpointing };
        (self.place, self.run.spec(JobKind::Generator(job)))
    }
}

impl Place {
    /// Queues the job and runs it to its end. Others that wait there are left to a server.
    fn work_off(self, spec: JobSpec) -> anyhow::Result<JobRecord> {
        let mut options = options(&self.base, self.state);
        options.train_threads = self.train_threads;
        let body = serde_json::to_string(&spec)?;
        let done = with_application(&options, async |application| work_off(application, spec).await);
        done.map_err(|error| match error.downcast_ref() {
            Some(LockError::InUse { .. }) => {
                error.context(format!("a server that runs there takes the job itself: name it with --server, or send it POST /jobs/train {body}"))
            }
            _ => error,
        })
    }
}

async fn work_off(application: &Application, spec: JobSpec) -> anyhow::Result<JobRecord> {
    let service = &application.service;
    if matches!(&spec.kind, JobKind::Generator(GeneratorJob { tasks: Selection::All(_), .. })) {
        check_any_task(service).await?;
    }
    let (job, _) = service.train(&Caller::default(), spec, None).await?;
    let mut shown = JobProgress::new();
    let runner = application.start_job(&job.id);
    let done = watch(service, &job.id, &mut shown).await;
    shown.clear();
    drain_jobs(runner).await;
    done
}

/// A generator over no task is found out only after the job has begun.
async fn check_any_task(service: &Service) -> anyhow::Result<()> {
    let mut page = PageRequest { limit: 500, cursor: None };
    loop {
        let found = service.list_tasks(&page).await?;
        if found.data.iter().any(|task| task.train_count > 0) {
            return Ok(());
        }
        let none = "no task with examples to train on is registered: `attune task import --builtin` registers the \
                    built-in ones, `attune task import FILE` your own";
        page.cursor = Some(found.next_cursor.context(none)?);
    }
}

/// Shows the job until it has ended. The first Ctrl-C cancels it, and it ends at its next step; the second ends the
/// process, and who works the queue off next finds the job's lease run out and cancels it.
async fn watch(service: &Service, id: &str, shown: &mut JobProgress) -> anyhow::Result<JobRecord> {
    let queue = service.queue();
    let mut events = pin!(queue.subscribe(id, 0));
    let mut stop = pin!(termination());
    let mut stopping = false;
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => {
                    let event = event?;
                    shown.show(event.kind, &event.data);
                }
                None => return Ok(queue.job(id).await?),
            },
            () = &mut stop => {
                if stopping {
                    std::process::exit(INTERRUPTED);
                }
                stopping = true;
                stop.set(termination());
                shown.line("cancelling the job; once more to end at once");
                match queue.cancel(id, OffsetDateTime::now_utc()).await {
                    // It ended on its own in the meantime.
                    Ok(_) | Err(StoreError::AlreadyFinished { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

/// The exit status of a process that a signal ended, as a shell has it for Ctrl-C.
pub(super) const INTERRUPTED: i32 = 130;

/// A word of a job's body, so that flags and bodies always have the same words.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(text.into())
}

/// The same, however it is spelt.
fn lower_word<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    word(&text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::{Value, json};

    #[derive(Debug, Parser)]
    struct Probe {
        #[command(subcommand)]
        train: Train,
    }

    fn job(arguments: &str) -> Result<Value, clap::Error> {
        let arguments = ["train"].into_iter().chain(arguments.split_whitespace());
        let (_, spec) = match Probe::try_parse_from(arguments)?.train {
            Train::Adapter(adapter) => adapter.job(),
            Train::Generator(generator) => generator.job(),
        };
        Ok(serde_json::to_value(spec).unwrap())
    }

    #[test]
    fn flags_make_the_body_of_the_route() {
        assert_eq!(job("adapter --task a").unwrap(), json!({ "kind": "adapter", "task": "a" }));
        let all = "adapter --task a --seed 7 --steps 10 --learning-rate 0.001 --priority -5 --timeout-seconds 60";
        let body = json!({ "kind": "adapter", "task": "a", "seed": 7, "steps": 10, "learning_rate": 0.001,
                           "priority": -5, "timeout_seconds": 60 });
        assert_eq!(job(all).unwrap(), body);
        let from = "generator --task a --from ACTIVE";
        assert_eq!(job(from).unwrap()["init"], "active");
        let all = "generator --task a --task b --arch icm-conv --init random --stages cross_entropy --steps 3";
        let body = json!({ "kind": "generator", "tasks": ["a", "b"], "arch": "icm-conv", "init": "random",
                           "stages": ["cross_entropy"], "steps": 3 });
        assert_eq!(job(all).unwrap(), body);
    }

    #[test]
    fn a_generator_has_the_defaults_of_the_route() {
        let body: JobSpec = serde_json::from_value(json!({ "kind": "generator", "tasks": "all" })).unwrap();
        assert_eq!(job("generator").unwrap(), serde_json::to_value(body).unwrap());
        let stages = job("generator --stages reconstruction,cross_entropy").unwrap();
        assert_eq!(stages["stages"], json!(["reconstruction", "cross_entropy"]));
    }

    #[test]
    fn a_word_that_is_none_is_refused_with_those_that_are() {
        let refused = job("generator --arch gan").unwrap_err().to_string();
        assert!(refused.contains("icm-conv"), "{refused}");
        assert!(job("generator --stages all").unwrap_err().to_string().contains("cross_entropy"));
        assert!(job("adapter").is_err());
        assert!(job("adapter --task a --priority 101").is_err());
    }
}
