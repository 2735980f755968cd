//! Probes.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::openapi::errors;
use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;

/// A probe's answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    pub(crate) status: &'static str,
}

/// Whether the process runs.
#[utoipa::path(get, path = "/health/live", tag = "server", responses((status = 200, body = Health)))]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Whether requests can be answered: not while the server loads or drains, nor while its engine, a vLLM, is away.
#[utoipa::path(get, path = "/health/ready", tag = "server",
    responses((status = 200, body = Health), errors::Unavailable))]
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    let closing = state.is_closing().then(|| "the server is draining".to_owned());
    match closing.or_else(|| state.service().unready()) {
        None => Ok(Json(Health { status: "ready" })),
        Some(reason) => Err(Problem::new(Code::Unavailable, reason)),
    }
}
