//! `attune demo`: builds the demo model.

use super::demo_phases;
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
}

#[derive(Debug, Args)]
pub(super) struct Build {
    /// The folder that checkpoints and results go to
    #[arg(long, env = "ATTUNE_DEMO_OUT", default_value = "demo-build")]
    pub(super) out: PathBuf,
    /// Threads that train
    #[arg(long, env = "ATTUNE_THREADS", default_value_t = 2)]
    threads: usize,
    /// Stop after this phase
    #[arg(long, value_enum, default_value_t = Phase::Generator)]
    until: Phase,
    /// Begin the base from these weights (a base's directory) instead of random ones
    #[arg(long, value_name = "DIR")]
    pub(super) base_from: Option<PathBuf>,
    /// Steps of the base model's training
    #[arg(long, default_value_t = 14_000)]
    pub(super) base_steps: usize,
    /// Steps of the final fall of the base's learning rate
    #[arg(long, default_value_t = 12_000)]
    pub(super) base_decay: usize,
    /// The base's learning rate before it falls
    #[arg(long, default_value_t = 1.2e-3)]
    pub(super) base_rate: f64,
    /// Tasks that get an adapter of their own
    #[arg(long, default_value_t = 240)]
    pub(super) adapter_tasks: usize,
    /// Steps of an adapter's training
    #[arg(long, default_value_t = 300)]
    pub(super) adapter_steps: usize,
    /// The rank of the adapters
    #[arg(long, default_value_t = 8)]
    pub(super) rank: usize,
    /// Steps of the generator's first stage, reconstruction
    #[arg(long, default_value_t = 1500)]
    pub(super) reconstruction_steps: usize,
    /// Steps of the generator's second stage, cross-entropy
    #[arg(long, default_value_t = 6000)]
    pub(super) cross_entropy_steps: usize,
    /// The seed of everything
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Build(build) => build.run(),
        }
    }
}

impl Build {
    fn run(&self) -> anyhow::Result<()> {
        let workers = Workers::new(self.threads).context("cannot start threads")?;
        let progress = Terminal::new(CancelFlag::default());
        demo_phases::base(self, &workers, &progress)?;
        if self.until >= Phase::Adapters {
            demo_phases::adapters(self, &workers, &progress)?;
        }
        if self.until >= Phase::Generator {
            demo_phases::generator(self, &workers, &progress)?;
        }
        Ok(())
    }
}
