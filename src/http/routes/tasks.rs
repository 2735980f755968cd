//! Training tasks.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::extract::{self, ListQuery, Query, Segment, require_media_type, unread_body};
use crate::http::file::{etag, is_fresh};
use crate::http::if_match::if_match;
use crate::http::list::List;
use crate::http::openapi::errors;
use crate::http::problem::{Code, Problem};
use crate::http::state::AppState;
use crate::service::Error;
use crate::store::{Example, TaskRecord};

/// The media types of JSON lines.
const JSON_LINES: &[&str] = &["application/x-ndjson", "application/jsonl", "application/jsonlines"];

/// A task's wordings: one of the two fields.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutTask {
    /// The wordings.
    #[schema(min_items = 1, nullable = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) descriptions: Option<Vec<String>>,
    /// The only wording.
    #[schema(nullable = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

impl PutTask {
    fn into_descriptions(self) -> Result<Vec<String>, Problem> {
        match (self.descriptions, self.description) {
            (Some(descriptions), None) => Ok(descriptions),
            (None, Some(description)) => Ok(vec![description]),
            (None, None) => Err(Problem::field(Code::Invalid, "descriptions", "is missing")),
            (Some(_), Some(_)) => {
                Err(Problem::field(Code::Invalid, "description", "must not come beside descriptions"))
            }
        }
    }
}

/// Makes the task, or changes its descriptions.
#[utoipa::path(put, path = "/tasks/{name}", tag = "tasks",
    params(("name" = String, Path, description = "The task's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of GET /tasks/{name}, or * for a task that is there")),
    request_body = PutTask,
    responses((status = 200, description = "Changed", body = TaskRecord), (status = 201, description = "New", body = TaskRecord),
        errors::Changed, errors::Body))]
pub(crate) async fn put_task(
    State(state): State<AppState>,
    Segment(name): Segment<String>,
    headers: HeaderMap,
    extract::Json(body): extract::Json<PutTask>,
) -> Result<(StatusCode, Json<TaskRecord>), Problem> {
    let (expected, descriptions) = (if_match(&headers)?, body.into_descriptions()?);
    let (task, new) = state.service().put_task(&name, descriptions, &expected).await.map_err(refused)?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Json(task)))
}

/// A description's problem, under the name that the field has here.
fn refused(error: Error) -> Problem {
    match error {
        Error::Task(error) => Problem::field(Code::Invalid, "descriptions", error.to_string()),
        error => error.into(),
    }
}

/// Replaces the task's examples, which are all of one kind.
///
/// One JSON object a line: `{"input", "output", "split"?}` or, for plain text to be gone on with, `{"text", "split"?}`.
#[utoipa::path(put, path = "/tasks/{name}/examples", tag = "tasks",
    params(("name" = String, Path, description = "The task's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of GET /tasks/{name}, or * for a task that is there")),
    request_body(content = String, content_type = "application/x-ndjson",
        example = "{\"input\": \"cat\", \"output\": \"tac\"}\n{\"input\": \"dog\", \"output\": [\"god\"], \"split\": \"test\"}\n"),
    responses((status = 200, body = TaskRecord), errors::NotFound, errors::Changed, errors::Body))]
