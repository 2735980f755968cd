//! The HTTP interface over a real service with a tiny random base; the modules mirror the routes.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic, in its helpers too")]

mod adapters;
mod faults;
mod generate;
mod generated;
mod jobs;
mod openai;
mod replicas;
mod security;
mod server;
mod state;
mod support;
mod tasks;
mod vllm;
mod workers;
