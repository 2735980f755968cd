//! A trained generator is measured beside the active one, stored, and promoted where it passes the gate.

use super::super::gate::Means;
use super::super::generators::NewGenerator;
use super::remembered::Remembered;
use super::{Run, add, failed, training};
use crate::crash::{self, Point};
use crate::generator::{Draw, GeneratorFile};
use crate::jobs::{All, JobError, Selection};
use crate::lm::RowAdapters;
use crate::task::Demonstrations;
use crate::training::Error as TrainingError;
use crate::training::adapter_trainer::AdapterRun;
use crate::training::dataset::TaskData;
use crate::training::score::Score;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// Tasks beside a job's own by which a new generator is held against the active one.
pub(super) const MEASURED: usize = 60;

/// Names of tasks that one line of a log or an evaluation holds.
const NAMED: usize = 20;

/// Tasks that a job does not train, before and after it.
struct Kept {
    tasks: Vec<TaskData>,
    before: Means,
    after: Option<Means>,
}

impl Run<'_> {
    /// Measures the new version and the active one on the same tasks, stores it, and promotes it where it passes.
    pub(super) fn promote(&self, file: Arc<GeneratorFile>, tasks: &[TaskData]) -> Result<Value, JobError> {
        let scores = self.scores(&file, tasks)?;
        let all = Means::of(&scores);
        let missed = self.missed(tasks, &scores);
        let (mut passes, mut parent, mut kept, mut remembered, mut compared) = (true, None, None, None, 0);
        // Another process may have promoted one while this job ran.
        self.runtime.block_on(self.service.follow_active()).map_err(failed)?;
        if let Some(active) = self.service.active() {
            // One that knows fewer tasks is no successor, however well it does them.
            let knows = |file: &GeneratorFile, name: &str| file.tasks().iter().any(|task| task.name == name);
            let knows_all = active.file.tasks().iter().all(|task| knows(&file, &task.name));
            passes = knows_all;
            if passes {
                let both = tasks.iter().zip(scores).filter(|(task, _)| knows(&active.file, &task.name));
                let (shared, new): (Vec<TaskData>, Vec<Score>) =
                    both.map(|(task, score)| (task.clone(), score)).unzip();
                passes = Means::of(&new).keep_up_with(&Means::of(&self.scores(&active.file, &shared)?));
                compared = shared.len();
            }
            kept = self.kept(&active.file, tasks)?;
            if let Some(kept) = &mut kept {
                let after = Means::of(&self.scores(&file, &kept.tasks)?);
                passes &= after.keep_up_with(&kept.before);
                kept.after = Some(after);
                compared += kept.tasks.len();
            }
            let measured = tasks.iter().chain(kept.iter().flat_map(|kept| &kept.tasks));
            remembered = self.remembered((&active.file, &file), &measured.map(|task| task.name.as_str()).collect())?;
            if let Some(remembered) = &remembered {
                passes &= remembered.keeps_up();
                compared += remembered.tasks;
            }
            if knows_all && compared == 0 {
                self.context
                    .log("nothing was held against the active generator: no registered task is one that it knows");
            }
            parent = Some(active.id);
        }
        let metrics = all.metrics();
        self.context.metrics(&metrics);
        let mut evaluation =
            json!({"generated": all.exact_match, "tasks": tasks.len(), "passed": passes, "compared": compared});
        add(&mut evaluation, metrics.into_iter().filter(|(name, _)| *name != "exact_match"));
        if !missed.is_empty() {
            evaluation["not_learned"] = json!({"count": missed.len(), "names": missed[..missed.len().min(NAMED)]});
        }
        if let Some(Kept { tasks, before, after: Some(after) }) = &kept {
            let group = json!({"tasks": tasks.len(), "generated": after.exact_match, "before": before.exact_match});
            evaluation["kept"] = group;
        }
        if let Some(Remembered { tasks, generated, before }) = remembered {
            evaluation["remembered"] = json!({"tasks": tasks, "agreement": generated, "before": before});
        }
        let version = NewGenerator { file, evaluation: Some(evaluation.clone()), parent };
        let record = self.runtime.block_on(self.service.add_generator(version)).map_err(failed)?;
        crash::at(Point::GeneratorListed);
        if self.context.cancelled() {
            return Err(JobError::Stopped);
        }
        if passes {
            self.runtime.block_on(self.service.activate_generator(&record.id)).map_err(failed)?;
            crash::at(Point::GeneratorActivated);
        } else {
            self.context.log(
                "the new generator falls behind the active one, or knows fewer tasks: it was stored and not promoted; \
                 POST /generators/{id}/activate promotes it all the same",
            );
        }
        Ok(json!({"generator": record.id, "activated": passes, "evaluation": evaluation}))
    }

    /// The tasks that generated adapters do not do at all, by name; the job's log says so. They keep no generator from
    /// being promoted: where nothing is lost, what was not won can be tried again.
    fn missed<'t>(&self, tasks: &'t [TaskData], scores: &[Score]) -> Vec<&'t str> {
        let missed =
            tasks.iter().zip(scores).filter(|(_, score)| score.is_nothing()).map(|(task, _)| task.name.as_str());
        let all: Vec<&str> = missed.collect();
        if !all.is_empty() {
            self.context.log(format!(
                "{} of {} tasks were not learned (nothing of their unseen examples comes right): {}{}. More \"steps\", \
                 or more examples, teach them",
                all.len(),
                tasks.len(),
                all[..all.len().min(NAMED)].join(", "),
                if all.len() > NAMED { ", …" } else { "" },
            ));
        }
        all
    }

    /// Registered tasks that the active generator knows and the job does not train, as many as are measured in a
    /// minute, spread over all; none where there are none.
    fn kept(&self, active: &GeneratorFile, tasks: &[TaskData]) -> Result<Option<Kept>, JobError> {
        let known: HashSet<&str> = active.tasks().iter().map(|task| task.name.as_str()).collect();
        let trained: HashSet<&str> = tasks.iter().map(|task| task.name.as_str()).collect();
        let all = Selection::All(All::All);
        let mut names = self.runtime.block_on(self.service.selected(&all)).map_err(failed)?;
        names.retain(|name| known.contains(name.as_str()) && !trained.contains(name.as_str()));
        if names.is_empty() {
            return Ok(None);
        }
        let row_tokens = AdapterRun::for_base(self.base().model().config()).row_tokens;
        let some = names.iter().step_by(names.len().div_ceil(MEASURED));
        // A task whose examples no longer fit says nothing of the generator.
        let tasks: Vec<TaskData> = some.filter_map(|name| self.task_data(name, row_tokens).ok()).collect();
        let before = Means::of(&self.scores(active, &tasks)?);
        Ok(Some(Kept { tasks, before, after: None }))
    }

    /// What generated adapters are worth on the tasks' unseen examples, with each task's first description.
    fn scores(&self, file: &GeneratorFile, tasks: &[TaskData]) -> Result<Vec<Score>, JobError> {
        let nothing = Demonstrations::default();
        let scores = self.workers.map(tasks.iter().collect(), |task: &TaskData| -> Result<Score, TrainingError> {
            let raw = self.service.encoder.encode(&[(task.descriptions[0].as_str(), &nothing)])?;
            let adapter = file.generate(&file.standardised(&raw[0])?, Draw::Mean)?;
            let adapters = RowAdapters::of_rows(&[Some((&adapter, 1.0))], self.base().model().dtype())?;
            Score::measure(self.base().model(), task, self.base().begin(), &adapters)
        });
        scores.into_iter().collect::<Result<_, _>>().map_err(training)
    }
}
