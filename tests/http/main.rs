//! The HTTP interface over a real service with a tiny random base; the modules mirror the routes.

mod adapters;
mod generate;
mod jobs;
mod server;
mod support;
mod tasks;
