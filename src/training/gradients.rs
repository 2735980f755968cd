//! Gradients of shards of one step, added up.

use super::Error;
use candle_core::Tensor;

/// What one shard gives: named losses in a fixed order, and the gradients of an optimiser's variables.
pub(super) type Shard = Result<(Vec<f64>, Vec<Option<Tensor>>), Error>;

/// The sums over shards, in their order: the same numbers however many threads there were.
pub(super) fn sum(shards: Vec<Shard>) -> Shard {
    shards.into_iter().reduce(add).unwrap_or(Err(Error::NoData { what: "rows" }))
}

fn add(a: Shard, b: Shard) -> Shard {
    let ((losses_a, grads_a), (losses_b, grads_b)) = (a?, b?);
    let both = |(a, b)| match (a, b) {
        (Some(a), Some(b)) => Tensor::add(&a, &b).map(Some),
        (a, b) => Ok(a.or(b)),
    };
    let losses = losses_a.iter().zip(&losses_b).map(|(a, b)| a + b).collect();
    Ok((losses, grads_a.into_iter().zip(grads_b).map(both).collect::<candle_core::Result<_>>()?))
}
