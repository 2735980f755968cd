//! Requests to the hub, over the client of the `hf-hub` crate: its token, TLS and proxies.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use hf_hub::api::tokio::{Api, ApiBuilder, ApiError};
use serde::Deserialize;

use super::cache::is_commit;
use super::plan::{Content, Listing, RemoteFile};
use super::retry::{Failure, Progress, Retry};
use super::{Error, HubModel, HubOptions};

/// How long the hub may be silent, before its answer or within it.
const SILENCE: Duration = Duration::from_secs(60);

/// The largest listing that is read, in bytes.
const MAX_LISTING_BYTES: usize = 64 << 20;

/// A connection to one hub, about one model.
pub(super) struct Client {
    api: Api,
    endpoint: String,
    model: HubModel,
}

/// The beginning of an answer, and its content.
pub(super) struct Answer {
    /// The part of the file that follows, from `Content-Range`: first byte and whole length.
    pub(super) range: Option<(u64, u64)>,
    pub(super) content: Pin<Box<dyn Stream<Item = Result<Bytes, Failure<Error>>> + Send>>,
}

impl Client {
    pub(super) fn new(options: &HubOptions, model: &HubModel) -> Result<Self, Error> {
        let endpoint = options.endpoint()?;
        let api = ApiBuilder::from_cache(hf_hub::Cache::new(options.cache()?))
            .with_endpoint(endpoint.clone())
            .with_token(options.token.clone())
            .with_user_agent("attune", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|_| Error::Option { variable: "HF_TOKEN", problem: "has characters that no token has" })?;
        Ok(Self { api, endpoint, model: model.clone() })
    }

    /// The repository's files at its revision.
    pub(super) async fn listing(&self) -> Result<Listing, Error> {
        let revision = escaped(&self.model.revision, Slash::Escape);
        let url = format!("{}/api/models/{}/revision/{revision}?blobs=true", self.endpoint, self.model.id);
        let body = self.retried(&url, || self.whole(&url)).await?;
        let info: Info =
            serde_json::from_slice(&body).map_err(|_| self.answer(&url, "it is no description of a model"))?;
        if !is_commit(&info.sha) {
            return Err(self.answer(&url, "its commit is no hash"));
        }
        let files = info.siblings.into_iter().map(Sibling::into_file).collect();
        Ok(Listing { commit: info.sha, files })
    }

    /// Size and etag of a file that the listing told nothing of.
    pub(super) async fn content(&self, commit: &str, name: &str) -> Result<Content, Error> {
        let url = self.url(commit, name);
        let metadata = self.retried(&url, || self.metadata(&url)).await?;
        content(metadata.size() as u64, metadata.etag()).ok_or_else(|| self.answer(&url, "its etag is malformed"))
    }

    async fn metadata(&self, url: &str) -> Result<hf_hub::api::tokio::Metadata, Failure<Error>> {
        let asked = tokio::time::timeout(SILENCE, self.api.metadata(url)).await;
        match asked.map_err(|_| Failure::transient("no answer"))? {
            Ok(metadata) => Ok(metadata),
            Err(ApiError::RequestError(error)) => match error.status() {
                Some(status) => Err(self.status(url, status.as_u16(), "", None)),
                None => Err(Failure::transient(causes(&error))),
            },
            Err(_) => Err(self.answer(url, "it lacks size, etag or commit").into()),
        }
    }

    /// Where a file is at a commit.
    pub(super) fn url(&self, commit: &str, name: &str) -> String {
        format!("{}/{}/resolve/{commit}/{}", self.endpoint, self.model.id, escaped(name, Slash::Keep))
    }

    /// Asks for what follows byte `from`. An answer without a range begins at 0.
    pub(super) async fn get(&self, url: &str, from: u64) -> Result<Answer, Failure<Error>> {
        let mut request = self.api.client().get(url);
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let sent = tokio::time::timeout(SILENCE, request.send()).await;
        let response =
            sent.map_err(|_| Failure::transient("no answer"))?.map_err(|e| Failure::transient(causes(&e)))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let status = response.status().as_u16();
        if !matches!(status, 200 | 206 | 416) {
            let wait = header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
            return Err(self.status(url, status, header("x-error-code").unwrap_or_default(), wait));
        }
        // A refused or unreadable range is told as one that was not asked for.
        let range = match status {
            200 => None,
            _ => Some(header("content-range").and_then(parse_range).unwrap_or((u64::MAX, 0))),
        };
        let content = response.bytes_stream().map(|part| part.map_err(|e| Failure::transient(causes(&e))));
        Ok(Answer { range, content: content.boxed() })
    }

