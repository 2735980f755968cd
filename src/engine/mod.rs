//! The engine: the one thread that generates. It owns the running rows, their keys and values, and
//! the merged overlay; the base's weights are shared and never changed.
//!
//! Requests come over a bounded queue and join the running batch between steps. Rows of different
//! adapters run in one batch; a request that wants its adapter merged runs only beside requests of
//! the same adapter and scale. The engine knows no training, no store and no HTTP.

mod error;
mod handle;
mod request;
mod row;
mod schedule;
mod worker;

pub use error::Error;
pub use handle::{Engine, EngineOptions, EngineStatus};
pub use request::{Applied, AppliedAdapter, Event, FinishReason, Merge, Request, Timings, Token, TokenLogprob, Usage};
