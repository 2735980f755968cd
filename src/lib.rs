//! attune: describe a task, get a LoRA.
//!
//! See `ARCHITECTURE.md` for the layers and two walk-throughs.

pub mod cli;
pub mod lm;
pub mod lora;
pub mod noise;
pub mod suite;
pub mod task;
pub mod training;
