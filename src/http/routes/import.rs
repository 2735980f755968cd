//! An adapter that was trained elsewhere: a form of its PEFT files or of an archive, or the archive itself.

use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::http::body_time;
use crate::http::extract::{Query, require_media_type, text_header, unread_body};
use crate::http::openapi::errors;
use crate::http::problem::{Code, Problem};
use crate::http::routes::adapters::whereabouts;
use crate::http::schemas::Binary;
use crate::http::state::AppState;
use crate::service::{AdapterView, Caller, ImportAdapter};

const FORM: &str = "multipart/form-data";
/// The kinds of archives. Which one a body is, its first bytes tell; the type says only that it is one.
const ARCHIVES: [&str; 3] = ["application/x-tar", "application/gzip", "application/zip"];

/// The parts of the form: the two files, or an archive.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the form is read part by part; this describes it")]
pub(crate) struct ImportForm {
    /// `adapter_config.json`
    #[schema(value_type = String, format = Binary, required = false)]
    adapter_config: Option<Vec<u8>>,
    /// `adapter_model.safetensors`
    #[schema(value_type = String, format = Binary, required = false)]
    adapter_model: Option<Vec<u8>>,
    /// A tar, gzipped tar or zip of both, at its root or in one folder.
    #[schema(value_type = String, format = Binary, required = false)]
    archive: Option<Vec<u8>>,
    /// A name of one's own.
    #[schema(nullable = false)]
    name: Option<String>,
    /// Whether the name may be taken from another adapter.
    #[schema(nullable = false)]
    replace: Option<bool>,
}

/// What goes with an archive that is a body of its own.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// A name of one's own.
    #[param(nullable = false)]
    name: Option<String>,
    /// Whether the name may be taken from another adapter.
    #[param(nullable = false)]
    replace: Option<bool>,
}

/// Takes in an adapter in PEFT's layout: a form, or an archive as the body with `name` and `replace` in the query.
///
/// With an `Idempotency-Key` the same import is made once, as long as its adapter is there: what others did with the name
/// meanwhile stays done.
#[utoipa::path(post, path = "/adapters/import", tag = "adapters", 
    params(ImportQuery,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters", max_length = 255)),
    request_body(content((ImportForm = "multipart/form-data"), (Binary = "application/x-tar"),
        (Binary = "application/gzip"), (Binary = "application/zip"))),
    responses((status = 200, description = "It was there already, or the key imported it before", body = AdapterView),
        (status = 201, description = "New", body = AdapterView), errors::Conflict, errors::Body))]
pub(crate) async fn import_adapter(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let limit = state.limits().import;
    let idempotency_key = text_header(request.headers(), "Idempotency-Key")?;
    require_media_type(request.headers(), &[&[FORM], ARCHIVES.as_slice()].concat())?;
    refuse_longer(request.headers(), limit)?;
    let parts = if require_media_type(request.headers(), &[FORM]).is_ok() {
        let form = Multipart::from_request(request, &()).await;
        read_form(form.map_err(|rejection: MultipartRejection| Problem::new(Code::Malformed, rejection.body_text()))?)
            .await?
    } else {
        let body = Bytes::from_request(request, &()).await.map_err(|rejection| unread_body(&rejection))?;
        Parts { archive: Some(body), ..Parts::default() }
    };
    let name = parts.name.clone().or(query.name);
    let replace = parts.replace.or(query.replace).unwrap_or(false);
    let (config, weights) = match parts.source()? {
        Source::Files { config, weights } => (config, weights),
        Source::Archive(archive) => {
            let files = state.service().unpack_adapter(archive, limit).await?;
            (files.config, files.weights)
        }
    };
    let import = ImportAdapter { config, weights, name, replace, idempotency_key };
    let (adapter, new) = state.service().import_adapter(&caller, import).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, whereabouts(&adapter), Json(adapter)).into_response())
}

/// A body that says itself that it is too long is not begun with.
fn refuse_longer(headers: &HeaderMap, limit: usize) -> Result<(), Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) { Err(too_long()) } else { Ok(()) }
}

async fn read_form(mut form: Multipart) -> Result<Parts, Problem> {
    let mut parts = Parts::default();
    while let Some(field) = form.next_field().await.map_err(|error| unread(&error))? {
        parts.take(field).await?;
    }
    Ok(parts)
}

/// The parts that were read so far.
#[derive(Debug, Default)]
struct Parts {
    config: Option<Vec<u8>>,
    weights: Option<Vec<u8>>,
    archive: Option<Bytes>,
    name: Option<String>,
    replace: Option<bool>,
}

