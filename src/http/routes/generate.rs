//! Completions.

use axum::Json;
use axum::extract::State;
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Token;
use crate::http::extract;
use crate::http::openapi::errors;
use crate::http::problem::Problem;
use crate::http::request_id::RequestId;
use crate::http::server_timing::server_timing;
use crate::http::sse;
use crate::http::state::AppState;
use crate::service::{Caller, Generate, Generated, Piece};

/// The data of a `token` event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenEvent {
    /// What joins the answer; it may be empty while a character is not complete.
    pub(crate) text: String,
    /// The token, where `logprobs` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) token: Option<Token>,
}

/// Completes a text through an adapter, or through none. With `stream` the answer is server-sent events: `token`
/// with `TokenEvent`, at the end `done` with `Generated`, or `error` with `Problem`.
#[utoipa::path(post, path = "/generate", tag = "generate", request_body = Generate,
    responses(
        (status = 200, content((Generated = "application/json"), (TokenEvent = "text/event-stream")),
            headers(("Server-Timing" = String, description = "Where the time went; not with `stream`"))),
        errors::NotFound, errors::Conflict, errors::Body, errors::Busy, errors::Late))]
pub(crate) async fn generate(
    State(state): State<AppState>,
    caller: Caller,
    id: RequestId,
    extract::Json(request): extract::Json<Generate>,
) -> Result<Response, Problem> {
    if !request.stream {
        let generated = state.service().generate(&caller, request).await?;
        return Ok((server_timing(&generated.timings_ms), Json(generated)).into_response());
    }
    let pieces = state.service().stream(&caller, request).await?;
    Ok(sse::events(pieces.map(move |piece| event(piece, &id))))
}

fn event(piece: Piece, id: &RequestId) -> Event {
    match piece {
        Piece::Text { text, token } => sse::json_event("token", &TokenEvent { text, token }),
        Piece::Done(generated) => sse::json_event("done", &generated),
        Piece::Failed(error) => sse::error_event(error.into(), id),
    }
}
