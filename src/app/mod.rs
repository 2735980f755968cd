//! Wiring: a configured process out of the parts, and its life from listening to draining.

mod artifacts;
mod build;
mod checkpoint;
mod collecting;
mod connections;
mod demo_model;
mod download;
mod engine;
mod exposure;
mod loading;
mod options;
mod serve;
mod slots;
mod telemetry;
mod worker;

pub use artifacts::{ArtifactOptions, Attached, GraceOption, State};
pub use build::{Application, build};
pub use checkpoint::{BaseCheckpoint, open_checkpoint};
pub use collecting::collect_now;
pub use demo_model::{demo_generator, recorded_evaluation};
pub use exposure::{ExposureOptions, Origins, OriginsError};
pub use loading::load_base;
pub use options::{
    BaseOptions, DatabaseOptions, EngineArgs, EngineName, JobOptions, OptionalStateOptions, ServeOptions, StateOptions,
};
pub use serve::{drain_jobs, serve, serve_in_background, termination};
pub use slots::{Kinds, Slots, SlotsError};
pub use telemetry::TelemetryOptions;
pub use worker::{check_worker_state, explain_lock, work};