    /// The whole of a small answer.
    async fn whole(&self, url: &str) -> Result<Vec<u8>, Failure<Error>> {
        let mut answer = self.get(url, 0).await?;
        let mut body = Vec::new();
        while let Some(part) = answer.next().await? {
            if body.len() + part.len() > MAX_LISTING_BYTES {
                return Err(self.answer(url, "it is too long").into());
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }

    /// What a refusal means. The hub says in a header which of several reasons a 401 or 404 has.
    fn status(&self, url: &str, status: u16, code: &str, wait: Option<Duration>) -> Failure<Error> {
        let id = self.model.id.clone();
        let endpoint = self.endpoint.clone();
        let revision = self.model.revision.clone();
        let hint = "see its files at the hub".to_owned();
        Failure::Final(match (status, code) {
            (408 | 425 | 429 | 500.., _) => {
                return Failure::Transient { reason: format!("it answers {status}"), wait };
            }
            (_, "RepoNotFound") => Error::NotFound { id, endpoint },
            (_, "RevisionNotFound") => Error::Revision { id, revision, endpoint },
            (_, "EntryNotFound") => Error::NoFile { id, revision, file: last_part(url).to_owned(), hint },
            (401 | 403, _) => Error::Denied { id, endpoint, status },
            (404, _) => Error::NotFound { id, endpoint },
            _ => Error::Status { url: url.to_owned(), status },
        })
    }

    fn answer(&self, url: &str, problem: &'static str) -> Error {
        Error::Answer { url: url.to_owned(), problem }
    }

    /// Runs a request until it succeeds, fails for good, or has failed too often.
    async fn retried<T, F>(&self, url: &str, request: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Failure<Error>>>,
    {
        let mut retry = Retry::default();
        loop {
            match request().await {
                Ok(value) => return Ok(value),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Transient { reason, wait }) => match retry.after(Progress::None, wait) {
                    Some(delay) => tokio::time::sleep(delay).await,
                    None => return Err(Error::Connection { url: url.to_owned(), attempts: retry.failed(), reason }),
                },
            }
        }
    }
}

impl Answer {
    /// The next part, none at the end. Silence is a failure.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure<Error>> {
        match tokio::time::timeout(SILENCE, self.content.next()).await {
            Ok(part) => part.transpose(),
            Err(_) => Err(Failure::transient("the transfer stalls")),
        }
    }
}

/// `/api/models/…/revision/…?blobs=true`.
#[derive(Deserialize)]
struct Info {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Sibling {
    fn into_file(self) -> RemoteFile {
        let content = match (self.lfs, self.size, self.blob_id) {
            (Some(lfs), _, _) => content(lfs.size, &lfs.sha256),
            (None, Some(size), Some(id)) => content(size, &id),
            _ => None,
        };
        RemoteFile { name: self.rfilename, content }
    }
}

/// A content whose etag can be a file's name.
fn content(bytes: u64, etag: &str) -> Option<Content> {
    let etag = etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"');
    let plain = (1..=128).contains(&etag.len()) && etag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain.then(|| Content { bytes, etag: etag.to_owned() })
}

/// `bytes 5-9/10` as the first byte and the whole length.
fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (range, whole) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, whole.parse().ok()?))
}

/// What becomes of the slashes of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    Keep,
    Escape,
}

/// A path as it stands in an address.
fn escaped(path: &str, slash: Slash) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b) || (b == b'/' && slash == Slash::Keep);
    path.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn last_part(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// An error with its causes, since the client's own text names only the address.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}: {current}");
        cause = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_that_would_lead_elsewhere_is_none() {
        for etag in ["", "../x", "a/b", "a.lock", "\"\"", "a b", "ä"] {
            assert_eq!(content(1, etag), None, "{etag}");
        }
        assert_eq!(content(1, "W/\"abc-1\"").unwrap().etag, "abc-1");
    }

    #[test]
    fn addresses_are_escaped() {
        assert_eq!(escaped("refs/pr/1", Slash::Escape), "refs%2Fpr%2F1");
        assert_eq!(escaped("a b/ä?#%.gguf", Slash::Keep), "a%20b/%C3%A4%3F%23%25.gguf");
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, 10)));
        assert_eq!(parse_range("bytes 5-9/*"), None);
        assert_eq!(parse_range("bytes */10"), None);
    }
}
