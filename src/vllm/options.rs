//! Where vLLM is, and within which bounds it is used.

use super::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// vLLM's address and the bounds of its use.
#[derive(Clone, Debug)]
pub struct VllmOptions {
    /// Its address.
    pub url: VllmUrl,
    /// The folder that both see, under the same path; it is made where it is not there.
    pub adapters: PathBuf,
    /// How many adapters it has loaded at once.
    pub max_loras: usize,
    /// What `vllm serve --api-key` was given.
    pub api_key: Option<ApiKey>,
    /// Requests that it is given at once; it queues them itself.
    pub requests: usize,
    /// How often it is asked whether it is there.
    pub watch_every: Duration,
}

/// `http://HOST:PORT`, without a path.
#[derive(Clone, PartialEq, Eq)]
pub struct VllmUrl(String);

/// A secret, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl VllmUrl {
    /// Reads an address; a `/v1` at its end, as OpenAI's clients take it, is taken off.
    ///
    /// # Errors
    /// [`Error::Url`] says what is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = |problem| Error::Url { problem };
        let url = reqwest::Url::parse(text).map_err(|_| refused("is no address: write http://HOST:PORT"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(refused("must begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("must hold no password: vLLM's key is an option of its own"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("must end behind its path"));
        }
        let text = url.as_str().trim_end_matches('/');
        Ok(Self(text.strip_suffix("/v1").unwrap_or(text).to_owned()))
    }

    /// The address of a route.
    pub(super) fn route(&self, route: &str) -> String {
        format!("{}{route}", self.0)
    }
}

impl fmt::Debug for VllmUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ApiKey {
    /// A key.
    pub fn new(key: String) -> Self {
        Self(key)
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_end_as_clients_of_openai_write_it() {
        for text in ["http://gpu:8000", "http://gpu:8000/", "http://gpu:8000/v1", "http://gpu:8000/v1/"] {
            assert_eq!(VllmUrl::parse(text).unwrap().route("/health"), "http://gpu:8000/health");
        }
        assert_eq!(VllmUrl::parse("https://gpu/llm").unwrap().route("/health"), "https://gpu/llm/health");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["gpu:8000", "ftp://gpu", "http://", "http://me:secret@gpu", "http://gpu/?key=1", "8000"] {
            assert!(VllmUrl::parse(text).is_err(), "{text}");
        }
    }
}