pub(crate) async fn put_examples(
    State(state): State<AppState>,
    Segment(name): Segment<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<TaskRecord>, Problem> {
    require_media_type(&headers, JSON_LINES)?;
    let expected = if_match(&headers)?;
    let examples = parse_lines(&body.map_err(|rejection| unread_body(&rejection))?)?;
    Ok(Json(state.service().put_examples(&name, examples, &expected).await?))
}

/// The task. Its ETag changes with its descriptions and its examples; sent back in `If-Match` it keeps one change from
/// overwriting another that the caller has not seen.
#[utoipa::path(get, path = "/tasks/{name}", tag = "tasks",
    params(("name" = String, Path, description = "The task's name"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of the caller's copy")),
    responses((status = 200, body = TaskRecord, headers(("ETag" = String, description = "Of this state of the task"))),
        (status = 304, description = "The caller's copy is good"), errors::NotFound))]
pub(crate) async fn get_task(
    State(state): State<AppState>,
    Segment(name): Segment<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let task = state.service().task(&name).await?;
    let tag = etag(&task.tag().map_err(|error| Problem::internal(&error))?);
    let tagged = [(header::ETAG, tag.clone())];
    Ok(match is_fresh(&headers, &tag) {
        true => (StatusCode::NOT_MODIFIED, tagged).into_response(),
        false => (tagged, Json(task)).into_response(),
    })
}

/// The tasks by name.
#[utoipa::path(get, path = "/tasks", tag = "tasks", params(ListQuery),
    responses((status = 200, body = List<TaskRecord>), errors::Invalid))]
pub(crate) async fn list_tasks(
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<TaskRecord>>, Problem> {
    Ok(Json(state.service().list_tasks(&query.page()?).await?.into()))
}

/// Removes the task and its examples; adapters and generators that were trained on it stay.
#[utoipa::path(delete, path = "/tasks/{name}", tag = "tasks",
    params(("name" = String, Path, description = "The task's name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of GET /tasks/{name}, or * for a task that is there")),
    responses((status = 204, description = "Removed"), errors::Malformed, errors::NotFound, errors::Changed))]
pub(crate) async fn delete_task(
    State(state): State<AppState>,
    Segment(name): Segment<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    state.service().delete_task(&name, &if_match(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The examples of JSON lines; blank lines are passed over. What is wrong is named by its line, the first being 1.
fn parse_lines(body: &[u8]) -> Result<Vec<Example>, Problem> {
    let lines = body.split(|&byte| byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    lines.map(|(index, line)| extract::parse(line).map_err(|problem| problem.in_line(index + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_lines_make_reading_panic(
            body in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", "\"input\"", "\"output\"", "\"text\"", "\"split\"", "\"test\"", ":", ",", "\n", "\r\n", " ", "\"\"", "1e999",
                "null", "\"\\ud800\"", "\u{0}", "ü",
            ]), 0..24),
            noise in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let _ = parse_lines(&[body.concat().into_bytes(), noise].concat());
        }
    }

    #[test]
    fn lines_are_examples_and_blank_ones_are_passed_over() {
        let examples =
            parse_lines(b"{\"input\": \"a\", \"output\": \"b\"}\r\n\n{\"input\": \"c\", \"output\": [\"d\"]}").unwrap();
        assert_eq!(examples.len(), 2);
        assert!(matches!(&examples[1], Example::Answered { input, .. } if input == "c"));
        let texts = parse_lines(b"{\"text\": \"Once.\", \"split\": \"test\"}").unwrap();
        assert!(matches!(&texts[0], Example::Text { text, split: Some(_) } if text == "Once."));
        assert!(parse_lines(b"").unwrap().is_empty());
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        for (line, name) in [
            ("{\"input\": \"a\"}", "line 3: output"),
            ("{\"text\": 1}", "line 3: text"),
            ("nonsense", "line 3"),
            ("{\"input\": 1}", "line 3: input"),
        ] {
            let body = format!("{{\"input\": \"a\", \"output\": \"b\"}}\n\n{line}\n");
            let problem = parse_lines(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code(), Code::Invalid, "{line}");
            assert_eq!(problem.body("r").invalid_params[0].name, name);
        }
    }

    #[test]
    fn a_task_has_one_of_the_two_fields() {
        let read = |body: &str| extract::parse::<PutTask>(body.as_bytes()).unwrap().into_descriptions();
        assert_eq!(read(r#"{"description": "a"}"#).unwrap(), ["a"]);
        assert_eq!(read(r#"{"descriptions": ["a", "b"]}"#).unwrap(), ["a", "b"]);
        assert!(read("{}").is_err());
        assert!(read(r#"{"description": "a", "descriptions": ["b"]}"#).is_err());
    }
}
