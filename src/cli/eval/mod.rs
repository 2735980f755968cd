//! `attune eval`: what the generator's adapters are worth, against what a user could do instead.

mod baselines;
mod card;
mod figures;
mod own;
mod own_report;
mod plots;
mod recorded;
mod report;
mod retrain;

use super::print;
use super::terminal::Terminal;
use crate::app::{BaseOptions, demo_generator, load_base, recorded_evaluation};
use crate::generator::GeneratorFile;
use crate::suite::{Half, Suite};
use crate::task::{Base, ENCODER_VERSION};
use crate::training::Workers;
use crate::training::comparison::{Comparison, Group, Method, TaskScores, Wanted};
use crate::training::progress::CancelFlag;
use anyhow::Context;
use clap::{Args, ValueEnum};
use figures::Figures;
use recorded::Recorded;
use report::Report;
use std::path::PathBuf;
use std::time::Instant;

/// Which half of the held-out tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HalfOption {
    /// The reported half
    Test,
    /// The half to tune with
    Dev,
}

/// What free descriptions are held against.
const TEMPLATED: [Method; 3] = [Method::BaseDescription, Method::PriorMean, Method::Generated];

/// A method by its key.
fn method(name: &str) -> Result<Method, String> {
    let all = || Method::ALL.map(Method::name).join(", ");
    Method::from_name(name).ok_or_else(|| format!("no method of this name: choose of {}", all()))
}

#[derive(Debug, Args)]
pub(super) struct Eval {
    /// The base model
    #[command(flatten)]
    base: BaseOptions,
    /// A generator's file; the embedded one where it is left out
    #[arg(long, env = "ATTUNE_EVAL_GENERATOR", value_name = "FILE")]
    generator: Option<PathBuf>,
    /// Which half of the held-out tasks is measured
    #[arg(long, env = "ATTUNE_EVAL_HALF", value_enum, default_value_t = HalfOption::Test)]
    half: HalfOption,
    /// Measure only the first tasks of each group, at least 2, for a quick look; recorded figures stay those of whole
    /// groups
    #[arg(long, env = "ATTUNE_EVAL_LIMIT", value_name = "TASKS", value_parser = clap::value_parser!(u32).range(2..))]
    limit: Option<u32>,
    /// Measure so many times with other unseen inputs, demonstrations and pairings, for narrower intervals
    #[arg(long, env = "ATTUNE_EVAL_SEEDS", value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: u64,
    /// Measure only these methods, by their keys in the report, with commas; all where none is given
    #[arg(long, env = "ATTUNE_EVAL_METHODS", value_name = "METHOD", value_delimiter = ',', value_parser = method)]
    methods: Vec<Method>,
    /// Print JSON instead of a table
    #[arg(long, env = "ATTUNE_EVAL_JSON")]
    json: bool,
    /// Write every task's scores to this file, as JSON lines
    #[arg(long, env = "ATTUNE_EVAL_PER_TASK", value_name = "FILE")]
    per_task: Option<PathBuf>,
    /// Write the model card to this file
    #[arg(long, env = "ATTUNE_EVAL_CARD", value_name = "FILE")]
    card: Option<PathBuf>,
    /// Draw what was measured into this folder: scores.svg, tasks.svg, and vectors.svg and adapters.svg, maps of the
    /// tasks by their vectors and generated adapters
    #[arg(long, env = "ATTUNE_EVAL_PLOTS", value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Measure these tasks instead of the built-in suite, on a base and generator of your own: files and folders as
    /// `attune task import` takes them. Short outputs are judged by exact match, free text by ROUGE-L of greedy
    /// completions, plain texts by bits per character and perplexity. `known` are the tasks that the generator was trained
    /// on, by their names. With --retrain each task's own LoRA is trained beside them
    #[arg(
        long,
        env = "ATTUNE_EVAL_TASKS",
        value_name = "FILE|DIR",
        num_args = 1..,
        value_delimiter = ',',
        conflicts_with_all = ["card", "plots", "methods", "seeds", "half"]
    )]
    tasks: Vec<PathBuf>,
    /// Train anew what is otherwise shown as recorded: the tasks' own adapters, and the paper's architecture for as
    /// long as the generator's training took. Hours on a small machine; goes on where it was
    #[arg(long, env = "ATTUNE_EVAL_RETRAIN")]
    retrain: bool,
    /// The folder of a retraining: `attune demo build --out` of the same model, to take up what is there
    #[arg(long, env = "ATTUNE_DEMO_OUT", default_value = "demo-build", value_name = "DIR")]
    out: PathBuf,
    /// Threads
    #[arg(long, env = "ATTUNE_THREADS", default_value_t = 2)]
    threads: usize,
}

