//! What each route asks of a key: the one table, which the router goes by and the OpenAPI file tells.
//!
//! A route that is not in it is refused, so a new route needs its line here.

use axum::http::Method;

use crate::store::Scope;

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Open,
    /// A key with this scope.
    Scoped(Scope),
}

/// What the table says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// The route is there.
    Route(Access),
    /// Only other methods are.
    OtherMethod,
    /// It is not.
    Nothing,
}

const READ: Access = Access::Scoped(Scope::Read);
const GENERATE: Access = Access::Scoped(Scope::Generate);
const TRAIN: Access = Access::Scoped(Scope::Train);
const ADMIN: Access = Access::Scoped(Scope::Admin);

/// Method, path as the router has it, and what is asked for.
pub(super) const ROUTES: [(&str, &str, Access); 39] = [
    ("GET", "/", Access::Open),
    ("GET", "/web/{file}", Access::Open),
    ("GET", "/docs", Access::Open),
    ("GET", "/docs/", Access::Open),
    ("GET", "/docs/{*rest}", Access::Open),
    ("GET", "/openapi.json", Access::Open),
    ("GET", "/health/live", Access::Open),
    ("GET", "/health/ready", Access::Open),
    ("GET", "/info", READ),
    ("GET", "/metrics", READ),
    ("GET", "/adapters", READ),
    ("POST", "/adapters", GENERATE),
    ("POST", "/adapters/import", GENERATE),
    ("GET", "/adapters/{id}", READ),
    ("DELETE", "/adapters/{id}", GENERATE),
    ("GET", "/adapters/{id}/adapter_model.safetensors", READ),
    ("GET", "/adapters/{id}/adapter_config.json", READ),
    ("POST", "/generate", GENERATE),
    ("POST", "/jobs/train", TRAIN),
    ("GET", "/jobs", READ),
    ("GET", "/jobs/{id}", READ),
    ("GET", "/jobs/{id}/events", READ),
    ("POST", "/jobs/{id}/cancel", TRAIN),
    ("GET", "/tasks", READ),
    ("GET", "/tasks/{name}", READ),
    ("PUT", "/tasks/{name}", TRAIN),
    ("DELETE", "/tasks/{name}", TRAIN),
    ("PUT", "/tasks/{name}/examples", TRAIN),
    ("GET", "/generators", READ),
    ("GET", "/generators/{id}", READ),
    ("GET", "/generators/{id}/map", READ),
    // What serves all tenants is chosen by who runs the server.
    ("POST", "/generators/{id}/activate", ADMIN),
    ("GET", "/keys", ADMIN),
    ("POST", "/keys", ADMIN),
    ("DELETE", "/keys/{id}", ADMIN),
    ("GET", "/v1/models", READ),
    ("GET", "/v1/models/{model}", READ),
    ("POST", "/v1/completions", GENERATE),
    ("POST", "/v1/chat/completions", GENERATE),
];

/// What a route asks for; none where it is not declared. HEAD is answered as GET is.
pub(crate) fn access(method: &Method, path: &str) -> Option<Access> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    ROUTES.iter().find(|route| route.0 == method && route.1 == path).map(|route| route.2)
}

pub(super) fn declared(method: &Method, path: &str) -> Declared {
    match access(method, path) {
        Some(access) => Declared::Route(access),
        None if ROUTES.iter().any(|route| route.1 == path) => Declared::OtherMethod,
        None => Declared::Nothing,
    }
}

/// Whether a key with these scopes may do what asks for this one.
pub(super) fn allows(scopes: &[Scope], wanted: Scope) -> bool {
    scopes.iter().any(|scope| *scope == wanted || *scope == Scope::Admin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_declared_once_and_another_not_at_all() {
        let mut routes: Vec<_> = ROUTES.iter().map(|(method, path, _)| (method, path)).collect();
        routes.sort_unstable();
        routes.dedup();
        assert_eq!(routes.len(), ROUTES.len());
        assert_eq!(declared(&Method::HEAD, "/info"), Declared::Route(READ));
        assert_eq!(declared(&Method::PATCH, "/info"), Declared::OtherMethod);
        assert_eq!(declared(&Method::GET, "/nowhere"), Declared::Nothing);
    }

    #[test]
    fn what_is_open_needs_no_secret_to_be_read() {
        let open: Vec<&str> = ROUTES.iter().filter(|route| route.2 == Access::Open).map(|route| route.1).collect();
        let expected =
            ["/", "/web/{file}", "/docs", "/docs/", "/docs/{*rest}", "/openapi.json", "/health/live", "/health/ready"];
        assert_eq!(open, expected);
        assert!(ROUTES.iter().all(|route| route.0 == "GET" || route.2 != READ), "reading changes nothing");
    }

    #[test]
    fn admin_is_all_and_the_others_are_what_they_say() {
        assert!(allows(&[Scope::Admin], Scope::Train));
        assert!(allows(&[Scope::Read, Scope::Generate], Scope::Generate));
        assert!(!allows(&[Scope::Generate, Scope::Train], Scope::Read));
    }
}
