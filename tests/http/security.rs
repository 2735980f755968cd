//! API keys: who gets in, to what, how often, and what is told of it.

use std::time::Duration;

use attune::http::{Exposure, KeyPolicy, REMEMBERED};
use attune::service::CreateKey;
use attune::store::{ClaimRequest, KeyLimits, Outcome, Scope};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::adapters::import;
use crate::faults::process::Place;
use crate::state::State;
use crate::support::{Answer, KNOWN, Server};

const ALL: [Scope; 4] = [Scope::Read, Scope::Generate, Scope::Train, Scope::Admin];

fn key(tenant: &str, scopes: &[Scope]) -> CreateKey {
    CreateKey {
        name: "test".to_owned(),
        tenant: Some(tenant.to_owned()),
        scopes: scopes.to_vec(),
        ..CreateKey::default()
    }
}

/// An operation of the OpenAPI file, with the scope that it asks for.
struct Operation {
    method: String,
    path: String,
    scope: Option<String>,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&attune::http::openapi_json()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scope = operation["security"][0]["bearerAuth"][0].as_str().map(str::to_owned);
            operations.push(Operation { method: method.to_uppercase(), path: path.clone(), scope });
        }
    }
    operations
}

impl Operation {
    /// The path to a thing of this id.
    fn of(&self, id: &str) -> String {
        let Some((before, after)) = self.path.split_once('{') else { return self.path.clone() };
        format!("{before}{id}{}", after.split_once('}').unwrap().1)
    }

    fn is_openai(&self) -> bool {
        self.path.starts_with("/v1/")
    }

    /// Holds a refusal against the shape that the route's errors have.
    #[track_caller]
    fn refuses(&self, answer: &Answer, status: u16, (code, openai): (&str, &str)) {
        match self.is_openai() {
            true => {
                assert_eq!(answer.status.as_u16(), status, "{} {}: {}", self.method, self.path, answer.text());
                assert_eq!(answer.json()["error"]["code"], openai, "{} {}", self.method, self.path);
            }
            false => drop(answer.problem(status, code)),
        }
    }
}

async fn keyed(server: &Server, secret: &str, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {secret}"));
    server.send(request.body(Body::empty()).unwrap()).await
}

