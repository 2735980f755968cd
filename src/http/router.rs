//! All routes, and what lies around them.
//!
//! From the outside in: the request's id, a span for log and trace, what is counted, panics made problems, other origins'
//! pages, API keys, the limits of bodies, routes.

use std::any::Any;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::observe::{observe, span};
use super::problem::{Code, Problem};
use super::request_id::with_request_id;
use super::routes::{adapters, files, generate, generators, health, import, info, jobs, keys, metrics, page, tasks};
use super::state::{AppState, BodyLimits};
use super::{auth, body_time, cors, openai, openapi};

/// The server's routes over this state.
pub fn router(state: AppState) -> Router {
    let (routes, api) = api(state.limits()).split_for_parts();
    let routes = routes
        .merge(openapi::viewer(openapi::finish(api)))
        .merge(page::page())
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(state.limits().general))
        .layer(from_fn_with_state(state.clone(), body_time::with_body_time))
        .layer(from_fn_with_state(state.clone(), auth::authorize));
    // Without a name nobody is answered as a page of another origin.
    let routes = match state.cors_origins() {
        [] => routes,
        origins => routes.layer(cors::layer(origins)),
    };
    routes
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(observe))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_response(()).on_failure(()))
        .layer(from_fn(with_request_id))
        .with_state(state)
}

/// The routes with their description.
pub(super) fn api(limits: BodyLimits) -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(adapters::create_adapter, adapters::list_adapters))
        .routes(routes!(import::import_adapter).layer(DefaultBodyLimit::max(limits.import)))
        .routes(routes!(adapters::get_adapter, adapters::delete_adapter))
        .routes(routes!(files::get_weights))
        .routes(routes!(files::get_config))
        .routes(routes!(generate::generate))
        .routes(routes!(jobs::train))
        .routes(routes!(jobs::list_jobs))
        .routes(routes!(jobs::get_job))
        .routes(routes!(jobs::job_events))
        .routes(routes!(jobs::cancel_job))
        .routes(routes!(tasks::list_tasks))
        .routes(routes!(tasks::put_task, tasks::get_task, tasks::delete_task))
        .routes(routes!(tasks::put_examples).layer(DefaultBodyLimit::max(limits.examples)))
        .routes(routes!(generators::list_generators))
        .routes(routes!(generators::get_generator))
        .routes(routes!(generators::map_generator))
        .routes(routes!(generators::activate_generator))
        .routes(routes!(keys::create_key, keys::list_keys))
        .routes(routes!(keys::revoke_key))
        .routes(routes!(openai::models::list_models))
        .routes(routes!(openai::models::get_model))
        .routes(routes!(openai::completions::create_completion))
        .routes(routes!(openai::chat::create_chat_completion))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(info::info))
        .routes(routes!(metrics::metrics))
}

async fn no_route(request: Request) -> Problem {
    Problem::new(Code::NoRoute, format!("there is no route {}; GET /openapi.json lists them", request.uri().path()))
}

async fn no_method(request: Request) -> Problem {
    Problem::new(Code::Method, format!("{} does not have the method {}", request.uri().path(), request.method()))
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Problem::internal(&format!("a handler panicked: {}", text.unwrap_or_default())).into_response()
}
