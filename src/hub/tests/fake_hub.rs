//! A hub on this machine that answers as the real one does: a listing with blob ids, small files directly, large
//! ones by a redirect to another host, ranges, and the headers that its clients read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::hub::HubOptions;

pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the hub has, how it misbehaves, and what it was asked.
#[derive(Default)]
pub(super) struct Hub {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    /// What a file's content is replaced by on its way.
    pub(super) damaged: BTreeMap<String, Vec<u8>>,
    /// Cuts the next transfers of large files after so many bytes.
    pub(super) cuts: Vec<usize>,
    /// Answers the next requests with these statuses.
    pub(super) failures: Vec<StatusCode>,
    /// Refuses files for want of a token.
    pub(super) gated: bool,
    /// A listing of names alone, as some mirrors have it.
    pub(super) names_only: bool,
    /// Ignores ranges.
    pub(super) whole_only: bool,
    /// `path range` of each request for a file's content.
    pub(super) asked: Vec<String>,
    /// Bytes of large files that were sent.
    pub(super) sent: usize,
    cdn: String,
}

#[derive(Clone)]
pub(super) struct FakeHub {
    hub: Arc<Mutex<Hub>>,
    endpoint: String,
}

impl FakeHub {
    /// Starts a hub that has `org/name` with these files.
    pub(super) async fn start(files: &[(&str, Vec<u8>)]) -> Self {
        let files = files.iter().map(|(name, content)| ((*name).to_owned(), content.clone())).collect();
        let hub = Arc::new(Mutex::new(Hub { files, ..Hub::default() }));
        let cdn = serve(axum::Router::new().fallback(large_file).with_state(hub.clone())).await;
        hub.lock().unwrap().cdn = cdn;
        let endpoint = serve(axum::Router::new().fallback(answer).with_state(hub.clone())).await;
        Self { hub, endpoint }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap()
    }

    pub(super) fn options(&self, cache: &std::path::Path) -> HubOptions {
        HubOptions {
            endpoint: Some(self.endpoint.clone()),
            token: None,
            cache_dir: Some(cache.to_owned()),
            offline: false,
        }
    }
}

async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// What has an extension of weights is large.
pub(super) fn is_large(name: &str) -> bool {
    name.ends_with(".safetensors") || name.ends_with(".gguf")
}

/// sha256 of large files; for small ones a stand-in for git's blob id, of the same form.
pub(super) fn etag(name: &str, content: &[u8]) -> String {
    let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    if is_large(name) { digest } else { digest[..40].to_owned() }
}

async fn answer(State(hub): State<Arc<Mutex<Hub>>>, request: Request) -> Response {
    let mut hub = hub.lock().unwrap();
    if let Some(status) = hub.failures.pop() {
        return (status, "not now").into_response();
    }
    let path = request.uri().path().to_owned();
    if path == "/api/models/org/name/revision/main" || path == format!("/api/models/org/name/revision/{COMMIT}") {
        return axum::Json(listing(&hub)).into_response();
    }
    if path.starts_with("/api/models/org/name/") {
        return (StatusCode::NOT_FOUND, [("x-error-code", "RevisionNotFound")]).into_response();
    }
    let Some(name) = path.strip_prefix(&format!("/org/name/resolve/{COMMIT}/")) else {
        return (StatusCode::UNAUTHORIZED, [("x-error-code", "RepoNotFound")]).into_response();
    };
    if hub.gated && request.headers().get(header::AUTHORIZATION).is_none_or(|token| token != "Bearer good") {
        return (StatusCode::UNAUTHORIZED, [("x-error-code", "GatedRepo")]).into_response();
    }
    let Some(content) = hub.files.get(name).cloned() else {
        return (StatusCode::NOT_FOUND, [("x-error-code", "EntryNotFound")]).into_response();
    };
    let mut headers = HeaderMap::new();
    headers.insert("x-repo-commit", COMMIT.parse().unwrap());
    let etag = etag(name, &content);
    if is_large(name) {
        headers.insert("x-linked-size", content.len().into());
        headers.insert("x-linked-etag", format!("\"{etag}\"").parse().unwrap());
        headers.insert(header::LOCATION, format!("{}/{name}?signature=x", hub.cdn).parse().unwrap());
        return (StatusCode::FOUND, headers).into_response();
    }
    headers.insert(header::ETAG, format!("\"{etag}\"").parse().unwrap());
    let sent = hub.damaged.get(name).cloned().unwrap_or(content);
    hub.asked.push(name.to_owned());
    (headers, ranged(&sent, request.headers(), None)).into_response()
}

async fn large_file(State(hub): State<Arc<Mutex<Hub>>>, request: Request) -> Response {
    let mut hub = hub.lock().unwrap();
    let name = request.uri().path().trim_start_matches('/').to_owned();
    assert!(request.headers().get(header::AUTHORIZATION).is_none(), "the token goes to the hub alone");
    let mut headers = request.headers().clone();
    if hub.whole_only {
        headers.remove(header::RANGE);
    }
    let content = hub.damaged.get(&name).unwrap_or(&hub.files[&name]).clone();
    let range = headers.get(header::RANGE).map_or("", |range| range.to_str().unwrap()).to_owned();
    hub.asked.push(format!("{name} {range}").trim().to_owned());
    let cut = if range == "bytes=0-0" { None } else { hub.cuts.pop() };
    let (start, end) = bounds(&range, content.len());
    hub.sent += cut.unwrap_or(usize::MAX).min(end - start);
    ranged(&content, &headers, cut)
}

fn listing(hub: &Hub) -> serde_json::Value {
    let siblings: Vec<_> = hub
        .files
        .iter()
        .map(|(name, content)| {
            let etag = etag(name, content);
            match (hub.names_only, is_large(name)) {
                (true, _) => serde_json::json!({"rfilename": name}),
                (_, true) => serde_json::json!({
                    "rfilename": name, "size": content.len(), "blobId": "f".repeat(40),
                    "lfs": {"sha256": etag, "size": content.len(), "pointerSize": 134},
                }),
                (_, false) => serde_json::json!({"rfilename": name, "size": content.len(), "blobId": etag}),
            }
        })
        .collect();
    serde_json::json!({"id": "org/name", "sha": COMMIT, "gated": hub.gated, "siblings": siblings})
}

fn bounds(range: &str, length: usize) -> (usize, usize) {
    match range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) {
        Some((start, "")) => (start.parse().unwrap(), length),
        Some((start, last)) => (start.parse().unwrap(), length.min(last.parse::<usize>().unwrap() + 1)),
        None => (0, length),
    }
}

/// Content, or the part of it that is asked for; cut off after some bytes where that is wanted.
fn ranged(content: &[u8], headers: &HeaderMap, cut: Option<usize>) -> Response {
    let range = headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
    let (start, end) = bounds(range.as_deref().unwrap_or(""), content.len());
    let part = Bytes::copy_from_slice(&content[start..end]);
    let mut response = Response::builder().header(header::CONTENT_LENGTH, part.len());
    if range.is_some() {
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, format!("bytes {start}-{}/{}", end - 1, content.len()));
    }
    let body = match cut {
        None => Body::from(part),
        Some(bytes) => {
            let first = part.slice(..bytes.min(part.len()));
            let broken = async {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Err(std::io::Error::other("cut"))
            };
            Body::from_stream(futures::StreamExt::chain(
                futures::stream::iter([Ok(first)]),
                futures::stream::once(broken),
            ))
        }
    };
    response.body(body).unwrap()
}
