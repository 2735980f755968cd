//! A server, as commands ask it.

use super::Error;
use super::options::ApiKey;
use crate::lora::PeftFiles;
use anyhow::Context;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Until a connection is there. An answer may take as long as it takes.
const CONNECT: Duration = Duration::from_secs(10);
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

    /// A request for the path of these segments, each of which may hold anything.
    pub(in crate::cli) fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        self.http.request(method, url)
    }

    /// The response, where it is a success.
    pub(in crate::cli) async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|error| Error::sending(&self.url, &error))?;
        if response.status().is_success() { Ok(response) } else { Err(Error::refused(response).await) }
    }

    pub(in crate::cli) async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        self.send(request).await?.json().await.map_err(|error| Error::sending(&self.url, &error))
    }

    pub(in crate::cli) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Error> {
        self.json(self.request(Method::GET, path)).await
    }

    pub(in crate::cli) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Error> {
        self.json(self.request(Method::POST, path).json(body)).await
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
            let list: List<T> = self.json(self.request(Method::GET, path).query(&query)).await?;
            rows.extend(list.data);
            match list.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(rows),
            }
        }
    }

    /// Gives the server an adapter's two files; its view of the adapter.
    pub(in crate::cli) async fn import(
        &self,
        files: PeftFiles,
        (name, replace): (Option<&str>, bool),
    ) -> Result<Value, Error> {
        let mut form = Form::new()
            .part("adapter_config", Part::bytes(files.config))
            .part("adapter_model", Part::bytes(files.weights));
        if let Some(name) = name {
            form = form.text("name", name.to_owned()).text("replace", replace.to_string());
        }
        self.json(self.request(Method::POST, &["adapters", "import"]).multipart(form)).await
    }

    /// Writes an adapter's two files into a directory: whole files, or none of them.
    pub(in crate::cli) async fn write_adapter(&self, id: &str, out: &Path) -> anyhow::Result<()> {
        let mut files = Vec::new();
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
            let response = self.send(self.request(Method::GET, &["adapters", id, name])).await?;
            files.push((name, response.bytes().await.map_err(|error| Error::sending(&self.url, &error))?));
        }
        std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
        for (name, bytes) in files {
            let path = out.join(name);
            std::fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Remote {
    /// As messages name it: without a password, should the address have one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url.origin().ascii_serialization())
    }
}
