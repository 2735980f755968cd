//! The numbers of a demo build, kept in its folder so that an evaluation can go by them.

use crate::generator::{Arch, SlotSizes};
use crate::lm::Loading;
use crate::lora::{Module, SharedA};
use crate::noise::Noise;
use crate::suite::{Suite, SuiteTask};
use crate::task::{Base, Part};
use crate::training::Workers;
use crate::training::adapter_trainer::{AdapterContext, AdapterRun, TrainedAdapter};
use crate::training::dataset::{Sizes, TaskData};
use crate::training::generator_trainer::GeneratorRun;
use crate::training::multi_task::{Told, multi_task};
use crate::training::progress::Progress;
use crate::training::schedule::Schedule;
use crate::training::trajectories::Trajectories;
use anyhow::Context;
use candle_core::Device;
use clap::{Args, Parser, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Examples of each task.
const SIZES: Sizes = Sizes { train: 240, test: 20 };
/// Descriptions of its own that are read of a composition.
const OWN_DESCRIPTIONS: usize = 3;
/// Examples of each task where a few of every task will do.
const FEW: Sizes = Sizes { train: 8, test: 1 };
const FILE: &str = "recipe.json";

/// How the demo model is made.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// The build's folder.
    #[arg(skip)]
    #[serde(skip)]
    pub(super) out: PathBuf,
    /// Where the generator's files go; the build's folder where it is left open.
    #[arg(skip)]
    #[serde(skip)]
    pub(super) place: Option<PathBuf>,
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
    #[arg(long, default_value_t = 200)]
    pub(super) adapter_tasks: usize,
    /// Steps of an adapter's training
    #[arg(long, default_value_t = 200)]
    pub(super) adapter_steps: usize,
    /// The rank of the adapters
    #[arg(long, default_value_t = 8)]
    pub(super) rank: usize,
    /// Steps of the generator's first stage, reconstruction
    #[arg(long, default_value_t = 1200)]
    pub(super) reconstruction_steps: usize,
    /// Steps of the generator's second stage, cross-entropy
    #[arg(long, default_value_t = 6000)]
    pub(super) cross_entropy_steps: usize,
    /// The share of the second stage's loss that is learned from the base's own answers behind the description
    #[arg(long, default_value_t = 0.0)]
    #[serde(default)]
    pub(super) distil: f64,
    /// Samples of z of which the second stage learns through the best
    #[arg(long, default_value_t = 1)]
    #[serde(default = "one")]
    pub(super) explore: usize,
    /// Begin the generator from a generator's file, or from the checkpoint of a build's folder, instead of random weights
    #[arg(long, value_name = "FILE|DIR")]
    #[serde(default)]
    pub(super) generator_from: Option<PathBuf>,
    /// Training tasks of the generator at most
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    #[serde(default = "every_task")]
    pub(super) tasks: usize,
    /// Descriptions in other styles that a composition gets beside its own; a task of one step gets ten times as many
    #[arg(long, default_value_t = 5)]
    #[serde(default)]
    pub(super) restyled: usize,
    /// Heads of the pooling over a description's tokens; 0 for none
    #[arg(long, default_value_t = SlotSizes::default().heads)]
    #[serde(default)]
    pub(super) heads: usize,
    /// Coordinates of each slot's basis
    #[arg(long, default_value_t = SlotSizes::default().basis)]
    #[serde(default = "usual_basis")]
    pub(super) basis: usize,
    /// Width of the generator's hidden layers
    #[arg(long, default_value_t = SlotSizes::default().hidden)]
    #[serde(default = "usual_hidden")]
    pub(super) hidden: usize,
    /// Learning rate of the second stage
    #[arg(long, default_value_t = 7e-4)]
    #[serde(default = "usual_rate")]
    pub(super) generator_rate: f64,
    /// Parts of the condition that the generator is not to see, to learn what they are worth
    #[arg(long, value_enum, value_delimiter = ',')]
    #[serde(default)]
    pub(super) hide: Vec<HiddenPart>,
    /// Minutes that the paper's architecture is trained: as long as the generator was
    #[arg(long, default_value_t = 45.0)]
    pub(super) icm_conv_minutes: f64,
    /// The seed of everything
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
}

