//! `attune eval --tasks`: a user's own base, generator and tasks.

use super::own_report::{OwnReport, OwnRow};
use crate::cli::task_files::{Found, Reader, files_of};
use crate::cli::task_formats::Format;
use crate::cli::terminal::Terminal;
use crate::service::{Halves, NewTask, halves};
use crate::task::{Base, Example};
use crate::training::adapter_trainer::{AdapterContext, AdapterRun, TrainedAdapter};
use crate::training::comparison::{Comparison, Drawn, Known, Measured, OwnTask, Subject};
use crate::training::dataset::{Kind, TaskData};
use crate::training::progress::{Progress, Report};
use crate::training::texts::Cutter;
use crate::training::trajectories::Trajectories;
use anyhow::Context;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Remembered tasks whose adapters are averaged.
const AVERAGED: usize = 40;
/// Demonstrations that a task is shown with at most.
const SHOWN: usize = 10;
/// Descriptions of a task that are measured.
const DESCRIPTIONS: usize = 4;
/// Room for the inputs that descriptions are read with.
const PROBE_TOKENS: usize = 64;
/// Where a folder keeps the own tasks' adapters.
const ADAPTERS: &str = "own-adapters";

/// Reads the files' tasks. What is passed over is told on the terminal.
///
/// # Errors
/// Where a file cannot be read, two tasks have one name, or a task has nothing to measure with.
pub(super) fn read(paths: &[PathBuf], base: &Base, terminal: &Terminal) -> anyhow::Result<Vec<OwnTask>> {
    let reader = Reader { descriptions: &[], format: Format::Auto, max_examples: None };
    let (mut found, mut files) = (Found::default(), Vec::new());
    for path in paths {
        files.extend(files_of(path, &mut found.notes)?);
    }
    files.iter().for_each(|file| reader.read(file, &mut found));
    found.notes.iter().for_each(|note| terminal.line(&format!("note: {note}")));
    anyhow::ensure!(
        found.problems.is_empty(),
        "{}\n(`attune eval` takes descriptions from a manifest.json beside the files, or from the files themselves)",
        found.problems.join("\n")
    );
    anyhow::ensure!(!found.tasks.is_empty(), "no task was found: `attune task import` tells what files hold tasks");
    let mut names = HashSet::new();
    let mut tasks = Vec::new();
    let total = found.tasks.len();
    for (index, task) in found.tasks.into_iter().enumerate() {
        anyhow::ensure!(names.insert(task.name.clone()), "two files make a task of the name {}: rename one", task.name);
        terminal.report(&Report { phase: "reading", step: index + 1, total, metrics: &[] });
        let name = task.name.clone();
        let (task, note) = own_task(task, base).with_context(|| format!("task {name}"))?;
        note.iter().for_each(|note| terminal.line(&format!("note: task {name}: {note}")));
        tasks.push(task);
    }
    Ok(tasks)
}

/// A task with what of it fits the base's context, and what was left out.
fn own_task(task: NewTask, base: &Base) -> anyhow::Result<(OwnTask, Option<String>)> {
    let all = task.descriptions.into_iter().take(DESCRIPTIONS).collect();
    let (data, test, note) = match halves(task.examples) {
        Halves::Answers { mut train, mut test } => {
            anyhow::ensure!(
                !test.is_empty(),
                "has no example to measure with: mark some with \"split\": \"test\", or give five or more"
            );
            let before = train.len() + test.len();
            let room = base.model().config().context.saturating_sub(base.begin().len());
            let fits =
                |example: &Example| base.prompter().scored(example).is_ok_and(|piece| piece.tokens.len() <= room);
            train.retain(fits);
            test.retain(fits);
            anyhow::ensure!(
                !train.is_empty() && !test.is_empty(),
                "its examples do not fit the base's context of {} tokens: shorten them, or take a base that reads more",
                base.model().config().context
            );
            let less = before - train.len() - test.len();
            let note = (less > 0).then(|| format!("{less} examples are longer than the base's context, and left out"));
            (TaskData::of_examples(&task.name, all, train, &test, base.prompter())?, test, note)
        }
        Halves::Texts(halves) => {
            let cutter = Cutter { base, tokens: base.model().config().context };
            (TaskData::of_texts(&task.name, all, halves, &cutter)?, Vec::new(), None)
        }
    };
    let descriptions = readable(&data, base)?;
    let many: Vec<Example> = data.shown.iter().take(SHOWN).cloned().collect();
    let draws = vec![Drawn { data: Arc::new(data), many }];
    Ok((OwnTask { subject: Subject { name: task.name, family: String::new(), descriptions, draws }, test }, note))
}

