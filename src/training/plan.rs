//! How a step's tokens go through the base: how many at once, and what a backward pass finds in memory.

use super::Error;
use crate::lm::{Config, Recompute};

/// One pass of a training step: what it takes, before it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepPlan {
    /// Tokens that go through the base together.
    pub tokens: usize,
    /// What the backward pass finds in memory.
    pub recompute: Recompute,
    /// Bytes that the pass takes beside the weights.
    pub bytes: u64,
}

/// Numbers that stand beside the layers' own: a chunk of logits, its slope, and what a product takes on its way.
const HEAD_NUMBERS: u64 = 4 << 23;

impl StepPlan {
    /// The bytes of a pass of `tokens` tokens: what every layer computes, or its input alone and one layer besides.
    pub fn bytes(config: &Config, tokens: usize, recompute: Recompute) -> u64 {
        let shape = config.shape();
        let norms = if config.family.norms_twice() { 2 } else { 0 };
        // Of each token: x, its norms, the sums, q, k, v, what was mixed, gate, up, their product.
        let hidden = (6 + norms) * config.hidden_size;
        let layer = (hidden + 2 * (shape.query + shape.kv) + 3 * config.intermediate_size) as u64;
        let numbers = match recompute {
            Recompute::Never => layer * (config.layers() as u64 + 1),
            Recompute::Layers => (2 * config.hidden_size * config.layers()) as u64 + 2 * layer,
        };
        4 * (numbers * tokens as u64 + HEAD_NUMBERS)
    }

    /// The plan for passes of `tokens` tokens within `available` bytes: everything is kept where it fits, the layers'
    /// inputs alone where only they do. `wanted` decides it beforehand. `None` for unknown memory.
    ///
    /// # Errors
    /// [`Error::Memory`] with the sum where not even that fits.
    pub fn fit(
        config: &Config,
        tokens: usize,
        wanted: Option<Recompute>,
        available: Option<u64>,
    ) -> Result<Self, Error> {
        let plan = |recompute| Self { tokens, recompute, bytes: Self::bytes(config, tokens, recompute) };
        let fits = |plan: &Self| available.is_none_or(|available| plan.bytes <= available);
        let choices = match wanted {
            Some(recompute) => vec![plan(recompute)],
            None => vec![plan(Recompute::Never), plan(Recompute::Layers)],
        };
        let least = choices[choices.len() - 1];
        choices.into_iter().find(fits).ok_or(Error::Memory {
            tokens,
            need_mib: least.bytes >> 20,
            available_mib: available.unwrap_or(0) >> 20,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::smollm2_135m;

    #[test]
    fn the_estimate_is_near_what_a_step_was_measured_to_take() {
        // benches/train_step: 8 texts of 128 tokens, peak less weights: 1,388 MiB kept, see docs/performance.md.
        let mib = StepPlan::bytes(&smollm2_135m(), 1024, Recompute::Never) >> 20;
        assert!((1_250..1_530).contains(&mib), "{mib} MiB");
    }

    #[test]
    fn less_memory_makes_it_compute_again_and_too_little_is_refused_with_the_sum() {
        let fit = |available| StepPlan::fit(&smollm2_135m(), 1024, None, Some(available));
        assert_eq!(fit(4 << 30).expect("fits").recompute, Recompute::Never);
        assert_eq!(fit(1 << 30).expect("fits").recompute, Recompute::Layers);
        let error = fit(100 << 20).expect_err("too little").to_string();
        assert!(error.contains("MiB") && error.contains("batch_tokens"), "{error}");
        assert_eq!(
            StepPlan::fit(&smollm2_135m(), 64, Some(Recompute::Layers), None).expect("fits").recompute,
            Recompute::Layers
        );
    }
}
