//! Query parameters.

use axum::extract::rejection::QueryRejection;
use axum::extract::{self, FromRequestParts};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::super::problem::{Code, Problem};
use crate::store::PageRequest;
use crate::store::page::{DEFAULT_LIMIT, MAX_LIMIT};

/// Query parameters. A value that cannot be is a 422 that names its parameter.
pub(crate) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match extract::Query::from_request_parts(parts, state).await {
            Ok(extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(refused(&rejection)),
        }
    }
}

/// axum's text is `Failed to deserialize query string: limit: invalid digit …`.
fn refused(rejection: &QueryRejection) -> Problem {
    let text = rejection.body_text();
    let (_, reason) = text.split_once(": ").unwrap_or(("", &text));
    match reason.split_once(": ") {
        Some((name, reason)) => Problem::field(Code::Invalid, name, reason),
        None => Problem::new(Code::Invalid, reason),
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// At most this many rows; 50 where it is not said.
    #[param(minimum = 1, maximum = 1000, nullable = false)]
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(nullable = false)]
    pub(crate) cursor: Option<String>,
}

impl ListQuery {
    /// The page that it asks for.
    ///
    /// # Errors
    /// A limit outside 1 to 1,000.
    pub(crate) fn page(self) -> Result<PageRequest, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Problem::field(Code::Invalid, "limit", format!("must be between 1 and {MAX_LIMIT}")));
        }
        Ok(PageRequest { limit, cursor: self.cursor })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    async fn extract(uri: &str) -> Result<PageRequest, Problem> {
        let (mut parts, ()) = Request::builder().uri(uri).body(()).unwrap().into_parts();
        let Query(query) = Query::<ListQuery>::from_request_parts(&mut parts, &()).await?;
        query.page()
    }

    #[tokio::test]
    async fn a_bad_limit_is_named() {
        for uri in ["/?limit=many", "/?limit=0", "/?limit=1001", "/?limit=-1", "/?limit="] {
            let problem = extract(uri).await.unwrap_err();
            assert_eq!(problem.code(), Code::Invalid, "{uri}");
            assert_eq!(problem.body("r").invalid_params[0].name, "limit", "{uri}");
        }
    }

    #[tokio::test]
    async fn limit_and_cursor_have_defaults() {
        assert_eq!(extract("/").await.unwrap(), PageRequest::default());
        let page = extract("/?limit=7&cursor=ab").await.unwrap();
        assert_eq!((page.limit, page.cursor.as_deref()), (7, Some("ab")));
    }
}
