//! The interface described as OpenAPI, and its viewer.
//!
//! Routes are described where they are written; this module gathers them, adds what every route has, and serves both.

pub(crate) mod errors;

use std::collections::BTreeMap;

use axum::Router;
use axum::http::{Method, header};
use axum::middleware::map_response;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::IntoResponses;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder, PathItem, RefOr, Response};
use utoipa::{PartialSchema, ToSchema};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::auth::routes::{Access, access};
use super::openai::{self, Envelope, ErrorBody};
use super::problem::{Code, InvalidParam, Problem, ProblemBody};
use super::router;
use super::state::{AppState, BodyLimits};

/// The name of the security scheme.
const SCHEME: &str = "bearerAuth";
const BEARER: &str = "An API key, `attune_…`. A server on loopback without any key asks for none. The scope that an operation \
                      needs stands beside it; `admin` is all of them.";
/// Where the description is served.
const PATH: &str = "/openapi.json";

/// The description as pretty JSON: what `GET /openapi.json` answers and `attune openapi` prints.
pub fn openapi_json() -> String {
    to_json(&finish(router::api(BodyLimits::default()).into_openapi()))
}

/// The description before any route.
pub(super) fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("attune")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Describe a task, get a LoRA. Errors are `application/problem+json` (RFC 9457); every answer has the \
             request's id in `x-request-id`, the caller's own where it sent one. The routes below `/v1` speak OpenAI's \
             shapes, errors included.",
        ))
        .license(Some(
            utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ));
    let tag = |name: &str, text: &str| TagBuilder::new().name(name).description(Some(text)).build();
    let tags = [
        tag("adapters", "LoRA weights: generated, imported, downloaded"),
        tag("generate", "Completions through an adapter, or through none"),
        tag("openai", "OpenAI's routes, for its clients"),
        tag("jobs", "Training in the background"),
        tag("tasks", "What generators are trained on"),
        tag("generators", "Versions of the generator"),
        tag("keys", "API keys"),
        tag("server", "Probes, versions, limits"),
    ];
    OpenApiBuilder::new().info(info).tags(Some(tags)).build()
}

/// Adds what every route has: the server's own errors, and the schemas that only errors use.
pub(super) fn finish(mut api: OpenApi) -> OpenApi {
    for (path, item) in &mut api.paths.paths {
        let common = if openai::is_route(path) { errors::OpenAi::responses } else { errors::Server::responses };
        for (method, operation) in operations(item) {
            let keys = key_of(&method, path, operation);
            for (status, response) in common().into_iter().chain(keys) {
                operation.responses.responses.entry(status).or_insert(response);
            }
            describe_answers(operation);
        }
    }
    let components = api.components.get_or_insert_default();
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(BEARER)).build();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
    let schemas = &mut components.schemas;
    schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    schemas.insert(InvalidParam::name().into_owned(), InvalidParam::schema());
    schemas.insert(Envelope::name().into_owned(), Envelope::schema());
    schemas.insert(ErrorBody::name().into_owned(), ErrorBody::schema());
    api
}

/// An answer of which nothing more is said is what the operation's first line says that it gives.
fn describe_answers(operation: &mut Operation) {
    let summary = operation.summary.clone().unwrap_or_default();
    for response in operation.responses.responses.values_mut() {
        match response {
            RefOr::T(response) if response.description.is_empty() => response.description.clone_from(&summary),
            RefOr::T(_) | RefOr::Ref(_) => {}
        }
    }
}

/// Says which key an operation asks for, and gives the answers to one who has it not.
fn key_of(method: &Method, path: &str, operation: &mut Operation) -> BTreeMap<String, RefOr<Response>> {
    match access(method, path) {
        Some(Access::Scoped(scope)) => {
            operation.security = Some(vec![SecurityRequirement::new(SCHEME, [scope.as_str()])]);
            if openai::is_route(path) { BTreeMap::new() } else { errors::Keys::responses() }
        }
        Some(Access::Open) | None => BTreeMap::new(),
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let all = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// The routes of the description and of its viewer, whose files are in the binary.
pub(super) fn viewer(api: OpenApi) -> Router<AppState> {
    let json = to_json(&api);
    let description = get(move || {
        let json = json.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], json) }
    });
    let pages = Router::from(SwaggerUi::new("/docs").config(Config::from(PATH))).layer(map_response(explain));
    Router::new().route(PATH, description).merge(pages)
}

/// The viewer refuses without a word.
async fn explain(response: axum::response::Response) -> axum::response::Response {
    if response.status().is_client_error() {
        return Problem::new(Code::NoRoute, "the viewer has no such file; GET /docs/ shows it").into_response();
    }
    response
}

fn to_json(api: &OpenApi) -> String {
    api.to_pretty_json().map(|json| json + "\n").unwrap_or_else(|error| {
        tracing::error!(reason = %error, "the description cannot be written as JSON");
        "{}\n".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        serde_json::from_str(&openapi_json()).unwrap()
    }

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let (document, mut found) = (document(), BTreeSet::new());
        references(&document, &mut found);
        for reference in found {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
    }

    #[test]
    fn operations_have_ids_of_their_own_and_the_servers_errors() {
        let (document, mut ids) = (document(), BTreeSet::new());
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
                assert!(operation["responses"]["500"].is_object(), "{method} {path}");
            }
        }
        assert_eq!(ids.len(), 33);
    }

    #[test]
    fn every_operation_is_declared_and_says_which_key_it_asks_for() {
        for (path, item) in document()["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let method: Method = method.to_uppercase().parse().unwrap();
                let access = access(&method, path);
                let scopes =
                    operation["security"][0]["bearerAuth"].as_array().map(|scopes| scopes[0].as_str().unwrap());
                match access.unwrap_or_else(|| panic!("{method} {path} has no line in http::auth::routes")) {
                    Access::Open => assert_eq!(scopes, None, "{method} {path}"),
                    Access::Scoped(scope) => {
                        assert_eq!(scopes, Some(scope.as_str()), "{method} {path}");
                        for status in ["401", "403", "429"] {
                            assert!(operation["responses"][status].is_object(), "{method} {path}: {status}");
                        }
                    }
                }
            }
        }
    }

    /// `ATTUNE_UPDATE_OPENAPI=1 cargo test openapi` writes the file anew.
    #[test]
    fn the_committed_description_is_this_one() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
        if std::env::var_os("ATTUNE_UPDATE_OPENAPI").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, openapi_json()).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap();
        assert!(committed == openapi_json(), "openapi/openapi.json is old: ATTUNE_UPDATE_OPENAPI=1 cargo test openapi");
    }
}
