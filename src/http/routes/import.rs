//! An adapter that was trained elsewhere, as a form of its PEFT files.

use axum::Json;
use axum::extract::multipart::{Field, MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use crate::http::extract::{Tenant, require_media_type};
use crate::http::openapi::errors;
use crate::http::problem::{Code, Problem};
use crate::http::routes::adapters::whereabouts;
use crate::http::state::AppState;
use crate::service::{AdapterView, ImportAdapter};

/// The parts of the form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the form is read part by part; this describes it")]
pub(crate) struct ImportForm {
    /// `adapter_config.json`
    #[schema(value_type = String, format = Binary)]
    adapter_config: Vec<u8>,
    /// `adapter_model.safetensors`
    #[schema(value_type = String, format = Binary)]
    adapter_model: Vec<u8>,
    /// A name of one's own.
    #[schema(nullable = false)]
    name: Option<String>,
    /// Whether the name may be taken from another adapter.
    #[schema(nullable = false)]
    replace: Option<bool>,
}

/// Takes in an adapter in PEFT's layout.
#[utoipa::path(post, path = "/adapters/import", tag = "adapters",
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "It was there already", body = AdapterView),
        (status = 201, description = "New", body = AdapterView), errors::Conflict, errors::Body))]
pub(crate) async fn import_adapter(
    State(state): State<AppState>,
    Tenant(tenant): Tenant,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    require_media_type(&headers, &["multipart/form-data"])?;
    let form = form.map_err(|rejection| Problem::new(Code::Malformed, rejection.body_text()))?;
    let (adapter, new) = state.service().import_adapter(&tenant, read_form(form).await?).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, whereabouts(&adapter), Json(adapter)).into_response())
}

async fn read_form(mut form: Multipart) -> Result<ImportAdapter, Problem> {
    let mut parts = Parts::default();
    while let Some(field) = form.next_field().await.map_err(|error| unread(&error))? {
        parts.take(field).await?;
    }
    parts.whole()
}

/// The parts that were read so far.
#[derive(Default)]
struct Parts {
    config: Option<Vec<u8>>,
    weights: Option<Vec<u8>>,
    name: Option<String>,
    replace: Option<bool>,
}

impl Parts {
    async fn take(&mut self, field: Field<'_>) -> Result<(), Problem> {
        let part = field.name().unwrap_or_default().to_owned();
        let repeated = match part.as_str() {
            "adapter_config" => self.config.replace(bytes(field).await?).is_some(),
            "adapter_model" => self.weights.replace(bytes(field).await?).is_some(),
            "name" => self.name.replace(text(field, "name").await?).is_some(),
            "replace" => self.replace.replace(flag(&text(field, "replace").await?)?).is_some(),
            _ => return Err(Problem::field(Code::Invalid, part, "is no part of this form")),
        };
        if repeated { Err(Problem::field(Code::Invalid, part, "comes twice")) } else { Ok(()) }
    }

    fn whole(self) -> Result<ImportAdapter, Problem> {
        let missing = |part: &str| Problem::field(Code::Invalid, part, "is missing");
        Ok(ImportAdapter {
            config: self.config.ok_or_else(|| missing("adapter_config"))?,
            weights: self.weights.ok_or_else(|| missing("adapter_model"))?,
            name: self.name,
            replace: self.replace.unwrap_or(false),
        })
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
        return Problem::new(Code::TooLarge, "the form is longer than this route accepts");
    }
    Problem::new(Code::Malformed, error.body_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::extract::{FromRequest, Request};

    async fn read(parts: &[(&str, &str)]) -> Result<ImportAdapter, Problem> {
        let part = |(name, value): &(&str, &str)| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = parts.iter().map(part).collect::<String>() + "--b--\r\n";
        let request = Request::builder().header("content-type", "multipart/form-data; boundary=b");
        read_form(Multipart::from_request(request.body(Body::from(body)).unwrap(), &()).await.unwrap()).await
    }

    #[tokio::test]
    async fn a_form_has_its_files_and_may_have_a_name() {
        let import = read(&[("adapter_model", "w"), ("adapter_config", "{}"), ("name", "mine"), ("replace", "true")]);
        let import = import.await.unwrap();
        assert_eq!((import.config.as_slice(), import.weights.as_slice()), (b"{}".as_slice(), b"w".as_slice()));
        assert_eq!((import.name.as_deref(), import.replace), (Some("mine"), true));
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
        ] {
            let sent = files.iter().enumerate().filter(|(i, _)| *i != without).map(|(_, part)| *part).chain(more);
            let problem = read(&sent.collect::<Vec<_>>()).await.err().unwrap();
            assert_eq!(problem.body("r").invalid_params[0].name, name);
        }
    }
}
