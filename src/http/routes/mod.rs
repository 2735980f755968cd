//! The routes, a file for each kind of thing. A handler is extract, call, map.

pub(crate) mod adapters;
pub(crate) mod files;
pub(crate) mod generate;
pub(crate) mod generators;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod metrics;
pub(crate) mod page;
pub(crate) mod tasks;
