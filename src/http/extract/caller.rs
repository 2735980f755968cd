//! Who asks, with the quotas of their key.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::service::Caller;

/// The one whom [`crate::http::auth`] let in; the only tenant where it asked for no key.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Self>().cloned().unwrap_or_default();
        tracing::Span::current().record("tenant", &*caller.tenant);
        Ok(caller)
    }
}