/// The descriptions that fit the base's context, with the longest example behind them where it stands there.
fn readable(data: &TaskData, base: &Base) -> anyhow::Result<Vec<String>> {
    let context = base.model().config().context;
    let behind = if data.kind == Kind::Answers { data.longest().max(PROBE_TOKENS) } else { PROBE_TOKENS };
    let mut descriptions = Vec::new();
    for description in &data.descriptions {
        if base.prompter().prefix(Some(description), &[])?.len() + behind <= context {
            descriptions.push(description.clone());
        }
    }
    anyhow::ensure!(
        !descriptions.is_empty(),
        "its descriptions leave no room for an example in the base's context of {context} tokens: shorten them"
    );
    Ok(descriptions)
}

/// Measures the tasks, and with a folder also adapters trained for each of them.
///
/// # Errors
/// Those of base, generator and disk.
pub(super) fn measure(
    comparison: &Comparison<'_>,
    tasks: &[OwnTask],
    trained_in: Option<&Path>,
) -> anyhow::Result<OwnReport> {
    let remembered: HashSet<&str> = comparison.generator.tasks().iter().map(|task| task.name.as_str()).collect();
    let described = tasks.iter().map(|task| (task.subject.name.as_str(), task.subject.descriptions.as_slice()));
    let scores = comparison.measure_own(tasks, &Known::of_tasks(described, averaged(comparison)))?;
    let trained = match trained_in {
        Some(folder) => train(comparison, tasks, folder)?.into_iter().map(Some).collect(),
        None => vec![None; tasks.len()],
    };
    let row = |(scores, trained_lora)| {
        let scores: crate::training::comparison::OwnScores = scores;
        OwnRow { is_known: remembered.contains(scores.name.as_str()), scores, trained_lora }
    };
    Ok(OwnReport { rows: scores.into_iter().zip(trained).map(row).collect() })
}

/// Names of remembered tasks, spread evenly over all.
fn averaged(comparison: &Comparison<'_>) -> Vec<String> {
    let all = comparison.generator.tasks();
    let stride = all.len().div_ceil(AVERAGED).max(1);
    all.iter().step_by(stride).map(|task| task.name.clone()).collect()
}

/// Each task's own adapter, trained over the generator's A0, and what it is worth.
fn train(comparison: &Comparison<'_>, tasks: &[OwnTask], folder: &Path) -> anyhow::Result<Vec<Measured>> {
    let Comparison { base, generator, workers, progress, .. } = comparison;
    let folder = folder.join(ADAPTERS);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let run = AdapterRun { alpha: generator.config().alpha, ..AdapterRun::for_base(base.model().config()) };
    let data: Vec<TaskData> =
        tasks.iter().flat_map(|task| task.subject.draws.first()).map(|drawn| (*drawn.data).clone()).collect();
    let context = AdapterContext {
        model: base.model(),
        shared: generator.shared(),
        bos: base.begin(),
        workers,
        progress: *progress,
        checkpoints: Some(folder.clone()),
    };
    // An adapter trained over quantised or narrower weights is another one.
    let key = format!("{} {:?} {}", base.digest(), base.model().dtype(), base.model().weight_kind());
    let kept = Trajectories::new(folder, &key, generator.shared())?;
    let trained = kept.of_tasks(&context, &data, &run)?;
    let measured = |(task, trained): (&OwnTask, &TrainedAdapter)| {
        let last = trained.trajectory.last().context("the training kept no checkpoint")?;
        let adapter = comparison.adapter_of(last)?;
        Ok(comparison.measure_one(task, base.begin(), Some(&adapter))?)
    };
    tasks.iter().zip(&trained).map(measured).collect()
}
