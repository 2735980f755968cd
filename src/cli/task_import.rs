//! `attune task import`: tasks out of files into a data directory or a running server.
//!
//! All files are read and checked, and what is wrong with them is told, before anything is stored. A task is stored
//! whole or not at all, and one that is stored already as it is stays untouched.

use super::one_shot::with_service;
use super::print;
use super::remote::ServerOptions;
use super::task_files::{Found, Reader, files_of};
use super::task_formats::Format;
use super::task_registry::Registry;
use super::terminal::Terminal;
use crate::app::{BaseOptions, StateOptions};
use crate::noise::Noise;
use crate::service::{Change, Error, NewTask};
use crate::store::{Example, Output, Split, StoreError};
use crate::suite::{Example as Drawn, Part, Suite, SuiteTask};
use crate::training::progress::{CancelFlag, Progress, Report};
use clap::Args;
use std::collections::HashSet;
use std::path::PathBuf;

/// What there is to import, for who names nothing.
const NOTHING: &str = "name files or folders to import, or give --builtin. Taken are:
  NAME.jsonl           a JSON object a line: {\"input\", \"output\", \"split\"?} or {\"text\", \"split\"?}; described by
                       --description, or by a manifest.json beside it
  NAME.json            a task in the Super-NaturalInstructions format (Definition, Instances)
  NAME.txt             a plain text, to be gone on with in its manner; NAME.train.txt is measured on NAME.test.txt
  a folder             its *.jsonl, *.json and *.train.txt, each a task
  --builtin            the training tasks of the built-in suite
`attune task import --help` says more";

/// From this many files on, progress is shown.
const MANY: usize = 16;

#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    base: BaseOptions,
    /// JSON lines, Super-NaturalInstructions files, plain texts, or folders of `*.jsonl`, `*.json` and `*.train.txt`; a
    /// task has its file's name
    files: Vec<PathBuf>,
    /// What the task does; may be repeated. For one task; JSON lines have theirs from a `manifest.json` beside them
    /// otherwise, and texts "Continue in the style of NAME."
    #[arg(long = "description", value_name = "TEXT")]
    descriptions: Vec<String>,
    /// What the files are; told from their content where it is not given
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// Examples of each task that are taken, spread evenly over the file: 200 of a Super-NaturalInstructions file, all of
    /// JSON lines where it is not given
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    max_examples: Option<u32>,
    /// Overwrite tasks that are registered with other descriptions or examples
    #[arg(long)]
    replace: bool,
    /// Register the training tasks of the built-in suite
    #[arg(long)]
    builtin: bool,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    server: ServerOptions,
}

