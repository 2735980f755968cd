//! attune: describe a task, get a LoRA.
//!
//! See `ARCHITECTURE.md` for the layers and two walk-throughs.

pub mod app;
pub mod cli;
pub mod config;
pub mod crash;
pub mod device;
pub mod engine;
pub mod event_stream;
pub mod generator;
pub mod http;
pub mod hub;
pub mod jobs;
pub mod lm;
pub mod lora;
pub mod noise;
pub mod service;
pub mod store;
pub mod suite;
pub mod task;
pub mod telemetry;
pub mod training;
pub mod vllm;
