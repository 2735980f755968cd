//! Background jobs: what they ask for ([`spec`], [`kinds`]), the queue before them ([`queue`]) and the runner that works
//! them off ([`runner`]).
//!
//! The queue lives in the database, so jobs survive the process. This module adds types, wakes readers and
//! workers, and runs a [`JobHandler`] for each kind on a thread of its own.

pub mod children;
pub mod context;
pub mod error;
mod execution;
mod handover;
pub mod kinds;
mod presence;
pub mod queue;
pub mod runner;
pub mod spec;
#[cfg(test)]
mod tests;
mod work_dirs;

pub use children::ChildJob;
pub use context::{JobContext, StopReason};
pub use error::{JobError, QueueError};
pub use kinds::{AdapterJob, All, Arch, GeneratorJob, Init, InvalidKind, JobKind, Selection, Stage};
pub use queue::{JobRequest, Queue, QueueConfig};
pub use runner::{JobHandler, Runner, RunnerConfig, RunningRunner};
pub use spec::JobSpec;
