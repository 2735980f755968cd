//! Training: base, adapters, generator; and the measuring of what came out.

pub mod adapter_trainer;
pub mod agreement;
pub mod base_data;
pub mod base_trainer;
pub mod best_of;
pub mod checkpoint;
pub mod comparison;
pub mod dataset;
pub mod diffusion;
mod error;
pub mod evaluate;
pub mod expected;
pub mod generator_data;
mod generator_run;
pub mod generator_trainer;
mod gradients;
mod initial_weights;
pub mod judge_trainer;
pub mod multi_task;
pub mod optimizer;
pub mod plan;
pub mod progress;
mod reconstruction;
pub mod refine;
mod replay;
pub mod rouge;
pub mod schedule;
pub mod score;
pub mod settle;
pub mod statistics;
mod strange_words;
pub mod texts;
mod through_base;
pub mod trajectories;
mod workers;

pub use error::Error;
pub use workers::Workers;

#[cfg(test)]
mod finite_differences;
#[cfg(test)]
mod test_base;
