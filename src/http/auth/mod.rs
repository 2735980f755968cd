//! API keys: one layer before all routes, which refuses what it does not know.
//!
//! [`routes`] says what each route asks for, [`guard`] who a key is, [`bucket`] and [`limits`] how much it may. Whoever gets in
//! is in the request's extensions, as [`Tenant`] and as [`Caller`](crate::service::Caller).

mod bucket;
mod guard;
pub(crate) mod limits;
pub(crate) mod routes;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use self::guard::Admitted;
use self::routes::{Access, Declared, ROUTES, allows, declared};
use super::extract::Tenant;
use super::problem::{Code, Problem};
use super::state::AppState;
use crate::store::Scope;
use crate::telemetry::record;

pub(crate) use self::guard::Guard;
pub use self::guard::{KeyPolicy, REMEMBERED};

/// Lets a request through to its route, or answers in its place.
pub(super) async fn authorize(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.as_ref().map(MatchedPath::as_str);
    let declared = path.map(|path| declared(request.method(), path));
    if declared == Some(Declared::Route(Access::Open)) {
        return next.run(request).await;
    }
    if !state.guard().asks(state.service()).await {
        return match refused(declared, path) {
            Some(problem) => problem.into_response(),
            None => next.run(request).await,
        };
    }
    let admitted = match admit(&state, request.headers()).await {
        Ok(admitted) => admitted,
        Err(problem) => return problem.into_response(),
    };
    if admitted.touch {
        touch(&state, &admitted);
    }
    let mut response = match check(&admitted, declared).or_else(|| refused(declared, path)) {
        Some(problem) => problem.into_response(),
        None => {
            let caller = admitted.caller();
            // Handlers that ask for no tenant are told apart in the log, too.
            tracing::Span::current().record("tenant", &*caller.tenant);
            request.extensions_mut().insert(Tenant(caller.tenant.clone()));
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
    };
    admitted.limits.tell(admitted.standing, response.headers_mut());
    response
}

/// The key that the request came with.
async fn admit(state: &AppState, headers: &HeaderMap) -> Result<Admitted, Problem> {
    let challenge = |value| (header::WWW_AUTHENTICATE, HeaderValue::from_static(value));
    let unauthorized = |detail: &str, (name, value)| Problem::new(Code::Unauthorized, detail).header(name, value);
    let Some(text) = bearer(headers) else {
        record::auth_failure("missing");
        let detail = "send an API key in the header Authorization: Bearer KEY; `attune key create` makes one";
        return Err(unauthorized(detail, challenge("Bearer")));
    };
    let unknown = || {
        record::auth_failure("invalid");
        unauthorized("the API key is unknown, expired or revoked", challenge("Bearer error=\"invalid_token\""))
    };
    state.guard().admit(state.service(), text).await?.ok_or_else(unknown)
}

/// The credentials of the header, where it has some of this kind.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, text) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
}

/// Why this key does not get to this route.
fn check(admitted: &Admitted, declared: Option<Declared>) -> Option<Problem> {
    if let Some(standing) = admitted.standing.filter(|standing| !standing.allowed) {
        let detail = format!("this key may send {} requests a minute", standing.limit);
        return Some(Problem::new(Code::RateLimited, detail).after(standing.wait));
    }
    match declared {
        Some(Declared::Route(Access::Scoped(wanted))) if !allows(admitted.scopes(), wanted) => Some(narrow(wanted)),
        _ => None,
    }
}

fn narrow(wanted: Scope) -> Problem {
    record::auth_failure("scope");
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{wanted}\"");
    let challenge = HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
    Problem::new(Code::Forbidden, format!("this needs a key with the scope {wanted}"))
        .header(header::WWW_AUTHENTICATE, challenge)
}

/// What nobody may: a route, or a method of one, that is not declared. What matched no route at all goes on to be told so.
fn refused(declared: Option<Declared>, path: Option<&str>) -> Option<Problem> {
    let path = path?;
    match declared? {
        Declared::Route(_) => None,
        Declared::OtherMethod => Some(other_method(path)),
        Declared::Nothing => {
            tracing::error!(path, "a route without a declared scope was asked for");
            Some(Problem::new(Code::Forbidden, "this route has no declared scope: nobody may use it"))
        }
    }
}

fn other_method(path: &str) -> Problem {
    let mut methods: Vec<&str> = ROUTES.iter().filter(|route| route.1 == path).map(|route| route.0).collect();
    if methods.contains(&Method::GET.as_str()) {
        methods.push("HEAD");
    }
    let allow = HeaderValue::from_str(&methods.join(",")).unwrap_or(HeaderValue::from_static(""));
    Problem::new(Code::Method, format!("{path} has the methods {}", methods.join(", "))).header(header::ALLOW, allow)
}

/// Notes that the key was used; the answer does not wait for that.
fn touch(state: &AppState, admitted: &Admitted) {
    let (state, id) = (state.clone(), admitted.record.id.clone());
    tokio::spawn(async move {
        if let Err(error) = state.service().touch_key(&id).await {
            tracing::warn!(%error, "the use of an API key was not noted");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_credentials_are_read() {
        let with =
            |value: &'static str| HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
        assert_eq!(bearer(&with("Bearer attune_1")), Some("attune_1"));
        assert_eq!(bearer(&with("bearer  attune_1")), Some("attune_1"));
        for other in ["Basic attune_1", "attune_1", "Bearer"] {
            assert_eq!(bearer(&with(other)), None, "{other}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_not_declared_is_refused_and_another_method_is_told() {
        assert_eq!(refused(Some(Declared::Nothing), Some("/new")).unwrap().code(), Code::Forbidden);
        let response = refused(Some(Declared::OtherMethod), Some("/adapters/{id}")).unwrap().into_response();
        assert_eq!(response.headers()[header::ALLOW], "GET,DELETE,HEAD");
        assert!(refused(None, None).is_none());
    }
}
