//! What an adapter that was written from a description is worth, against what a user could do instead:
//! exact match on unseen inputs of the task suite, for groups of tasks and methods side by side.
//!
//! Tuning looks at the development half of the held-out tasks only; the reported numbers are of the other half.
//! A seed draws other unseen inputs and demonstrations of each task, and other pairings in the controls.

mod controls;
mod group;
mod jobs;
mod method;
mod own;
mod scores;
mod subject;

pub use controls::Known;
pub use group::{Group, TRAINING_TASKS};
pub use jobs::fitting;
pub use method::Method;
pub use own::{Measured, Metric, OWN_METHODS, OwnScores, OwnTask};
pub use scores::{Described, TaskScores};
pub use subject::{Drawn, Subject, demonstrations, unseen_inputs};

pub use super::statistics::mean_of;

use super::dataset::TaskData;
use super::{Error, Workers};
use crate::generator::GeneratorFile;
use crate::lora::Adapter;
use crate::suite::{Half, Suite, SuiteTask};
use crate::task::{Base, Demonstrations, Encoder};
use jobs::{Job, Through};
use std::sync::Arc;

/// What is compared.
pub struct Comparison<'a> {
    /// The base.
    pub base: &'a Base,
    /// The generator.
    pub generator: &'a GeneratorFile,
    /// Threads.
    pub workers: &'a Workers,
    /// Reports.
    pub progress: &'a dyn super::progress::Progress,
    /// Tasks of a group at most.
    pub limit: usize,
}

/// What is measured of a group.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The methods.
    pub methods: &'a [Method],
    /// How many seeds, at least one.
    pub seeds: u64,
}

impl Comparison<'_> {
    /// Scores methods on each task of a group.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; those of base and generator.
    pub fn measure(
        &self,
        (group, suite, half): (Group, &Suite, Half),
        wanted: Wanted<'_>,
    ) -> Result<Vec<TaskScores>, Error> {
        let tasks = self.tasks(group, suite, half);
        let subjects: Vec<Subject> = tasks
            .iter()
            .map(|task| Subject::of_suite(task, (group, half), self.base, wanted.seeds))
            .collect::<Result<_, _>>()?;
        self.measure_subjects(group.name(), (&subjects, &Known::of_suite(suite)), wanted.methods)
    }

    /// Scores methods on given tasks. Reports are of the phase `name`.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; those of base and generator.
    pub fn measure_subjects(
        &self,
        name: &str,
        (subjects, known): (&[Subject], &Known),
        methods: &[Method],
    ) -> Result<Vec<TaskScores>, Error> {
        let plan = self.plan((subjects, known), methods)?;
        let hits = self.hits(name, (&plan.jobs, known))?;
        scores::collect(self, subjects, (&plan, &hits))
    }

    /// The tasks of a group that are measured.
    pub fn tasks<'s>(&self, group: Group, suite: &'s Suite, half: Half) -> Vec<&'s SuiteTask> {
        let mut tasks = group.tasks(suite, half);
        tasks.truncate(self.limit);
        tasks
    }

    /// Exact match of given adapters on the unseen inputs of tasks, one by one.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; those of the base.
    pub fn of_adapters(&self, group: Group, adapters: Vec<(TaskData, Adapter)>) -> Result<Vec<f64>, Error> {
        let job = |(task, (data, adapter)): (usize, (TaskData, Adapter))| {
            self.job_of((task, 0), &Arc::new(data), &Arc::new(adapter))
        };
        let jobs: Vec<Job> = adapters.into_iter().enumerate().map(job).collect();
        self.hits(group.name(), (&jobs, &Known::default()))
    }

    /// Exact match of given adapters on the unseen inputs of tasks: by task, by seed. `adapters` has for each subject
    /// those of its descriptions, or one.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; those of the base.
    pub fn by_seed(
        &self,
        name: &str,
        subjects: &[Subject],
        adapters: &[Vec<Arc<Adapter>>],
    ) -> Result<Vec<Vec<f64>>, Error> {
        let mut jobs = Vec::new();
        for (task, (subject, adapters)) in subjects.iter().zip(adapters).enumerate() {
            for (seed, drawn) in subject.draws.iter().enumerate() {
                jobs.extend(adapters.iter().map(|adapter| self.job_of((task, seed), &drawn.data, adapter)));
            }
        }
        self.means_by_seed(name, subjects, &jobs)
    }

    /// As [`Self::by_seed`], of one adapter for all tasks that is told which is wanted: inputs stand behind each of
    /// the task's descriptions.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; those of the base.
    pub fn described_by_seed(
        &self,
        name: &str,
        subjects: &[Subject],
        adapter: &Arc<Adapter>,
    ) -> Result<Vec<Vec<f64>>, Error> {
        let mut jobs = Vec::new();
        for (task, subject) in subjects.iter().enumerate() {
            for description in &subject.descriptions {
                let prefix = self.base.prompter().prefix(Some(description), &[])?;
                let drawn = subject.draws.iter().enumerate();
                jobs.extend(drawn.map(|(seed, drawn)| Job {
                    prefix: prefix.clone(),
                    ..self.job_of((task, seed), &drawn.data, adapter)
                }));
            }
        }
        self.means_by_seed(name, subjects, &jobs)
    }

    fn means_by_seed(&self, name: &str, subjects: &[Subject], jobs: &[Job]) -> Result<Vec<Vec<f64>>, Error> {
        let rates = self.hits(name, (jobs, &Known::default()))?;
        let of = |task: usize, seed: usize| {
            let mine = jobs.iter().zip(&rates).filter(|(job, _)| (job.task, job.seed) == (task, seed));
            mean_of(&mine.map(|(_, rate)| *rate).collect::<Vec<_>>())
        };
        let seeds = |(task, subject): (usize, &Subject)| (0..subject.draws.len()).map(|seed| of(task, seed)).collect();
        Ok(subjects.iter().enumerate().map(seeds).collect())
    }

    fn job_of(&self, (task, seed): (usize, usize), data: &Arc<TaskData>, adapter: &Arc<Adapter>) -> Job {
        Job {
            task,
            seed,
            method: Method::Generated,
            prefix: self.base.begin().to_vec(),
            data: Arc::clone(data),
            through: Through::Adapter(Arc::clone(adapter)),
        }
    }

    /// The standardised conditions of descriptions alone.
    ///
    /// # Errors
    /// Those of base and generator.
    pub fn conditions(&self, descriptions: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        let raw = self.raw_conditions(descriptions)?;
        Ok(raw.iter().map(|c| self.generator.standardised(c)).collect::<Result<_, _>>()?)
    }

    /// The conditions of descriptions alone, as the base reads them.
    ///
    /// # Errors
    /// Those of the base.
    pub fn raw_conditions(&self, descriptions: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        let nothing = Demonstrations::default();
        let texts: Vec<(&str, &Demonstrations)> = descriptions.iter().map(|d| (d.as_str(), &nothing)).collect();
        Ok(self.encoder().encode(&texts)?)
    }

    fn encoder(&self) -> Encoder {
        Encoder::new(self.base.model().clone(), self.base.prompter().clone())
    }
}

#[cfg(test)]
mod tests;
