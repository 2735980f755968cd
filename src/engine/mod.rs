//! The engine: the one thread that generates. It owns the running texts, their keys and values, and
//! the merged overlay; the base's weights are shared and never changed.
//!
//! Requests come over a bounded queue and join the running batch between steps. Texts of different
//! adapters run in one step, whether they read their prompts or write; what a text gets does not depend on its company.
//! An adapter is merged where a request says so, or where it has had the engine to itself for long enough. The
//! engine knows no training, no store and no HTTP.
//!
//! Policy is pure and apart: `schedule` (who runs, what a step reads), `lane` (merged or not), `blocks` (who holds
//! which memory) and [`Residency`] (which adapters are in memory). `worker` is the thread around it.

mod batch;
mod blocks;
mod error;
mod handle;
mod idle;
mod lane;
mod load;
mod merging;
mod request;
mod residency;
mod row;
mod schedule;
mod worker;
mod written;

pub use error::Error;
pub use handle::{Engine, EngineModel, EngineOptions, EngineStatus, MemoryStatus};
pub use load::LoadStatus;
pub use merging::BreakEven;
pub use request::{Applied, AppliedAdapter, Event, FinishReason, Merge, Request, Timings, Token, TokenLogprob, Usage};
pub use residency::{Lease, Residency, ResidencyError, ResidencyStatus};
