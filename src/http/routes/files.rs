//! An adapter's PEFT directory, file by file.

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use crate::http::extract::{Segment, Tenant};
use crate::http::file::File;
use crate::http::openapi::errors;
use crate::http::problem::Problem;
use crate::http::schemas::Binary;
use crate::http::state::AppState;
use crate::service::AdapterFile;

/// The media type of safetensors.
pub(crate) const WEIGHTS_TYPE: &str = "application/octet-stream";

/// The weights. HEAD, `If-None-Match`, `Range` (one part) and `If-Range` are understood.
#[utoipa::path(get, path = "/adapters/{id}/adapter_model.safetensors", tag = "adapters",
    params(("id" = String, Path, description = "The adapter's id"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the caller's copy")),
    responses((status = 200, body = Binary, content_type = "application/octet-stream",
            headers(("ETag" = String, description = "The file's digest"))),
        (status = 206, description = "The range", body = Binary, content_type = "application/octet-stream"),
        (status = 304, description = "The caller's copy is good"), errors::NotFound, errors::OutsideRange))]
pub(crate) async fn get_weights(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Segment(id): Segment<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let body = state.service().adapter_file(&tenant, &id, AdapterFile::Weights).await?;
    Ok(File { bytes: body.bytes, digest: body.digest, media_type: WEIGHTS_TYPE }.answer(&method, &headers))
}

/// The configuration. HEAD, `If-None-Match`, `Range` (one part) and `If-Range` are understood.
#[utoipa::path(get, path = "/adapters/{id}/adapter_config.json", tag = "adapters",
    params(("id" = String, Path, description = "The adapter's id"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the caller's copy")),
    responses((status = 200, description = "PEFT's LoraConfig", body = serde_json::Value,
            headers(("ETag" = String, description = "The file's digest"))),
        (status = 206, description = "The range", body = Binary, content_type = "application/json"),
        (status = 304, description = "The caller's copy is good"), errors::NotFound, errors::OutsideRange))]
pub(crate) async fn get_config(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Segment(id): Segment<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let body = state.service().adapter_file(&tenant, &id, AdapterFile::Config).await?;
    Ok(File { bytes: body.bytes, digest: body.digest, media_type: "application/json" }.answer(&method, &headers))
}
