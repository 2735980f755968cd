//! The HTTP interface: routes, bodies, problems, and their description as OpenAPI.
//!
//! A handler extracts, calls the service and maps its answer. Every error is a [`problem::Problem`].

mod auth;
mod body_time;
mod cors;
mod errors;
mod extract;
mod file;
mod if_match;
mod list;
mod observe;
mod openai;
pub mod openapi;
pub mod problem;
mod request_id;
mod router;
mod routes;
mod schemas;
mod server_timing;
mod sse;
mod state;

pub use auth::{KeyPolicy, REMEMBERED};
pub use extract::Tenant;
pub use openapi::openapi_json;
pub use request_id::RequestId;
pub use router::router;
pub(crate) use routes::jobs::JobView;
pub use routes::metrics::metrics_router;
pub use state::{AppState, BodyLimits, Exposure};
