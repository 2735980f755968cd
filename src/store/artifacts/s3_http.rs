//! The HTTP client under S3: the one that the process has anyway, so that there is no second client and no second TLS
//! stack. Its certificates are the system's and Mozilla's.

use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use tokio::time::timeout;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// How long the other side may say nothing.
const SILENCE: Duration = Duration::from_secs(30);
/// An upload that is slower than so many bytes a second is given up.
const SLOWEST: usize = 1 << 20;

/// Whether a switch of the environment is on, by the words that object_store knows.
pub(super) fn is_on(value: Option<String>) -> bool {
    value.is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "on" | "yes" | "y"))
}

/// Makes clients.
#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let insecure = is_on(options.get_config_value(&ClientConfigKey::AllowHttp));
        let client = reqwest::Client::builder().connect_timeout(CONNECT).https_only(!insecure).build();
        let client = client.map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })?;
        Ok(HttpClient::new(Client(client)))
    }
}

#[derive(Debug)]
struct Client(reqwest::Client);

#[async_trait]
impl HttpService for Client {
    /// The whole answer: an artifact is held in memory in any case, and an answer that breaks off is asked for again.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url: Result<reqwest::Url, _> = parts.uri.to_string().parse();
        let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let upload = Duration::from_secs((body.content_length() / SLOWEST) as u64);
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let mut response = within(SILENCE + upload, self.0.execute(request)).await?;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = within(SILENCE, response.chunk()).await? {
            bytes.extend_from_slice(&chunk);
        }
        let mut answer = HttpResponse::new(bytes.freeze().into());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        Ok(answer)
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = reqwest::Result<T>>) -> Result<T, HttpError> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| HttpError::new(kind(&error), error.without_url())),
        Err(late) => Err(HttpError::new(HttpErrorKind::Timeout, late)),
    }
}

/// What kind of failure it is, from which follows whether the request is sent again.
fn kind(error: &reqwest::Error) -> HttpErrorKind {
    if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_builder() || error.is_redirect() {
        HttpErrorKind::Unknown
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        // The connection broke off.
        HttpErrorKind::Interrupted
    }
}
