//! Training: base, adapters, generator; and the measuring of what came out.

pub mod base_data;
pub mod base_trainer;
pub mod checkpoint;
pub mod evaluate;
mod error;
pub mod optimizer;
pub mod progress;
pub mod schedule;
mod workers;

pub use error::Error;
pub use workers::Workers;
