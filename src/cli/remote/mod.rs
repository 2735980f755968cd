//! A command's work done by a running server, over its HTTP interface.

mod client;
mod error;
mod job;
mod options;
#[cfg(test)]
mod tests;

pub(super) use client::{Remote, peft_form};
pub(super) use error::Error;
pub(super) use options::{ApiKey, ServerOptions, refuse_local_options};
