//! Generators.

use axum::Json;
use axum::extract::State;

use crate::http::extract::{ListQuery, Query, Segment};
use crate::http::list::List;
use crate::http::openapi::errors;
use crate::http::problem::Problem;
use crate::http::state::AppState;
use crate::service::{GeneratorMap, GeneratorView};

/// All generators, the newest first.
#[utoipa::path(get, path = "/generators", tag = "generators", params(ListQuery),
    responses((status = 200, body = List<GeneratorView>), errors::Invalid))]
pub(crate) async fn list_generators(
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<GeneratorView>>, Problem> {
    Ok(Json(state.service().list_generators(&query.page()?).await?.into()))
}

/// One generator with its evaluation.
#[utoipa::path(get, path = "/generators/{id}", tag = "generators",
    params(("id" = String, Path, description = "The generator's id")),
    responses((status = 200, body = GeneratorView), errors::NotFound))]
pub(crate) async fn get_generator(
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<Json<GeneratorView>, Problem> {
    Ok(Json(state.service().generator(&id).await?))
}

/// The generator's training tasks on a plane: the two directions in which their task vectors differ most. An adapter's
/// `confidence.position` is where its description stands among them.
#[utoipa::path(get, path = "/generators/{id}/map", tag = "generators",
    params(("id" = String, Path, description = "The generator's id")),
    responses((status = 200, body = GeneratorMap), errors::NotFound))]
pub(crate) async fn map_generator(
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<Json<GeneratorMap>, Problem> {
    Ok(Json(state.service().generator_map(&id).await?))
}

/// Makes the generator the one that serves; also the way back to an older one.
#[utoipa::path(post, path = "/generators/{id}/activate", tag = "generators",
    params(("id" = String, Path, description = "The generator's id")),
    responses((status = 200, body = GeneratorView), errors::NotFound, errors::Conflict))]
pub(crate) async fn activate_generator(
    State(state): State<AppState>,
    Segment(id): Segment<String>,
) -> Result<Json<GeneratorView>, Problem> {
    Ok(Json(state.service().activate_generator(&id).await?))
}
