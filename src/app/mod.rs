//! Wiring: a configured process out of the parts, and its life from listening to draining.

mod build;
mod checkpoint;
mod demo_model;
mod download;
mod engine;
mod loading;
mod options;
mod serve;

pub use build::{Application, build};
pub use checkpoint::{BaseCheckpoint, open_checkpoint};
pub use demo_model::{demo_generator, recorded_evaluation};
pub use loading::load_base;
pub use options::{BaseOptions, EngineArgs, EngineName, ServeOptions};
pub use serve::{drain_jobs, serve, serve_in_background, termination};
