//! What Prometheus reads.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::routing::get;

use crate::http::state::AppState;
use crate::service::Service;

/// Prometheus' text format.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The server's metrics, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, description = "Prometheus' text format, version 0.0.4", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(state): State<AppState>) -> ([(HeaderName, &'static str); 1], String) {
    of(state.service()).await
}

/// `GET /metrics` alone, for a listener of its own.
pub fn metrics_router(service: Arc<Service>) -> Router {
    Router::new().route("/metrics", get(move || async move { of(&service).await }))
}

async fn of(service: &Service) -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], service.metrics().await)
}
