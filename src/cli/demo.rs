//! `attune demo`: builds the demo model.

use super::demo_phases;
use super::demo_recipe::Recipe;
use super::demo_study::Study;
use super::terminal::Terminal;
use crate::training::Workers;
use crate::training::progress::CancelFlag;
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum Demo {
    /// Build the demo model on this machine's CPU, phase by phase; an interrupted build goes on
    /// where it was
    Build(Build),
    /// Train a build's generator with one choice varied, and see what it is worth
    Study(Study),
}

/// The phases of a build, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Phase {
    /// The base model
    Base,
    /// An adapter for some of the tasks
    Adapters,
    /// The generator
    Generator,
    /// The paper's architecture, for comparison: it is measured, not served
    IcmConv,
}

#[derive(Debug, Args)]
pub(super) struct Build {
    /// The folder that checkpoints and results go to
    #[arg(long, env = "ATTUNE_DEMO_OUT", default_value = "demo-build")]
    out: PathBuf,
    /// Threads that train
    #[arg(long, env = "ATTUNE_THREADS", default_value_t = 2)]
    threads: usize,
    /// Stop after this phase
    #[arg(long, value_enum, default_value_t = Phase::Generator)]
    until: Phase,
    #[command(flatten)]
    recipe: Recipe,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Build(build) => build.run(),
            Self::Study(study) => study.run(),
        }
    }
}

impl Build {
    fn run(self) -> anyhow::Result<()> {
        let workers = Workers::new(self.threads).context("cannot start threads")?;
        let progress = Terminal::new(CancelFlag::default());
        let recipe = Recipe { out: self.out, ..self.recipe };
        recipe.keep()?;
        demo_phases::base(&recipe, &workers, &progress)?;
        if self.until >= Phase::Adapters {
            demo_phases::adapters(&recipe, &workers, &progress)?;
        }
        if self.until >= Phase::Generator {
            demo_phases::generator(&recipe, &workers, &progress)?;
        }
        if self.until >= Phase::IcmConv {
            let base = recipe.base()?;
            demo_phases::icm_conv(&recipe, &base, &workers, &progress)?;
        }
        Ok(())
    }
}
