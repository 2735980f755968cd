//! Who asks.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::store::DEFAULT_TENANT;

/// The tenant of a request: the one that authentication put into its extensions, else the only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant(pub Arc<str>);

impl<S: Send + Sync> FromRequestParts<S> for Tenant {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let tenant = parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(DEFAULT_TENANT.into()));
        tracing::Span::current().record("tenant", &*tenant.0);
        Ok(tenant)
    }
}
