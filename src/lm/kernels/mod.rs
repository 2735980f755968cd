//! Matrix products for inference on the CPU, y = x · Wᵀ, whose result for one row depends neither on how many rows are in
//! the call nor on the number of threads, to the bit.
//!
//! N is the rows of x (tokens of a batch or a prompt), K the width of W (its inputs), O its rows (the outputs).
//!
//! Every output is summed in one fixed order, whatever the tiles are: plain weights in eight lanes along K, block-quantised
//! ones exactly within a block and then block after block. Tiles and threads only choose which outputs are computed when.
//! Threads are those of the current rayon pool; a pool of one splits nothing.

mod activations;
mod add_up;
mod dense;
mod dots;
mod lanes;
mod packed_q8;
mod q8_product;
mod split;

pub use activations::Activations;
pub use add_up::add_up;
pub use dense::{DenseWeight, Keep, dense_rows};
pub use dots::dots;
pub use packed_q8::{PackedQ8, PackedQ8Builder};

#[cfg(test)]
mod tests;
