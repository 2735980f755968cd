//! Trajectories on disk: the last checkpoints of each task's adapter, in bf16, one file a task. They
//! spare a generator's training what was trained before, and let an interrupted one go on.

use super::adapter_trainer::{AdapterContext, AdapterRun, TrainedAdapter, train_adapters};
use super::dataset::{Kind, TaskData};
use super::score::Score;
use super::{Error, checkpoint};
use crate::lora::SharedA;
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::PathBuf;

/// A folder of trajectories for one base and A0.
#[derive(Clone, Debug)]
pub struct Trajectories {
    dir: PathBuf,
    key: [u8; 32],
}

#[derive(Serialize, Deserialize)]
struct Header {
    key: String,
    #[serde(flatten)]
    score: Score,
}

impl Trajectories {
    /// The trajectories under `dir` over this base and A0.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn new(dir: PathBuf, base_digest: &str, shared: &SharedA) -> Result<Self, Error> {
        let mut hash = Sha256::new();
        hash.update(base_digest);
        for a in shared.tensors().iter() {
            for x in a.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()? {
                hash.update(x.to_le_bytes());
            }
        }
        Ok(Self { dir, key: hash.finalize().into() })
    }

    /// Keeps a task's trajectory.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where the disk refuses.
    pub fn save(&self, task: &TaskData, run: &AdapterRun, adapter: &TrainedAdapter) -> Result<(), Error> {
        let (rows, width) = (adapter.trajectory.len(), adapter.trajectory.first().map_or(0, Vec::len));
        let all = Tensor::from_vec(adapter.trajectory.concat(), (rows, width), &Device::Cpu)?.to_dtype(DType::BF16)?;
        let header = Header { key: self.key_of(task, run)?, score: adapter.score };
        checkpoint::save(&self.path(&task.name), &HashMap::from([("b".to_owned(), all)]), &header)
    }

    /// A task's trajectory; `None` where there is none, or one of other examples, options, base or A0.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] where the disk refuses. A damaged file counts as none.
    pub fn load(&self, task: &TaskData, run: &AdapterRun) -> Result<Option<TrainedAdapter>, Error> {
        let path = self.path(&task.name);
        let Some((tensors, header)) = checkpoint::load::<Header>(&path, &Device::Cpu).unwrap_or_default() else {
            return Ok(None);
        };
        match tensors.get("b") {
            Some(all) if header.key == self.key_of(task, run)? => Ok(Some(TrainedAdapter {
                name: task.name.clone(),
                trajectory: all.to_dtype(DType::F32)?.to_vec2()?,
                score: header.score,
            })),
            _ => Ok(None),
        }
    }

    /// An adapter for each of the tasks, in their order: those that are kept, and the others trained now. All are as
    /// they are kept, in bf16, so that it makes no difference which were trained when.
    ///
    /// # Errors
    /// Those of [`train_adapters`] and of the disk.
    pub fn of_tasks(
        &self,
        context: &AdapterContext<'_>,
        tasks: &[TaskData],
        run: &AdapterRun,
    ) -> Result<Vec<TrainedAdapter>, Error> {
        let mut missing = Vec::new();
        for task in tasks {
            if self.load(task, run)?.is_none() {
                missing.push(task.clone());
            }
        }
        train_adapters(context, &missing, run, |group| {
            group.iter().try_for_each(|(task, adapter)| self.save(task, run, adapter))
        })?;
        tasks.iter().map(|task| self.load(task, run)?.ok_or(Error::NoData { what: "kept adapter" })).collect()
    }

    /// Where a task's trajectory is kept.
    pub fn path(&self, task: &str) -> PathBuf {
        self.dir.join(format!("{task}.safetensors"))
    }

    fn key_of(&self, task: &TaskData, run: &AdapterRun) -> Result<String, Error> {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(
            serde_json::to_vec(run).map_err(|e| Error::Checkpoint { path: self.dir.clone(), source: e.into() })?,
        );
        hash.update(if task.kind == Kind::Answers { b"answers" as &[u8] } else { b"texts" });
        // The score is not kept over other examples to measure with.
        for piece in task.train.iter().chain(&task.test) {
            hash.update((piece.score_from as u64).to_le_bytes());
            piece.tokens.iter().for_each(|token| hash.update(token.to_le_bytes()));
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}