async fn keyed_json(server: &Server, secret: &str, (method, path): (&str, &str), body: Value) -> Answer {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {secret}"));
    let request = request.header("content-type", "application/json");
    server.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// A server that asks for keys.
async fn locked() -> Server {
    let keys = KeyPolicy { required: true, ..KeyPolicy::default() };
    Server::start().await.exposing(Exposure { keys, ..Exposure::default() })
}

#[tokio::test]
async fn nobody_gets_anywhere_without_a_key_but_to_what_is_open() {
    let server = locked().await;
    for path in ["/", "/web/api.js", "/health/live", "/health/ready", "/openapi.json", "/docs/", "/docs/swagger-ui.css"]
    {
        assert_eq!(server.call("GET", path).await.status, 200, "{path}");
    }
    let mut open = Vec::new();
    for operation in operations() {
        let (method, path) = (operation.method.as_str(), operation.of("x"));
        if operation.scope.is_none() {
            open.push(operation.path);
            continue;
        }
        let none = server.call(method, &path).await;
        operation.refuses(&none, 401, ("unauthorized", "invalid_api_key"));
        assert_eq!(none.header("www-authenticate"), "Bearer");
        for wrong in ["", "attune_", "secret", &format!("attune_{}", "0".repeat(76))] {
            let wrong = keyed(&server, wrong, method, &path).await;
            operation.refuses(&wrong, 401, ("unauthorized", "invalid_api_key"));
            assert!(wrong.header("www-authenticate").starts_with("Bearer"));
        }
    }
    assert_eq!(open, ["/health/live", "/health/ready"]);
    for (method, path) in [("GET", "/nowhere"), ("GET", "/metrics"), ("PATCH", "/adapters/x"), ("PUT", "/health/live")]
    {
        server.call(method, path).await.problem(401, "unauthorized");
    }
    let good = server.key(key("default", &[Scope::Read])).await.secret;
    keyed(&server, &good, "GET", "/nowhere").await.problem(404, "no_route");
    keyed(&server, &good, "PATCH", "/adapters/x").await.problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_no_more() {
    let server = locked().await;
    let admin = server.key(key("default", &[Scope::Admin])).await.secret;
    for operation in operations() {
        let Some(scope) = operation.scope.as_deref() else { continue };
        let (method, path) = (operation.method.as_str(), operation.of("x"));
        let others: Vec<Scope> =
            ALL.into_iter().filter(|other| other.as_str() != scope && *other != Scope::Admin).collect();
        let narrow = server.key(key("default", &others)).await.secret;
        let refused = keyed(&server, &narrow, method, &path).await;
        operation.refuses(&refused, 403, ("forbidden", "forbidden"));
        assert!(refused.text().contains(&format!("the scope {scope}")), "{}", refused.text());
        assert!(refused.header("www-authenticate").contains(&format!("scope=\"{scope}\"")));
        let right = server.key(key("default", &[scope.parse().unwrap()])).await.secret;
        for secret in [&right, &admin] {
            let answer = keyed(&server, secret, method, &path).await;
            assert!(![401, 403].contains(&answer.status.as_u16()), "{method} {path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn what_another_tenant_has_is_not_there() {
    let server = Server::start().await;
    let body = json!({ "kind": "generator", "tasks": "all" });
    let ours = server.key(key("ours", &ALL)).await;
    let theirs = server.key(key("theirs", &ALL)).await.secret;
    let adapter = import_with(&server, &ours.secret, "fixture").await.json();
    let adapter = adapter["id"].as_str().unwrap().to_owned();
    let job = keyed_json(&server, &ours.secret, ("POST", "/jobs/train"), body).await;
    let job = job.json()["id"].as_str().unwrap().to_owned();
    for operation in operations() {
        let id = match operation.path.split('/').nth(1).unwrap() {
            _ if !operation.path.contains('{') => continue,
            "adapters" | "v1" => &adapter,
            "jobs" => &job,
            "keys" => &ours.key.id,
            // What generators are trained on, and they themselves, are the whole server's.
            "tasks" | "generators" => continue,
            _ => panic!("whose is {}?", operation.path),
        };
        let answer = keyed(&server, &theirs, &operation.method, &operation.of(id)).await;
        operation.refuses(&answer, 404, ("not_found", "model_not_found"));
    }
    for list in ["/adapters", "/jobs"] {
        assert_eq!(keyed(&server, &theirs, "GET", list).await.json()["data"], json!([]), "{list}");
        assert_eq!(keyed(&server, &ours.secret, "GET", list).await.json()["data"].as_array().unwrap().len(), 1);
    }
    let used = keyed_json(&server, &theirs, ("POST", "/generate"), json!({ "prompt": "a", "adapter": adapter })).await;
    used.problem(404, "not_found");
    // Nothing of it was touched.
    assert_eq!(keyed(&server, &ours.secret, "GET", &format!("/jobs/{job}")).await.json()["state"], "queued");
    assert_eq!(keyed(&server, &ours.secret, "GET", &format!("/adapters/{adapter}")).await.status, 200);
}

/// Imports the fixture's adapter with a key.
async fn import_with(server: &Server, secret: &str, name: &str) -> Answer {
    let header = ("authorization", format!("Bearer {secret}"));
    crate::adapters::import_with_header(server, (header.0, &header.1), &[("name", name)]).await
}

#[tokio::test]
async fn a_server_is_open_until_there_is_a_key_and_then_never_again() {
    let server = Server::start().await;
    let second = server.beside().await;
    assert_eq!(server.call("GET", "/info").await.status, 200);
    assert_eq!(second.call("GET", "/info").await.status, 200);
    let body = json!({ "name": "first", "scopes": ["admin", "read", "admin"], "expires_in_seconds": 3600 });
    let made = server.json("POST", "/keys", body).await;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"));
    let made = made.json();
    let (secret, id) = (made["secret"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!((&made["tenant"], &made["scopes"]), (&json!("default"), &json!(["read", "admin"])));
    assert!(secret.starts_with(made["prefix"].as_str().unwrap()));
    server.call("GET", "/info").await.problem(401, "unauthorized");
    let asks = async || second.call("GET", "/info").await.status == 401;
    within(Duration::from_secs(2), asks).await;
    let listed = keyed(&server, secret, "GET", "/keys").await;
    assert!(!listed.text().contains(secret));
    assert_eq!(listed.json()["data"][0]["id"], id);
    assert_eq!(keyed(&server, secret, "DELETE", &format!("/keys/{id}")).await.status, 204);
    keyed(&server, secret, "GET", "/info").await.problem(401, "unauthorized");
    server.call("GET", "/info").await.problem(401, "unauthorized");
}

/// Until it holds; it must before the time is over.
async fn within(limit: Duration, holds: impl AsyncFn() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(limit, wait).await.expect("in time");
}

#[tokio::test]
async fn a_revoked_key_stops_here_at_once_and_elsewhere_within_seconds() {
    let server = locked().await;
    let second = server.beside().await;
    let admin = server.key(key("default", &[Scope::Admin])).await.secret;
    let read = server.key(key("default", &[Scope::Read])).await;
    for server in [&server, &second] {
        assert_eq!(keyed(server, &read.secret, "GET", "/info").await.status, 200);
    }
    assert_eq!(keyed(&server, &admin, "DELETE", &format!("/keys/{}", read.key.id)).await.status, 204);
    keyed(&server, &read.secret, "GET", "/info").await.problem(401, "unauthorized");
    let refused = async || keyed(&second, &read.secret, "GET", "/info").await.status == 401;
    within(REMEMBERED + Duration::from_secs(2), refused).await;
}

#[tokio::test]
async fn a_key_that_has_expired_is_none() {
    let server = locked().await;
    let short = CreateKey { expires_in_seconds: Some(1), ..key("default", &[Scope::Read]) };
    let short = server.key(short).await.secret;
    assert_eq!(keyed(&server, &short, "GET", "/info").await.status, 200);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    keyed(&server, &short, "GET", "/info").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn a_tenants_admin_makes_and_sees_its_own_keys_alone() {
    let server = locked().await;
    let operator = server.key(key("default", &[Scope::Admin])).await.secret;
    let admin = server.key(key("acme", &[Scope::Admin])).await.secret;
    let body = |tenant: Value| json!({ "name": "n", "scopes": ["read"], "tenant": tenant });
    let post = async |secret: &str, body: Value| keyed_json(&server, secret, ("POST", "/keys"), body).await;
    post(&admin, body(json!("other"))).await.problem(403, "forbidden");
    assert_eq!(post(&admin, json!({ "name": "n", "scopes": ["read"] })).await.json()["tenant"], "acme");
    assert_eq!(post(&operator, body(json!("other"))).await.status, 201);
    let seen =
        async |secret: &str| keyed(&server, secret, "GET", "/keys").await.json()["data"].as_array().unwrap().len();
    assert_eq!((seen(&admin).await, seen(&operator).await), (2, 4));
    post(&operator, json!({ "name": "", "scopes": ["read"] })).await.invalid("name");
    post(&operator, json!({ "name": "n", "scopes": [] })).await.invalid("scopes");
    post(&operator, body(json!("a b"))).await.invalid("tenant");
    let never = json!({ "name": "n", "scopes": ["read"], "expires_in_seconds": 0 });
    post(&operator, never).await.invalid("expires_in_seconds");
}

#[tokio::test]
async fn a_key_has_so_many_requests_a_minute_and_is_told() {
    let limits = KeyLimits { requests_per_minute: Some(2), ..KeyLimits::default() };
    let keys = KeyPolicy { required: true, limits };
    let server = Server::start().await.exposing(Exposure { keys, ..Exposure::default() });
    let usual = server.key(key("default", &[Scope::Read])).await.secret;
    let free = CreateKey { requests_per_minute: Some(0), ..key("default", &[Scope::Read]) };
    let free = server.key(free).await.secret;
    for left in [1, 0] {
        let answer = keyed(&server, &usual, "GET", "/info").await;
        assert_eq!((answer.status.as_u16(), answer.header("ratelimit-policy")), (200, "\"requests\";q=2;w=60"));
        assert!(answer.header("ratelimit").starts_with(&format!("\"requests\";r={left};t=")), "{answer:?}");
    }
    let refused = keyed(&server, &usual, "GET", "/info").await;
    refused.problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait) && refused.header("ratelimit").starts_with("\"requests\";r=0;"), "{refused:?}");
    let openai = keyed(&server, &usual, "GET", "/v1/models").await;
    assert_eq!((openai.status.as_u16(), &openai.json()["error"]["code"]), (429, &json!("rate_limit_exceeded")));
    for _ in 0..5 {
        let answer = keyed(&server, &free, "GET", "/info").await;
        assert!(answer.status == 200 && !answer.headers.contains_key("ratelimit"));
    }
}

#[tokio::test]
async fn a_key_makes_so_many_adapters_a_day_whichever_replica_it_asks() {
    let server = Server::with_generator().await;
    let second = server.beside().await;
    let two = CreateKey { adapters_per_day: Some(2), ..key("acme", &[Scope::Generate, Scope::Read]) };
    let two = server.key(two).await.secret;
    let make = async |server: &Server, task: &str| {
        keyed_json(server, &two, ("POST", "/adapters"), json!({ "task": task })).await
    };
    let first = make(&server, KNOWN[0]).await;
    assert_eq!((first.status.as_u16(), first.header("ratelimit-policy")), (201, "\"adapters\";q=2;w=86400"));
    // What is there already costs nothing, and neither does what cannot be made.
    assert_eq!(make(&second, KNOWN[0]).await.status, 200);
    make(&server, "").await.invalid("task");
    assert_eq!(make(&second, KNOWN[1]).await.status, 201);
    let refused = make(&server, KNOWN[2]).await;
    refused.problem(429, "quota_exceeded");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!(wait <= 86_400 && refused.header("ratelimit").starts_with("\"adapters\";r=0;t="), "{refused:?}");
    let generate = json!({ "input": "a", "task": KNOWN[3], "max_tokens": 1 });
    keyed_json(&second, &two, ("POST", "/generate"), generate).await.problem(429, "quota_exceeded");
    let openai = json!({ "model": "tiny", "prompt": "a", "task": KNOWN[3], "max_tokens": 1 });
    let openai = keyed_json(&second, &two, ("POST", "/v1/completions"), openai).await;
    assert_eq!((openai.status.as_u16(), &openai.json()["error"]["code"]), (429, &json!("insufficient_quota")));
    import_with(&server, &two, "n").await.problem(429, "quota_exceeded");
    let used = json!({ "input": "a", "adapter": first.json()["id"], "max_tokens": 1 });
    assert_eq!(keyed_json(&server, &two, ("POST", "/generate"), used).await.status, 200);
}

#[tokio::test]
async fn a_key_that_has_trained_enough_today_queues_no_more() {
    let server = Server::start().await;
    let limits = CreateKey { training_minutes_per_day: Some(1), ..key("acme", &[Scope::Train]) };
    let secret = server.key(limits).await.secret;
    let train = async || {
        let body = json!({ "kind": "generator", "tasks": "all" });
        keyed_json(&server, &secret, ("POST", "/jobs/train"), body).await
    };
    assert_eq!(train().await.status, 202);
    let (store, now) = (server.store().await, OffsetDateTime::now_utc());
    let lease = Duration::from_secs(60);
    let claim = ClaimRequest { worker: "w", kinds: &["generator"], lease, only: None };
    let job = store.claim_job(claim, now - Duration::from_secs(50)).await.unwrap().unwrap();
    assert_eq!(job.owner.tenant, "acme");
    assert_eq!(train().await.status, 202);
    store
        .finish_job(job.current_attempt(), &Outcome::Succeeded(json!({})), now + Duration::from_secs(9))
        .await
        .unwrap();
    let job = store.claim_job(claim, now - Duration::from_secs(50)).await.unwrap().unwrap();
    store.finish_job(job.current_attempt(), &Outcome::Succeeded(json!({})), now).await.unwrap();
    // Around midnight a part of these two minutes was yesterday's.
    if now.time().hour() > 0 || now.time().minute() > 2 {
        train().await.problem(429, "quota_exceeded");
    }
}

#[tokio::test]
async fn pages_of_other_origins_are_let_read_where_they_are_named() {
    let preflight = |origin: &str| {
        let request = Request::builder().method("OPTIONS").uri("/generate").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,content-type").body(Body::empty()).unwrap()
    };
    const ALLOWED: &str = "access-control-allow-origin";
    let closed = Server::start().await;
    assert!(!closed.send(preflight("https://a.example")).await.headers.contains_key(ALLOWED));
    let cors_origins = vec!["https://a.example".parse().unwrap()];
    let server = closed.exposing(Exposure { cors_origins, ..Exposure::default() });
    let answer = server.send(preflight("https://a.example")).await;
    assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (200, "https://a.example"));
    assert!(!server.send(preflight("https://b.example")).await.headers.contains_key(ALLOWED));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let body_time = Some(Duration::from_millis(200));
    let server = Server::start().await.exposing(Exposure { body_time, ..Exposure::default() });
    let begun = futures::stream::iter([Ok::<_, std::io::Error>("{\"task\": ")]);
    let stuck = futures::StreamExt::chain(begun, futures::stream::pending());
    let answer = server.with_body("POST", "/adapters", "application/json", Body::from_stream(stuck)).await;
    answer.problem(408, "request_timeout");
    assert_eq!(import(&server, &[]).await.status, 201);
}

#[tokio::test]
async fn the_binary_locks_its_door_and_tells_no_secret() {
    let state = State::new().await;
    let place = Place::new(state.environment(), state.directory()).with("RUST_LOG", "trace");
    let run = |arguments: &[&str]| {
        let output = place.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (started, _, told) = run(&["serve", "--listen", "0.0.0.0:0"]);
    assert!(!started && told.contains("attune key create") && told.contains("--insecure"), "{told}");
    let create = ["key", "create", "--name", "n", "--tenant", "acme", "--scopes", "read,generate", "--expires", "30d"];
    let (made, shown, told) = run(&[&create[..], &["--json"]].concat());
    assert!(made, "{told}");
    let key: Value = serde_json::from_str(&shown).unwrap();
    let (secret, id) = (key["secret"].as_str().unwrap().to_owned(), key["id"].as_str().unwrap().to_owned());
    let process = place.serve().await;
    assert_eq!(process.get("/info").await.status, 401);
    assert_eq!(process.get_with_key("/info", &secret).await.status, 200);
    assert_eq!(process.get_with_key("/info?key=x", &secret.replace('_', "-")).await.status, 401);
    let (listed, lines, _) = run(&["key", "list"]);
    assert!(listed && lines.contains(&id) && lines.contains("acme") && !lines.contains(&secret), "{lines}");
    assert!(run(&["key", "revoke", &id]).0);
    let refused = async || process.get_with_key("/info", &secret).await.status == 401;
    within(REMEMBERED + Duration::from_secs(5), refused).await;
    // The public part is 12 digits behind the mark.
    let hidden = &secret[key["prefix"].as_str().unwrap().len()..];
    assert!(!process.told().contains(hidden), "the log has the secret");
    if !state.on_server() {
        for entry in std::fs::read_dir(state.directory()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            let found = bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes());
            assert!(!found, "{} has the secret", path.display());
        }
    }
    process.stop().await;
}
