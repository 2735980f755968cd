//! A generator's adapters, trained by many workers as child jobs.
//!
//! The parent hands out what it lacks and waits; a child leaves its trajectory among the parent's checkpoints, below attempt 0,
//! which no attempt has; the parent takes what was left into its own cache and goes on as if it had trained it.

use std::collections::HashSet;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Run, add, training};
use crate::jobs::{AdapterJob, ChildJob, GeneratorJob, JobError, JobKind};
use crate::store::{CheckpointKey, JobRecord, JobState};
use crate::training::adapter_trainer::{AdapterRun, TrainedAdapter};
use crate::training::dataset::TaskData;
use crate::training::trajectories::Trajectories;

/// The kind of the children.
const KIND: &str = "adapter";
/// Fewer than so many are trained at once in the parent.
const FEW: usize = 2;

impl Run<'_> {
    /// Takes what the job's children trained, and hands out what is lacking where there are others to do it. What is
    /// lacking afterwards is to be trained here.
    pub(super) fn share_out(
        &self,
        tasks: &[TaskData],
        (kept, run): (&Trajectories, &AdapterRun),
        job: &GeneratorJob,
    ) -> Result<(), JobError> {
        let children = self.context.children().map_err(JobError::transient)?;
        if let Some(child) = children.iter().find(|child| is_lost(child)) {
            return Err(JobError::permanent(why_lost(child)));
        }
        if children.iter().any(|child| !child.state.is_finished()) {
            return Err(JobError::Waits(Vec::new()));
        }
        let asked: HashSet<&str> = children.iter().filter_map(task_of).collect();
        let mut unasked = Vec::new();
        for task in tasks {
            if kept.load(task, run).map_err(training)?.is_some() {
                continue;
            }
            match asked.contains(task.name.as_str()) {
                true => self.take(&task.name, kept)?,
                false => unasked.push(child(&task.name, job)),
            }
        }
        if unasked.len() < FEW || !self.context.should_fork(KIND).map_err(JobError::transient)? {
            return Ok(());
        }
        self.context.log(format!("{} adapters are trained by other jobs, which this one waits for", unasked.len()));
        Err(JobError::Waits(unasked))
    }

    /// Leaves the trajectory for the parent, and says what it is worth.
    pub(super) fn leave(&self, parent: &str, trained: &TrainedAdapter, kept: &Trajectories) -> Result<Value, JobError> {
        let bytes = std::fs::read(kept.path(&trained.name)).map_err(JobError::transient)?;
        let key = key(parent, &trained.name);
        let put = self.service.artifacts.put_checkpoint(&key, Bytes::from(bytes));
        self.runtime.block_on(put).map_err(JobError::transient)?;
        let metrics = trained.score.metrics();
        self.context.metrics(&metrics);
        let mut result = json!({"task": trained.name});
        add(&mut result, metrics);
        Ok(result)
    }

    /// Takes what a child left, where it is still there. Whether it is what this attempt needs, the cache knows.
    fn take(&self, task: &str, kept: &Trajectories) -> Result<(), JobError> {
        let key = key(&self.job.id, task);
        let left = self.service.artifacts.checkpoint(&key);
        match self.runtime.block_on(left).map_err(JobError::transient)? {
            Some(bytes) => replace(&kept.path(task), &bytes).map_err(JobError::transient),
            None => Ok(()),
        }
    }
}

/// The training of one task with all that the generator's own would have, so that its trajectory is the same.
fn child(task: &str, job: &GeneratorJob) -> ChildJob {
    let kind = JobKind::Adapter(AdapterJob {
        task: task.to_owned(),
        seed: job.seed,
        steps: None,
        learning_rate: None,
        batch_tokens: None,
        gradient_accumulation_steps: None,
        gradient_checkpointing: job.gradient_checkpointing,
    });
    ChildJob { key: task.to_owned(), kind }
}

/// Where the child with this task leaves its trajectory.
fn key(parent: &str, task: &str) -> CheckpointKey {
    let name = format!("{}.safetensors", ChildJob::id(parent, task));
    CheckpointKey { job: parent.to_owned(), attempt: 0, name }
}

fn task_of(child: &JobRecord) -> Option<&str> {
    child.payload["task"].as_str()
}

fn is_lost(child: &JobRecord) -> bool {
    matches!(child.state, JobState::Failed | JobState::Cancelled)
}

fn why_lost(child: &JobRecord) -> String {
    let task = task_of(child).unwrap_or("?");
    match (child.state, &child.error) {
        (JobState::Failed, Some(error)) => format!("the adapter of task {task} (job {}) failed: {error}", child.id),
        (state, _) => format!("the adapter of task {task} (job {}) was {state}, and the generator needs it", child.id),
    }
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, bytes)?;
    std::fs::rename(&temporary, path)
}