/// A part of a condition, as the command line names it.
#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HiddenPart {
    /// The means over the description's tokens
    Mean,
    /// Its last token
    Last,
    /// The last tokens of the prompts with probe inputs
    Probes,
    /// Its tokens, one by one
    Tokens,
    /// All that is read at half of the base's depth
    MiddleTap,
    /// All that is read at its end
    EndTap,
}

impl HiddenPart {
    fn part(self) -> Part {
        match self {
            Self::Mean => Part::Mean,
            Self::Last => Part::Last,
            Self::Probes => Part::Probes,
            Self::Tokens => Part::Tokens,
            Self::MiddleTap => Part::MiddleTap,
            Self::EndTap => Part::EndTap,
        }
    }
}

fn one() -> usize {
    1
}

fn every_task() -> usize {
    usize::MAX
}

fn usual_basis() -> usize {
    SlotSizes::default().basis
}

fn usual_hidden() -> usize {
    SlotSizes::default().hidden
}

fn usual_rate() -> f64 {
    GeneratorRun::default().cross_entropy.schedule.peak
}

/// A command line of nothing but a recipe, for its defaults.
#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    recipe: Recipe,
}

impl Recipe {
    /// The recipe of a build's folder; the default one where the folder has none.
    pub(super) fn of_folder(out: &Path) -> anyhow::Result<Self> {
        let path = out.join(FILE);
        let recipe = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Defaults::parse_from(["recipe"]).recipe,
            Err(e) => return Err(e).with_context(|| format!("cannot read {}", path.display())),
        };
        Ok(Self { out: out.to_owned(), ..recipe })
    }

    /// Writes it into its folder.
    pub(super) fn keep(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.out).with_context(|| format!("cannot create {}", self.out.display()))?;
        Ok(std::fs::write(self.out.join(FILE), serde_json::to_string_pretty(self)?)?)
    }

    /// The base that the build has made.
    pub(super) fn base(&self) -> anyhow::Result<Base> {
        Ok(Base::from_directory(&self.out.join("base"), &Loading::f32())?)
    }

    pub(super) fn generator_path(&self) -> PathBuf {
        self.of_generator("generator.safetensors")
    }

    /// A file of the generator's training.
    pub(super) fn of_generator(&self, name: &str) -> PathBuf {
        self.place.as_ref().unwrap_or(&self.out).join(name)
    }

    pub(super) fn icm_conv_path(&self) -> PathBuf {
        self.out.join("icm-conv.safetensors")
    }

    /// A0 of the build.
    pub(super) fn shared(&self, base: &Base) -> anyhow::Result<SharedA> {
        let layout = base.model().config().shape().layout(&Module::SEPARATE, self.rank);
        Ok(SharedA::random(layout, self.seed, &Device::Cpu)?)
    }

    /// The descriptions that the generator reads of a task: of a task of one step all, of the many compositions a few.
    pub(super) fn descriptions(&self, task: &SuiteTask) -> Vec<String> {
        let mut noise = Noise::stream(self.seed, &format!("descriptions of {}", task.name));
        let (own, restyled) = match task.is_composition() {
            true => (OWN_DESCRIPTIONS, self.restyled),
            false => (usize::MAX, 10 * self.restyled),
        };
        let mut all: Vec<String> = task.descriptions.iter().take(own).cloned().collect();
        all.extend((0..restyled).map(|_| task.restyled(&mut noise)));
        all
    }

    /// How the generator is trained.
    pub(super) fn generator_run(&self) -> GeneratorRun {
        let sizes = SlotSizes { heads: self.heads, basis: self.basis, hidden: self.hidden, ..SlotSizes::default() };
        let mut run = GeneratorRun {
            arch: Arch::Cvae(sizes),
            distil: self.distil,
            explore: self.explore,
            seed: self.seed,
            ..GeneratorRun::default()
        };
        run.cross_entropy.schedule.peak = self.generator_rate;
        run
    }

    /// What the generator is not to see of a condition.
    pub(super) fn hidden_parts(&self) -> Vec<Part> {
        self.hide.iter().map(|part| part.part()).collect()
    }

    pub(super) fn adapter_run(&self) -> AdapterRun {
        let run = AdapterRun { seed: self.seed, ..AdapterRun::default() };
        let schedule = Schedule { steps: self.adapter_steps, decay: self.adapter_steps / 2, ..run.schedule };
        AdapterRun { schedule, ..run }
    }

    /// A few examples of a task.
    pub(super) fn small_data(&self, task: &SuiteTask, base: &Base) -> anyhow::Result<TaskData> {
        Ok(TaskData::of_suite(task, base.prompter(), FEW, self.seed)?)
    }

    pub(super) fn data(&self, task: &SuiteTask, base: &Base) -> anyhow::Result<TaskData> {
        Ok(TaskData::of_suite(task, base.prompter(), SIZES, self.seed)?)
    }

    /// One adapter for all training tasks that sees bare inputs, and one whose inputs stand behind descriptions.
    pub(super) fn multi_task(
        &self,
        base: &Base,
        shared: &SharedA,
        workers: &Workers,
        progress: &dyn Progress,
    ) -> anyhow::Result<Vec<TrainedAdapter>> {
        let suite = Suite::builtin();
        let data = |task: &SuiteTask| -> anyhow::Result<TaskData> {
            Ok(TaskData { descriptions: self.descriptions(task), ..self.small_data(task, base)? })
        };
        let tasks: Vec<TaskData> = suite.training().map(data).collect::<Result<_, _>>()?;
        let all = [Told::Nothing, Told::Description]
            .map(|told| multi_task(&tasks, base.prompter(), told, (FEW.train, self.seed)));
        let all: Vec<TaskData> = all.into_iter().collect::<Result<_, _>>()?;
        let run = self.adapter_run();
        let schedule = Schedule { peak: 3e-3, warmup: 50, decay: 750, steps: 1500 };
        // As many tokens a step as eight tasks' adapters take, and one of the two a thread.
        let run = AdapterRun { row_tokens: 8 * run.row_tokens, group: 1, schedule, keep: 1, ..run };
        let context = self.adapter_context((base, shared), (workers, progress));
        Ok(self.trajectories(base, shared)?.of_tasks(&context, &all, &run)?)
    }

    /// Where the build's adapters are trained.
    fn adapter_context<'a>(
        &self,
        (base, shared): (&'a Base, &'a SharedA),
        (workers, progress): (&'a Workers, &'a dyn Progress),
    ) -> AdapterContext<'a> {
        AdapterContext {
            model: base.model(),
            shared,
            bos: base.begin(),
            workers,
            progress,
            checkpoints: Some(self.out.join("adapters")),
        }
    }

    pub(super) fn trajectories(&self, base: &Base, shared: &SharedA) -> anyhow::Result<Trajectories> {
        Ok(Trajectories::new(self.out.join("adapters"), base.digest(), shared)?)
    }

    /// An adapter for each of the tasks: those that are kept, and others trained now.
    pub(super) fn adapters(
        &self,
        tasks: &[&SuiteTask],
        base: &Base,
        shared: &SharedA,
        workers: &Workers,
        progress: &dyn Progress,
    ) -> anyhow::Result<Vec<TrainedAdapter>> {
        let run = self.adapter_run();
        let kept = self.trajectories(base, shared)?;
        let data: Vec<TaskData> = tasks.iter().map(|task| self.data(task, base)).collect::<Result<_, _>>()?;
        let context = self.adapter_context((base, shared), (workers, progress));
        Ok(kept.of_tasks(&context, &data, &run)?)
    }
}
