//! What was measured of each task.

use super::controls::Condition;
use super::jobs::Plan;
use super::{Comparison, Method, Subject};
use crate::generator::{Draw, Trial};
use crate::task::{Demonstrations, Encoder};
use crate::training::Error;
use crate::training::agreement::tried;
use crate::training::statistics::mean_of;
use std::collections::BTreeMap;

/// One task's exact match.
#[derive(Clone, Debug)]
pub struct TaskScores {
    /// The task.
    pub name: String,
    /// Its family.
    pub family: String,
    /// By method, by seed.
    pub methods: BTreeMap<Method, Vec<f64>>,
    /// How near each description is to the nearest training task, and its exact match.
    pub similarity: Vec<(f64, f64)>,
    /// By description.
    pub described: Vec<Described>,
}

/// What came of one description.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Described {
    /// The generator's trust in the adapter, from 0 to 1.
    pub confidence: f64,
    /// The adapter's exact match, over all seeds.
    pub generated: f64,
}

impl TaskScores {
    /// A method's mean over seeds.
    pub fn mean(&self, method: Method) -> Option<f64> {
        self.methods.get(&method).map(|seeds| mean_of(seeds))
    }
}

/// The means over descriptions of what was hit.
pub(super) fn collect(
    comparison: &Comparison<'_>,
    subjects: &[Subject],
    (plan, hits): (&Plan, &[f64]),
) -> Result<Vec<TaskScores>, Error> {
    let mut by_place: BTreeMap<(usize, Method, usize), Vec<f64>> = BTreeMap::new();
    for (job, rate) in plan.jobs.iter().zip(hits) {
        by_place.entry((job.task, job.method, job.seed)).or_default().push(*rate);
    }
    let tried = comparison.workers.map(subjects.iter().zip(&plan.conditions).collect(), |(subject, conditions)| {
        trials(comparison, subject, conditions)
    });
    let tried: Vec<Vec<Option<Trial>>> = tried.into_iter().collect::<Result<_, _>>()?;
    let task = |(task, subject): (usize, &Subject)| -> Result<TaskScores, Error> {
        let mut methods: BTreeMap<Method, Vec<f64>> = BTreeMap::new();
        for ((_, method, _), rates) in by_place.range((task, Method::BaseBare, 0)..(task + 1, Method::BaseBare, 0)) {
            methods.entry(*method).or_default().push(mean_of(rates));
        }
        let generated = |which: usize| {
            let seeds = 0..subject.draws.len();
            let of = |seed| by_place.get(&(task, Method::Generated, seed)).and_then(|rates| rates.get(which)).copied();
            seeds.map(of).collect::<Option<Vec<f64>>>().map(|rates| mean_of(&rates))
        };
        let (mut described, mut similarity) = (Vec::new(), Vec::new());
        for (which, condition) in plan.conditions[task].iter().enumerate() {
            let Some(generated) = generated(which) else { continue };
            let confidence = comparison.generator.confidence(condition, tried[task][which], true)?;
            let nearest = confidence.nearest_tasks.first().map_or(-1.0, |nearest| nearest.similarity);
            described.push(Described { confidence: confidence.score, generated });
            similarity.push((nearest, generated));
        }
        Ok(TaskScores { name: subject.name.clone(), family: subject.family.clone(), methods, similarity, described })
    };
    subjects.iter().enumerate().map(task).collect()
}

/// What comes of trying the adapters of a subject's descriptions, where the confidence asks for it.
fn trials(
    comparison: &Comparison<'_>,
    subject: &Subject,
    conditions: &[Condition],
) -> Result<Vec<Option<Trial>>, Error> {
    let (generator, base) = (comparison.generator, comparison.base);
    let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
    let nothing = Demonstrations::default();
    let one = |(description, condition): (&String, &Condition)| {
        if !generator.asks_agreement() {
            return Ok(None);
        }
        let adapter = generator.generate(condition, Draw::Mean)?;
        tried(base, &adapter, (&encoder.prefix(description, &nothing)?, &[]))
    };
    subject.descriptions.iter().zip(conditions).map(one).collect()
}
