//! `attune eval`: what the generator's adapters are worth, against what a user could do instead.

use super::eval_report::{Recorded, Report};
use super::terminal::Terminal;
use super::{eval_retrain, print};
use crate::app::{BaseOptions, demo_generator, load_base, recorded_evaluation};
use crate::generator::GeneratorFile;
use crate::suite::{Half, Suite};
use crate::task::Base;
use crate::training::Workers;
use crate::training::comparison::{Comparison, Group};
use crate::training::progress::CancelFlag;
use anyhow::Context;
use clap::{Args, ValueEnum};
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
    /// Measure only the first tasks of each group, at least 2, for a quick look
    #[arg(long, env = "ATTUNE_EVAL_LIMIT", value_name = "TASKS", value_parser = clap::value_parser!(u32).range(2..))]
    limit: Option<u32>,
    /// Print JSON instead of a table
    #[arg(long, env = "ATTUNE_EVAL_JSON")]
    json: bool,
    /// Write every task's scores to this file, as JSON lines
    #[arg(long, env = "ATTUNE_EVAL_PER_TASK", value_name = "FILE")]
    per_task: Option<PathBuf>,
    /// Write the model card to this file
    #[arg(long, env = "ATTUNE_EVAL_CARD", value_name = "FILE")]
    card: Option<PathBuf>,
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
        let suite = Suite::builtin();
        let half = match self.half {
            HalfOption::Test => Half::Test,
            HalfOption::Dev => Half::Dev,
        };
        let workers = Workers::new(self.threads).context("cannot start threads")?;
        let terminal = Terminal::new(CancelFlag::default());
        let comparison = Comparison {
            base: &base,
            generator: &generator,
            workers: &workers,
            progress: &terminal,
            limit: self.limit.map_or(usize::MAX, |limit| limit as usize),
        };
        let recorded = match self.retrain {
            true => eval_retrain::retrain(&self.out, &comparison, &suite, half)?,
            false => recorded_evaluation().map(serde_json::from_slice::<Recorded>).transpose()?.unwrap_or_default(),
        };
        let mut groups = Vec::new();
        for group in Group::ALL {
            groups.push((group, comparison.scores(group, &suite, half)?));
        }
        terminal.clear();
        let report = Report {
            groups: &groups,
            recorded: recorded.of_base(base.digest()),
            generator: generator.digest()?,
            base: &base,
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
        file.check_base(base.digest())?;
        Ok(file)
    }
}
