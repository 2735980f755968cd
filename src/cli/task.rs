//! `attune task`: the training tasks of a data directory.

use super::one_shot::with_service;
use super::print;
use crate::app::BaseOptions;
use crate::noise::Noise;
use crate::service::Service;
use crate::store::{Example, Output, PageRequest, Split};
use crate::suite::{Part, Suite};
use anyhow::Context;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum TaskCommand {
    /// Register tasks: JSON lines of one task, files in the Super-NaturalInstructions format, or
    /// the built-in suite
    Import(Import),
    /// List the registered tasks
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    base: BaseOptions,
    /// `NAME.jsonl` with {"input", "output", "split"?} a line (needs --description), or `.json` files in the
    /// Super-NaturalInstructions format
    #[arg(required_unless_present = "builtin")]
    files: Vec<PathBuf>,
    /// A description of the task of a JSON lines file; may be repeated
    #[arg(long = "description", value_name = "TEXT")]
    descriptions: Vec<String>,
    /// Register the training tasks of the built-in suite
    #[arg(long)]
    builtin: bool,
    /// The data directory
    #[arg(long, env = "ATTUNE_DATA_DIR", default_value = "attune-data", value_name = "DIR")]
    data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    base: BaseOptions,
    /// The data directory
    #[arg(long, env = "ATTUNE_DATA_DIR", default_value = "attune-data", value_name = "DIR")]
    data_dir: PathBuf,
}

/// One task to register.
struct NewTask {
    name: String,
    descriptions: Vec<String>,
    examples: Vec<Example>,
}

impl TaskCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Import(import) => import.run(),
            Self::List(list) => list.run(),
        }
    }
}

impl Import {
    fn run(self) -> anyhow::Result<()> {
        let mut tasks: Vec<NewTask> =
            self.files.iter().map(|file| read_task(file, &self.descriptions)).collect::<anyhow::Result<_>>()?;
        if self.builtin {
            tasks.extend(builtin());
        }
        let count = tasks.len();
        with_service(&self.base, Some(self.data_dir.clone()), async |application| {
            for task in tasks {
                register(&application.service, task).await?;
            }
            Ok(())
        })?;
        print(&format!("registered {count} tasks in {}", self.data_dir.display()))
    }
}

impl List {
    fn run(self) -> anyhow::Result<()> {
        with_service(&self.base, Some(self.data_dir.clone()), async |application| {
            let mut page = PageRequest { limit: 500, cursor: None };
            loop {
                let found = application.service.list_tasks(&page).await?;
                for task in found.data {
                    let first = task.descriptions.first().map_or("", String::as_str);
                    print(&format!("{}\t{} examples\t{first}", task.name, task.example_count))?;
                }
                match found.next_cursor {
                    Some(cursor) => page.cursor = Some(cursor),
                    None => return Ok(()),
                }
            }
        })
    }
}

async fn register(service: &Service, task: NewTask) -> anyhow::Result<()> {
    service.put_task(&task.name, task.descriptions).await.with_context(|| task.name.clone())?;
    service.put_examples(&task.name, task.examples).await.with_context(|| task.name.clone())?;
    Ok(())
}

/// The built-in training tasks, 200 examples to train on and 20 to measure with of each.
fn builtin() -> Vec<NewTask> {
    let suite = Suite::builtin();
    let task = |task: &crate::suite::SuiteTask| {
        let mut noise = Noise::stream(0, &task.name);
        let mut draw = |part, count, split| {
            let drawn = task.examples(part, count, &mut noise).into_iter();
            drawn
                .map(|e| Example::Answered { input: e.input, output: Output::One(e.output), split: Some(split) })
                .collect()
        };
        let mut examples: Vec<Example> = draw(Part::Train, 200, Split::Train);
        let test: Vec<Example> = draw(Part::Test, 20, Split::Test);
        examples.extend(test);
        NewTask { name: task.name.clone(), descriptions: task.descriptions.clone(), examples }
    };
    suite.training().map(task).collect()
}

/// The parts of a Super-NaturalInstructions file that make a task.
#[derive(serde::Deserialize)]
struct NaturalInstructions {
    #[serde(rename = "Definition")]
    definition: Vec<String>,
    #[serde(rename = "Instances")]
    instances: Vec<Instance>,
}

#[derive(serde::Deserialize)]
struct Instance {
    input: String,
    output: Vec<String>,
}

fn read_task(file: &Path, descriptions: &[String]) -> anyhow::Result<NewTask> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{shown}"))?;
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).context("a file without a name")?;
    if file.extension().is_some_and(|extension| extension == "json") {
        let parsed: NaturalInstructions = serde_json::from_str(&text).with_context(|| format!("{shown}"))?;
        let example =
            |i: Instance| Example::Answered { input: i.input, output: Output::Several(i.output), split: None };
        let examples = parsed.instances.into_iter().map(example).collect();
        return Ok(NewTask { name, descriptions: parsed.definition, examples });
    }
    anyhow::ensure!(!descriptions.is_empty(), "{shown}: say what the task does with --description TEXT");
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let examples = lines
        .map(|(index, line)| serde_json::from_str(line).with_context(|| format!("{shown}, line {}", index + 1)))
        .collect::<anyhow::Result<_>>()?;
    Ok(NewTask { name, descriptions: descriptions.to_vec(), examples })
}
