//! A server, as commands ask it.

use super::Error;
use super::options::ApiKey;
use crate::lora::PeftFiles;
use crate::service::ImportAdapter;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Until a connection is there. An answer may take as long as it takes.
const CONNECT: Duration = Duration::from_secs(10);
/// How often a busy server is asked again, and the longest pause that it may ask for.
const WAITS: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(60);
/// Rows of a list that are asked for at once.
const PAGE: &str = "100";

/// A running server.
#[derive(Debug)]
pub(in crate::cli) struct Remote {
    http: reqwest::Client,
    pub(super) url: Url,
}

impl Remote {
    pub(super) fn new(url: Url, key: Option<&ApiKey>) -> anyhow::Result<Self> {
        let headers = key.map(ApiKey::header).into_iter().map(|value| (header::AUTHORIZATION, value)).collect();
        let http = reqwest::Client::builder().default_headers(headers).connect_timeout(CONNECT).build()?;
        Ok(Self { http, url })
    }

    /// Runs the work to its end in this thread.
    pub(in crate::cli) fn run<T>(&self, work: impl AsyncFnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work(self))
    }

    /// A request for the path of these segments. Those that an address cannot have are no id and no name.
    pub(in crate::cli) fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Error> {
        if let Some(&name) = path.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(Error::NoName { name: name.to_owned() });
        }
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(self.http.request(method, url))
    }

    /// The response, where it is a success. A server that asks to come again in a while is asked again.
    pub(in crate::cli) async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        for _ in 0..WAITS {
            // A form is sent once: its parts cannot be had twice.
            let Some(first) = request.try_clone() else { break };
            let response = self.answer(first).await?;
            match pause(&response) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return accepted(response).await,
            }
        }
        accepted(self.answer(request).await?).await
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, Error> {
        request.send().await.map_err(|error| Error::sending(&self.url, &error))
    }

    pub(in crate::cli) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let body = self.send(request).await?.bytes().await.map_err(|error| Error::sending(&self.url, &error))?;
        serde_json::from_slice(&body)
            .map_err(|error| Error::Unreadable { url: self.url.clone(), reason: error.to_string() })
    }

    pub(in crate::cli) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        self.json(self.request(Method::GET, path)?).await
    }

    pub(in crate::cli) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.json(self.request(Method::POST, path)?.json(body)).await
    }

    /// All rows of a list.
    pub(in crate::cli) async fn all<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Vec<T>, Error> {
        #[derive(serde::Deserialize)]
        struct List<T> {
            data: Vec<T>,
            next_cursor: Option<String>,
        }
        let (mut rows, mut cursor) = (Vec::new(), None);
        loop {
            let mut query = vec![("limit", PAGE.to_owned())];
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let list: List<T> = self.json(self.request(Method::GET, path)?.query(&query)).await?;
            rows.extend(list.data);
            match list.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(rows),
            }
        }
    }

    /// Gives the server an adapter's two files; its view of the adapter.
    pub(in crate::cli) async fn import(&self, import: ImportAdapter) -> Result<Value, Error> {
        let ImportAdapter { config, weights, name, replace, idempotency_key: _ } = import;
        let mut form = peft_form(config, weights);
        if let Some(name) = name {
            form = form.text("name", name).text("replace", replace.to_string());
        }
        self.json(self.request(Method::POST, &["adapters", "import"])?.multipart(form)).await
    }

    /// The two files of the adapter of this id or name.
    pub(in crate::cli) async fn adapter_files(&self, adapter: &str) -> Result<PeftFiles, Error> {
        // A name may move to another adapter between the two files; an id does not.
        let view: Value = self.get(&["adapters", adapter]).await?;
        let id = view["id"].as_str().unwrap_or_default();
        let file = async |name| {
            let response = self.send(self.request(Method::GET, &["adapters", id, name])?).await?;
            let bytes = response.bytes().await.map_err(|error| Error::sending(&self.url, &error))?;
            Ok::<_, Error>(bytes.to_vec())
        };
        Ok(PeftFiles { config: file("adapter_config.json").await?, weights: file("adapter_model.safetensors").await? })
    }
}

/// The form of an import.
pub(in crate::cli) fn peft_form(config: Vec<u8>, weights: Vec<u8>) -> Form {
    Form::new().part("adapter_config", Part::bytes(config)).part("adapter_model", Part::bytes(weights))
}

impl std::fmt::Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

async fn accepted(response: Response) -> Result<Response, Error> {
    if response.status().is_success() { Ok(response) } else { Err(Error::refused(response).await) }
}

/// How long a server that is too busy, or a key's limit, asks to wait; nothing where that is none of a command's time.
fn pause(response: &Response) -> Option<Duration> {
    if response.status() != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|pause| *pause <= PATIENCE)
}
