//! Where tasks are registered: the data of this process, or a server's.

use super::remote::Remote;
use crate::service::{Change, NewTask, Service};
use crate::store::TaskRecord;
use reqwest::{Method, StatusCode, header};
use serde_json::json;

/// The tasks of one place.
pub(super) enum Registry<'a> {
    Here(&'a Service),
    On(&'a Remote),
}

impl Registry<'_> {
    /// What registering the task would do. Nothing is stored.
    ///
    /// # Errors
    /// Those of the service where the task is at fault; those of the server.
    pub(super) async fn plan(&self, task: &NewTask) -> anyhow::Result<Change> {
        let server = match self {
            Self::Here(service) => return Ok(service.plan_import(task).await?),
            Self::On(server) => server,
        };
        task.change(None)?;
        match server.get::<TaskRecord>(&["tasks", &task.name]).await {
            // What an import left that was cut off.
            Ok(known) if known.example_count == 0 => Ok(Change::New),
            Ok(known) => Ok(task.change(Some(&known))?),
            Err(error) if error.is_missing() => Ok(Change::New),
            Err(error) => Err(error.into()),
        }
    }

    /// Registers the task with its examples, whole or not at all.
    ///
    /// # Errors
    /// Those of the service or the server.
    pub(super) async fn store(&self, task: &NewTask) -> anyhow::Result<()> {
        let server = match self {
            Self::Here(service) => return Ok(service.import_task(task).await.map(drop)?),
            Self::On(server) => server,
        };
        let path = ["tasks", task.name.as_str()];
        let body = json!({ "descriptions": task.descriptions });
        let is_new = server.send(server.request(Method::PUT, &path).json(&body)).await?.status() == StatusCode::CREATED;
        let mut lines = Vec::new();
        for example in &task.examples {
            serde_json::to_writer(&mut lines, example)?;
            lines.push(b'\n');
        }
        let examples = server.request(Method::PUT, &["tasks", &task.name, "examples"]).body(lines);
        let stored = server.send(examples.header(header::CONTENT_TYPE, "application/x-ndjson")).await;
        if stored.is_err() && is_new {
            // A task without examples is none. Where this fails too, the next import takes it for new.
            let _ = server.send(server.request(Method::DELETE, &path)).await;
        }
        Ok(stored.map(drop)?)
    }

    /// All tasks by name.
    ///
    /// # Errors
    /// Those of the service or the server.
    pub(super) async fn all(&self) -> anyhow::Result<Vec<TaskRecord>> {
        let service = match self {
            Self::Here(service) => service,
            Self::On(server) => return Ok(server.all(&["tasks"]).await?),
        };
        let mut page = crate::store::PageRequest { limit: 500, cursor: None };
        let mut tasks = Vec::new();
        loop {
            let found = service.list_tasks(&page).await?;
            tasks.extend(found.data);
            match found.next_cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return Ok(tasks),
            }
        }
    }
}