/// Where the two files are.
#[derive(Debug)]
enum Source {
    Files { config: Vec<u8>, weights: Vec<u8> },
    Archive(Bytes),
}

impl Parts {
    async fn take(&mut self, field: Field<'_>) -> Result<(), Problem> {
        let part = field.name().unwrap_or_default().to_owned();
        let repeated = match part.as_str() {
            "adapter_config" => self.config.replace(bytes(field).await?).is_some(),
            "adapter_model" => self.weights.replace(bytes(field).await?).is_some(),
            "archive" => self.archive.replace(bytes(field).await?.into()).is_some(),
            "name" => self.name.replace(text(field, "name").await?).is_some(),
            "replace" => self.replace.replace(flag(&text(field, "replace").await?)?).is_some(),
            _ => return Err(Problem::field(Code::Invalid, part, "is no part of this form")),
        };
        if repeated { Err(Problem::field(Code::Invalid, part, "comes twice")) } else { Ok(()) }
    }

    fn source(self) -> Result<Source, Problem> {
        let invalid = |part: &str, reason: &str| Err(Problem::field(Code::Invalid, part, reason));
        match (self.config, self.weights, self.archive) {
            (Some(config), Some(weights), None) => Ok(Source::Files { config, weights }),
            (None, None, Some(archive)) => Ok(Source::Archive(archive)),
            (_, _, Some(_)) => invalid("archive", "comes beside a file of it: send one or the other"),
            (None, _, None) => invalid("adapter_config", "is missing"),
            (_, None, None) => invalid("adapter_model", "is missing"),
        }
    }
}

/// The part's bytes, gathered in the one buffer that the service takes.
async fn bytes(mut field: Field<'_>) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| unread(&error))? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn text(field: Field<'_>, part: &str) -> Result<String, Problem> {
    String::from_utf8(bytes(field).await?).map_err(|_| Problem::field(Code::Invalid, part, "must be UTF-8"))
}

fn flag(text: &str) -> Result<bool, Problem> {
    text.parse().map_err(|_| Problem::field(Code::Invalid, "replace", "must be true or false"))
}

fn unread(error: &MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_long();
    }
    if body_time::is_slow(error) { body_time::problem() } else { Problem::new(Code::Malformed, error.body_text()) }
}

fn too_long() -> Problem {
    Problem::new(Code::TooLarge, "the body is longer than this route accepts; GET /info names limits.import_bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    async fn read(parts: &[(&str, &str)]) -> Result<Parts, Problem> {
        let part = |(name, value): &(&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = parts.iter().map(part).collect::<String>() + "--b--\r\n";
        let request = Request::builder().header("content-type", "multipart/form-data; boundary=b");
        read_form(Multipart::from_request(request.body(Body::from(body)).unwrap(), &()).await.unwrap()).await
    }

    async fn refusal(parts: &[(&str, &str)]) -> Problem {
        match read(parts).await.map(Parts::source) {
            Ok(source) => source.unwrap_err(),
            Err(problem) => problem,
        }
    }

    #[tokio::test]
    async fn a_form_has_its_files_and_may_have_a_name() {
        let import = read(&[("adapter_model", "w"), ("adapter_config", "{}"), ("name", "mine"), ("replace", "true")]);
        let import = import.await.unwrap();
        assert_eq!((import.name.as_deref(), import.replace), (Some("mine"), Some(true)));
        let Source::Files { config, weights } = import.source().unwrap() else { panic!("no files") };
        assert_eq!((config.as_slice(), weights.as_slice()), (b"{}".as_slice(), b"w".as_slice()));
    }

    #[tokio::test]
    async fn an_archive_comes_alone() {
        let Source::Archive(archive) = read(&[("archive", "zip")]).await.unwrap().source().unwrap() else {
            panic!("no archive")
        };
        assert_eq!(archive.as_ref(), b"zip");
    }

    #[tokio::test]
    async fn the_part_that_is_wrong_is_named() {
        let files = [("adapter_config", "{}"), ("adapter_model", "w")];
        for (more, without, name) in [
            (None, 0, "adapter_config"),
            (None, 1, "adapter_model"),
            (Some(("nmae", "x")), 2, "nmae"),
            (Some(("replace", "yes")), 2, "replace"),
            (Some(("adapter_config", "{}")), 2, "adapter_config"),
            (Some(("archive", "zip")), 2, "archive"),
            (Some(("archive", "zip")), 0, "archive"),
        ] {
            let sent = files.iter().enumerate().filter(|(i, _)| *i != without).map(|(_, part)| *part).chain(more);
            let problem = refusal(&sent.collect::<Vec<_>>()).await;
            assert_eq!(problem.body("r").invalid_params[0].name, name);
        }
    }
}
