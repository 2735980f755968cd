//! The models that requests can name: the base, and the caller's adapters.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::extract::{Segment, Tenant};
use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;
use crate::service::{AdapterView, Error, Service};
use crate::store::page::MAX_LIMIT;
use crate::store::{AdapterFilter, PageRequest};

/// A model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Model {
    /// What requests call it.
    #[schema(example = "attune-demo")]
    id: String,
    /// `model`
    #[schema(example = "model")]
    object: &'static str,
    /// When it was made, or the base loaded, in seconds since 1970.
    created: i64,
    /// `attune`
    owned_by: &'static str,
    /// The adapter's id, or the base's name.
    root: String,
    /// The base of an adapter.
    #[schema(required = true)]
    parent: Option<String>,
}

/// Models.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The base and the newest named adapters, at most 1,000.
    data: Vec<Model>,
}

/// The base and the caller's named adapters, the newest 1,000 of them.
#[utoipa::path(get, path = "/v1/models", tag = "openai", responses((status = 200, body = ModelList)))]
pub(crate) async fn list_models(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
) -> Result<Json<ModelList>, Problem> {
    let service = state.service();
    let filter = AdapterFilter { named_only: true, ..AdapterFilter::default() };
    let first = PageRequest { limit: MAX_LIMIT, cursor: None };
    let adapters = service.list_adapters(&tenant, &filter, &first).await?.data;
    let named = adapters.into_iter().filter(|adapter| !adapter.stale);
    let named = named.filter_map(|adapter| Some(of_adapter(adapter.name.clone()?, adapter, service)));
    Ok(Json(ModelList { object: "list", data: std::iter::once(of_base(service)).chain(named).collect() }))
}

/// One model.
#[utoipa::path(get, path = "/v1/models/{model}", tag = "openai",
    params(("model" = String, Path, description = "The base's name, or an adapter's id or name")),
    responses((status = 200, body = Model)))]
pub(crate) async fn get_model(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    Segment(model): Segment<String>,
) -> Result<Json<Model>, Problem> {
    let service = state.service();
    if model == service.base().name() {
        return Ok(Json(of_base(service)));
    }
    let adapter = service.adapter(&tenant, &model).await.map_err(|error| missing(error, &model))?;
    Ok(Json(of_adapter(model, adapter, service)))
}

/// An error of the service where a request names a model: what it does not find is the model.
pub(super) fn missing(error: Error, model: &str) -> Problem {
    let missing = match &error {
        Error::NotFound { what, .. } => *what == "adapter",
        _ => false,
    };
    match missing {
        true => {
            let detail = format!("there is no model {model:?}: GET /v1/models lists the base and the named adapters");
            Problem::new(Code::NoModel, detail).naming("model")
        }
        false => error.into(),
    }
}

fn of_base(service: &Service) -> Model {
    let name = service.base().name().to_owned();
    let created = service.started_at().unix_timestamp();
    Model { id: name.clone(), object: "model", created, owned_by: "attune", root: name, parent: None }
}

fn of_adapter(id: String, adapter: AdapterView, service: &Service) -> Model {
    let created = adapter.created_at.unix_timestamp();
    let parent = (!adapter.stale).then(|| service.base().name().to_owned());
    Model { id, object: "model", created, owned_by: "attune", root: adapter.id, parent }
}