/// What became of the tasks.
#[derive(Debug, Default)]
struct Summary {
    new: usize,
    replaced: usize,
    unchanged: usize,
    left_out: usize,
    examples: usize,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(self.builtin || !self.files.is_empty(), NOTHING);
        let server = self.server.remote()?;
        let terminal = Terminal::new(CancelFlag::default());
        let mut found = self.read(&terminal)?;
        if self.builtin {
            found.tasks.extend(builtin());
        }
        if !self.descriptions.is_empty() {
            anyhow::ensure!(
                found.tasks.len() <= 1,
                "--description describes one task, and {} were found: import them one by one",
                found.tasks.len()
            );
        }
        found.notes.iter().for_each(|note| terminal.line(&format!("note: {note}")));
        let mut summary = Summary { left_out: found.problems.len(), ..Summary::default() };
        found.problems.iter().for_each(|problem| terminal.line(&format!("left out: {problem}")));
        if !found.tasks.is_empty() {
            let work = async |registry: &Registry<'_>| {
                let planned = self.plan(registry, (found.tasks, &terminal), &mut summary).await?;
                store(registry, &planned, &terminal).await
            };
            match &server {
                Some(server) => server.run(async |server| work(&Registry::on(server).await?).await)?,
                None => with_service(&self.base, Some(self.state.clone()), async |application| {
                    work(&Registry::Here(&application.service)).await
                })?,
            }
        }
        terminal.clear();
        let place = server.map_or_else(|| format!("in {}", self.state), |server| format!("on {server}"));
        print(&format!("{summary} {place}"))?;
        anyhow::ensure!(summary.left_out == 0, "{} left out, for the reasons above", tasks(summary.left_out));
        Ok(())
    }

    fn read(&self, terminal: &Terminal) -> anyhow::Result<Found> {
        let reader = Reader {
            descriptions: &self.descriptions,
            format: self.format,
            max_examples: self.max_examples.map(|most| most as usize),
        };
        let mut found = Found::default();
        let mut files = Vec::new();
        for path in &self.files {
            files.extend(files_of(path, &mut found.notes)?);
        }
        for (index, file) in files.iter().enumerate() {
            progress(terminal, "reading", (index + 1, files.len()));
            reader.read(file, &mut found);
        }
        let mut names = HashSet::new();
        let twice: Vec<String> =
            found.tasks.iter().filter(|t| !names.insert(t.name.clone())).map(|t| t.name.clone()).collect();
        anyhow::ensure!(twice.is_empty(), "two files make a task of the name {}: rename one", twice.join(", "));
        Ok(found)
    }

    /// The tasks that are to be stored; nothing is stored yet.
    async fn plan(
        &self,
        registry: &Registry<'_>,
        (found, terminal): (Vec<NewTask>, &Terminal),
        summary: &mut Summary,
    ) -> anyhow::Result<Vec<NewTask>> {
        let mut planned = Vec::new();
        for task in found {
            match registry.plan(&task).await {
                Ok(Change::None) => {
                    summary.unchanged += 1;
                    continue;
                }
                Ok(Change::Replaced) if !self.replace => {
                    summary.left_out += 1;
                    let name = &task.name;
                    terminal
                        .line(&format!("left out: task {name} is there with other contents: --replace overwrites it"));
                    continue;
                }
                Ok(Change::Replaced) => summary.replaced += 1,
                Ok(Change::New) => summary.new += 1,
                Err(error) => {
                    let Some(hint) = error.downcast_ref().and_then(hint) else { return Err(error) };
                    summary.left_out += 1;
                    terminal.line(&format!("left out: task {}: {error}{hint}", task.name));
                    continue;
                }
            }
            summary.examples += task.examples.len();
            planned.push(task);
        }
        Ok(planned)
    }
}

/// The way out of a refusal that is the task's own fault; `None` where it is not.
fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Store(StoreError::TooManyExamples { .. }) => Some(": --max-examples takes some of them"),
        Error::Invalid { field: "name", .. } => Some(": a task has its file's name, rename the file"),
        Error::Invalid { .. } | Error::Task(_) => Some(""),
        _ => None,
    }
}

async fn store(registry: &Registry<'_>, planned: &[NewTask], terminal: &Terminal) -> anyhow::Result<()> {
    for (index, task) in planned.iter().enumerate() {
        progress(terminal, "storing", (index + 1, planned.len()));
        registry.store(task).await?;
    }
    Ok(())
}

fn progress(terminal: &Terminal, phase: &str, (step, total): (usize, usize)) {
    if total >= MANY {
        terminal.report(&Report { phase, step, total, metrics: &[] });
    }
}

fn tasks(count: usize) -> String {
    plural(count, "task")
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "registered {} ({})", tasks(self.new + self.replaced), plural(self.examples, "example"))?;
        for (count, what) in
            [(self.replaced, "of them replaced"), (self.unchanged, "unchanged"), (self.left_out, "left out")]
        {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// The built-in training tasks, 200 examples to train on and 20 to measure with of each.
fn builtin() -> Vec<NewTask> {
    let suite = Suite::builtin();
    let task = |task: &SuiteTask| {
        let mut noise = Noise::stream(0, &task.name);
        let mut draw = |part, count, split| -> Vec<Example> {
            let drawn = task.examples(part, count, &mut noise).into_iter();
            let example =
                |e: Drawn| Example::Answered { input: e.input, output: Output::One(e.output), split: Some(split) };
            drawn.map(example).collect()
        };
        let mut examples = draw(Part::Train, 200, Split::Train);
        examples.extend(draw(Part::Test, 20, Split::Test));
        NewTask { name: task.name.clone(), descriptions: task.descriptions.clone(), examples }
    };
    suite.training().map(task).collect()
}
