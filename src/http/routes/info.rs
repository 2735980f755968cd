//! What is served, and within which limits.

use axum::Json;
use axum::extract::State;

use crate::http::state::AppState;
use crate::service::Info;

/// Versions, limits and load.
#[utoipa::path(get, path = "/info", tag = "server", responses((status = 200, body = Info)))]
pub(crate) async fn info(State(state): State<AppState>) -> Json<Info> {
    let mut info = state.service().info();
    // How long a body may be is the server's choice, not the service's.
    info.limits.import_bytes = state.limits().import;
    Json(info)
}