impl Eval {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let base = load_base(&self.base)?;
        let generator = self.generator(&base)?;
        let workers = Workers::new(self.threads).context("cannot start threads")?;
        let terminal = Terminal::new(CancelFlag::default());
        let comparison = Comparison {
            base: &base,
            generator: &generator,
            workers: &workers,
            progress: &terminal,
            limit: self.limit.map_or(usize::MAX, |limit| limit as usize),
        };
        if !self.tasks.is_empty() {
            return self.own(&comparison, &terminal, started);
        }
        let suite = Suite::builtin();
        let half = match self.half {
            HalfOption::Test => Half::Test,
            HalfOption::Dev => Half::Dev,
        };
        anyhow::ensure!(
            !(self.retrain && self.limit.is_some()),
            "--retrain records figures of whole groups: leave --limit out"
        );
        let recorded = match self.retrain {
            true => retrain::retrain(&self.out, &comparison, (&suite, half), self.seeds)?,
            false => recorded_evaluation().map(serde_json::from_slice::<Recorded>).transpose()?.unwrap_or_default(),
        };
        let recorded = recorded.of_base(base.digest());
        let groups = self.measure(&comparison, &suite, half)?;
        let figures = Figures::new(&groups, &recorded, half);
        if let Some(dir) = &self.plots {
            let drawn = plots::Drawn { groups: &groups, figures: &figures, recorded: &recorded };
            plots::write(dir, &drawn, &comparison, (&suite, half))?;
        }
        terminal.clear();
        let report = Report {
            figures,
            groups: &groups,
            recorded,
            generator: generator.digest()?,
            base: &base,
            seeds: self.seeds,
            seconds: started.elapsed().as_secs_f64(),
            retrained: self.retrain,
        };
        if let Some(path) = &self.per_task {
            std::fs::write(path, report.per_task()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if let Some(path) = &self.card {
            std::fs::write(path, report.card()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        print(&if self.json { serde_json::to_string_pretty(&report.json())? } else { report.table() })
    }

    /// The user's own tasks.
    fn own(&self, comparison: &Comparison<'_>, terminal: &Terminal, started: Instant) -> anyhow::Result<()> {
        let mut tasks = own::read(&self.tasks, comparison.base, terminal)?;
        tasks.truncate(comparison.limit);
        let report = own::measure(comparison, &tasks, self.retrain.then_some(self.out.as_path()))?;
        terminal.clear();
        if let Some(path) = &self.per_task {
            std::fs::write(path, report.per_task()).with_context(|| format!("cannot write {}", path.display()))?;
        }
        if !self.json {
            return print(&report.table());
        }
        let mut json = report.json();
        json["generator"] = comparison.generator.digest()?.into();
        json["base_model"] = comparison.base.digest().into();
        json["seconds"] = started.elapsed().as_secs_f64().into();
        print(&serde_json::to_string_pretty(&json)?)
    }

    /// Every group by every method, and the tasks of the free descriptions by the templates' descriptions as well.
    fn measure(
        &self,
        comparison: &Comparison<'_>,
        suite: &Suite,
        half: Half,
    ) -> anyhow::Result<Vec<(Group, Vec<TaskScores>)>> {
        let methods = if self.methods.is_empty() { Method::ALL.to_vec() } else { self.methods.clone() };
        let described: Vec<Method> = methods.iter().copied().filter(|method| TEMPLATED.contains(method)).collect();
        let mut groups = Vec::new();
        for group in Group::ALL.into_iter().chain([Group::FreeTemplates]) {
            let methods = if group == Group::FreeTemplates { &described } else { &methods };
            groups.push((group, comparison.measure((group, suite, half), Wanted { methods, seeds: self.seeds })?));
        }
        Ok(groups)
    }

    fn generator(&self, base: &Base) -> anyhow::Result<GeneratorFile> {
        let device = base.model().device();
        let file = match &self.generator {
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                GeneratorFile::from_bytes(&bytes, device)?
            }
            None => {
                let bytes =
                    demo_generator().context("this binary embeds no generator: give one with --generator FILE")?;
                GeneratorFile::from_bytes(bytes, device)?
            }
        };
        file.check(base.digest(), ENCODER_VERSION)?;
        Ok(file)
    }
}
