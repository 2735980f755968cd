//! Adapters: made from a description, listed, shown, deleted.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::extract::{self, ListQuery, Query, Segment, Tenant};
use crate::http::file::etag;
use crate::http::list::List;
use crate::http::openapi::errors;
use crate::http::problem::Problem;
use crate::http::routes::files::WEIGHTS_TYPE;
use crate::http::schemas::Binary;
use crate::http::state::AppState;
use crate::service::{AdapterFile, AdapterView, Caller, CreateAdapter, CreatedAdapter};
use crate::store::AdapterFilter;

/// Generates the adapter of a description, or finds it. With `Accept: application/octet-stream` the answer is the
/// safetensors file itself.
#[utoipa::path(post, path = "/adapters", tag = "adapters", request_body = CreateAdapter,
    responses(
        (status = 200, description = "It was made before",
            content((CreatedAdapter = "application/json"), (Binary = "application/octet-stream")),
            headers(("Location" = String, description = "The adapter"), ("ETag" = String, description = "The weights' digest"))),
        (status = 201, description = "New",
            content((CreatedAdapter = "application/json"), (Binary = "application/octet-stream")),
            headers(("Location" = String, description = "The adapter"), ("ETag" = String, description = "The weights' digest"))),
        errors::NotFound, errors::Conflict, errors::Body, errors::Busy))]
pub(crate) async fn create_adapter(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    extract::Json(request): extract::Json<CreateAdapter>,
) -> Result<Response, Problem> {
    let created = state.service().create_adapter(&caller, request).await?;
    let status = if created.cached { StatusCode::OK } else { StatusCode::CREATED };
    let at = whereabouts(&created.adapter);
    if !wants_file(&headers) {
        return Ok((status, at, Json(created)).into_response());
    }
    let file = state.service().adapter_file(&caller.tenant, &created.adapter.id, AdapterFile::Weights).await?;
    Ok((status, at, [(header::CONTENT_TYPE, WEIGHTS_TYPE)], file.bytes).into_response())
}

/// `Location` and `ETag` of an adapter.
pub(super) fn whereabouts(adapter: &AdapterView) -> [(header::HeaderName, HeaderValue); 2] {
    let location = HeaderValue::from_str(&adapter.links.this).unwrap_or(HeaderValue::from_static("/adapters"));
    [(header::LOCATION, location), (header::ETAG, etag(&adapter.digest))]
}

/// Which adapters.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AdapterQuery {
    /// A part of the description or the name.
    #[param(nullable = false)]
    pub(crate) query: Option<String>,
}

/// The caller's adapters, the newest first.
#[utoipa::path(get, path = "/adapters", tag = "adapters", params(AdapterQuery, ListQuery),
    responses((status = 200, body = List<AdapterView>), errors::Invalid))]
pub(crate) async fn list_adapters(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Query(AdapterQuery { query }): Query<AdapterQuery>,
    Query(page): Query<ListQuery>,
) -> Result<Json<List<AdapterView>>, Problem> {
    let filter = AdapterFilter { query, ..AdapterFilter::default() };
    Ok(Json(state.service().list_adapters(&tenant, &filter, &page.page()?).await?.into()))
}

/// One adapter.
#[utoipa::path(get, path = "/adapters/{id}", tag = "adapters",
    params(("id" = String, Path, description = "The adapter's id or name")),
    responses((status = 200, body = AdapterView), errors::NotFound))]
pub(crate) async fn get_adapter(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Segment(id): Segment<String>,
) -> Result<Json<AdapterView>, Problem> {
    Ok(Json(state.service().adapter(&tenant, &id).await?))
}

/// Takes the adapter from the caller's list. Requests that use it are finished.
#[utoipa::path(delete, path = "/adapters/{id}", tag = "adapters",
    params(("id" = String, Path, description = "The adapter's id")),
    responses((status = 204, description = "Deleted"), errors::NotFound))]
pub(crate) async fn delete_adapter(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Segment(id): Segment<String>,
) -> Result<StatusCode, Problem> {
    state.service().delete_adapter(&tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether `Accept` asks for the file by its media type at least as much as for JSON.
fn wants_file(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut file, mut json) = (0.0, 0.0);
    for one in accepts.flat_map(|value| value.split(',')) {
        let mut parts = one.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse::<f32>().unwrap_or(0.0));
        if media_type.eq_ignore_ascii_case(WEIGHTS_TYPE) {
            file = weight;
        } else if media_type.eq_ignore_ascii_case("application/json") {
            json = weight;
        }
    }
    file > 0.0 && file >= json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_sent_only_to_those_who_name_its_type() {
        for (accept, file) in [
            ("application/octet-stream", true),
            ("application/octet-stream, */*;q=0.1", true),
            ("application/json;q=0.5, Application/Octet-Stream", true),
            ("application/json, application/octet-stream;q=0.5", false),
            ("application/octet-stream;q=0", false),
            ("*/*", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(wants_file(&headers), file, "{accept}");
        }
        assert!(!wants_file(&HeaderMap::new()));
    }
}
