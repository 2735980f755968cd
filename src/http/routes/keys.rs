//! API keys. A key of the tenant `default` manages all tenants' keys, another its own tenant's.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::extract::{self, ListQuery, Query, Segment};
use crate::http::list::List;
use crate::http::openapi::errors;
use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;
use crate::service::{Caller, CreateKey, CreatedKey, KeyView};
use crate::store::DEFAULT_TENANT;

/// Makes a key. Its secret is in this answer and nowhere else: what is stored is a hash of it. With the first key the server
/// begins to ask for one.
#[utoipa::path(post, path = "/keys", tag = "keys", request_body = CreateKey,
    responses((status = 201, description = "New", body = CreatedKey), errors::Body))]
pub(crate) async fn create_key(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(mut request): extract::Json<CreateKey>,
) -> Result<Response, Problem> {
    let tenant = request.tenant.get_or_insert_with(|| caller.tenant.to_string());
    if reach(&caller).is_some_and(|own| own != tenant) {
        let detail = format!("a key of the tenant {} makes keys of that tenant alone", caller.tenant);
        return Err(Problem::new(Code::Forbidden, detail));
    }
    let created = state.service().create_key(request).await?;
    state.guard().ask();
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(created)).into_response())
}

/// The keys, the newest first, without their secrets; revoked ones too.
#[utoipa::path(get, path = "/keys", tag = "keys", params(ListQuery),
    responses((status = 200, body = List<KeyView>), errors::Invalid))]
pub(crate) async fn list_keys(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<KeyView>>, Problem> {
    Ok(Json(state.service().list_keys(reach(&caller), &query.page()?).await?.into()))
}

/// Revokes a key. Here it stops working at once, on other replicas within 5 seconds.
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = String, Path, description = "The key's id")),
    responses((status = 204, description = "Revoked"), errors::NotFound))]
pub(crate) async fn revoke_key(
    State(state): State<AppState>,
    caller: Caller,
    Segment(id): Segment<String>,
) -> Result<StatusCode, Problem> {
    let revoked = state.service().revoke_key(reach(&caller), &id).await?;
    state.guard().forget(&revoked.prefix);
    Ok(StatusCode::NO_CONTENT)
}

/// Whose keys this caller manages; none are all.
fn reach(caller: &Caller) -> Option<&str> {
    (*caller.tenant != *DEFAULT_TENANT).then_some(&*caller.tenant)
}
