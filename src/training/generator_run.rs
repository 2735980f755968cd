//! How a generator is trained: the numbers of its two stages.

use super::schedule::Schedule;
use crate::generator::{Arch, SlotSizes};
use serde::{Deserialize, Serialize};

/// How a generator is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorRun {
    /// The architecture; a parent's stays.
    pub arch: Arch,
    /// Stage (i).
    pub reconstruction: Stage,
    /// Stage (ii).
    pub cross_entropy: Stage,
    /// Tokens of a task's row in stage (ii).
    pub row_tokens: usize,
    /// Weight of stage (i)'s loss in stage (ii).
    pub keep_reconstruction: f64,
    /// Weight, in stage (ii), of staying with what the parent wrote.
    pub keep_parent: f64,
    /// The share of stage (ii)'s loss that is learned from the base's own answers behind the description; the rest
    /// is learned from the labels.
    #[serde(default)]
    pub distil: f64,
    /// Samples of z of which a row in stage (ii) learns through the one that does it best: what is left open by a
    /// description is then told apart by z (multiple choice learning, Guzman-Rivera et al. 2012). 1 draws one.
    #[serde(default = "one")]
    pub explore: usize,
    /// Nats of each latent unit that cost nothing.
    pub free_bits: f64,
    /// The seed of everything.
    pub seed: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
}

/// One stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The learning rate.
    pub schedule: Schedule,
    /// Tasks of a step.
    pub batch: usize,
}

fn one() -> usize {
    1
}

impl Default for GeneratorRun {
    fn default() -> Self {
        let stage =
            |peak, steps, batch| Stage { schedule: Schedule { peak, warmup: 50, decay: steps / 2, steps }, batch };
        Self {
            arch: Arch::Cvae(SlotSizes::default()),
            reconstruction: stage(1e-3, 1500, 64),
            cross_entropy: stage(7e-4, 4000, 40),
            row_tokens: 96,
            keep_reconstruction: 0.02,
            keep_parent: 5.0,
            distil: 0.0,
            explore: 1,
            free_bits: 0.05,
            seed: 1,
            checkpoint_every: 100,
        }
    }
}

impl GeneratorRun {
    /// The paper's architecture. Its steps are some twenty times dearer, so that there are fewer in the same time.
    pub fn icm_conv() -> Self {
        let mut run = Self { arch: Arch::IcmConv, ..Self::default() };
        (run.reconstruction.batch, run.cross_entropy.batch) = (8, 8);
        run
    }

    /// A few tasks that a parent learns beside what it knows.
    pub fn growing(tasks: usize) -> Self {
        let mut run = Self::default();
        run.cross_entropy.schedule = Schedule { peak: 3e-4, warmup: 20, decay: 200, steps: 400 };
        run.checkpoint_every = 25;
        // An even number, and no more rows of one task than it takes.
        run.cross_entropy.batch = run.cross_entropy.batch.min(8 * tasks.max(1));
        run
    }

    /// The same for tasks of plain text, read in rows as long as an adapter of their own would be trained in: what a text
    /// says depends on more than 96 tokens before it, and there is more to learn than of answers.
    #[must_use]
    pub fn for_texts(self, row_tokens: usize) -> Self {
        let mut run = Self { row_tokens, ..self };
        let Stage { schedule, batch } = &mut run.cross_entropy;
        (schedule.steps, schedule.decay) = (2 * schedule.steps, 2 * schedule.decay);
        *batch = (*batch / 2).next_multiple_of(2);
        run
    }
}
