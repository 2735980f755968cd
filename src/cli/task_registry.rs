//! Where tasks are registered: the data of this process, or a server's.

use super::remote::{self, Remote};
use crate::service::{Change, NewTask, Service};
use crate::store::TaskRecord;
use anyhow::Context;
use reqwest::{Method, RequestBuilder, header};
use serde_json::json;
use std::collections::BTreeMap;

/// The tasks of one place.
pub(super) enum Registry<'a> {
    Here(&'a Service),
    /// A server, and its tasks as they were at the beginning.
    On(&'a Remote, BTreeMap<String, TaskRecord>),
}

impl<'a> Registry<'a> {
    /// # Errors
    /// Those of the server.
    pub(super) async fn on(server: &'a Remote) -> anyhow::Result<Self> {
        let tasks: Vec<TaskRecord> = server.all(&["tasks"]).await?;
        Ok(Self::On(server, tasks.into_iter().map(|task| (task.name.clone(), task)).collect()))
    }

    /// What registering the task would do. Nothing is stored.
    ///
    /// # Errors
    /// Those of the service where the task is at fault.
    pub(super) async fn plan(&self, task: &NewTask) -> anyhow::Result<Change> {
        match self {
            Self::Here(service) => Ok(service.plan_import(task).await?),
            // Without examples it is what an import left that was cut off.
            Self::On(_, known) => Ok(task.change(known.get(&task.name).filter(|known| known.example_count > 0))?),
        }
    }

    /// Registers the task with its examples. Here whole or not at all; on a server, examples that it refuses leave
    /// things as they were, and a connection that breaks off between the two is mended by importing once more.
    ///
    /// # Errors
    /// Those of the service or the server; that the task is not as it was planned with.
    pub(super) async fn store(&self, task: &NewTask) -> anyhow::Result<()> {
        match self {
            Self::Here(service) => Ok(service.import_task(task).await.map(drop)?),
            Self::On(server, known) => match known.get(&task.name) {
                Some(known) => replace(server, task, known).await,
                None => add(server, task).await,
            },
        }
    }

    /// All tasks by name.
    ///
    /// # Errors
    /// Those of the service or the server.
    pub(super) async fn all(&self) -> anyhow::Result<Vec<TaskRecord>> {
        let service = match self {
            Self::Here(service) => service,
            Self::On(_, known) => return Ok(known.values().cloned().collect()),
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

async fn add(server: &Remote, task: &NewTask) -> anyhow::Result<()> {
    server.send(descriptions(server, task)?).await?;
    let stored = server.send(examples(server, task)?).await;
    if stored.is_err() {
        // A task without examples is none. Where this fails too, the next import takes it for new.
        let _ = server.send(server.request(Method::DELETE, &["tasks", &task.name])?).await;
    }
    Ok(stored.map(drop)?)
}

/// The examples first: they are what a server may find too long.
async fn replace(server: &Remote, task: &NewTask, known: &TaskRecord) -> anyhow::Result<()> {
    let planned = format!("\"{}\"", known.tag()?);
    server.send(examples(server, task)?.header(header::IF_MATCH, planned)).await?;
    let half = || format!("task {} has its new examples and its old descriptions: import it once more", task.name);
    server.send(descriptions(server, task)?).await.map(drop).with_context(half)
}

fn descriptions(server: &Remote, task: &NewTask) -> Result<RequestBuilder, remote::Error> {
    let body = json!({ "descriptions": task.descriptions });
    Ok(server.request(Method::PUT, &["tasks", &task.name])?.json(&body))
}

fn examples(server: &Remote, task: &NewTask) -> anyhow::Result<RequestBuilder> {
    let mut lines = Vec::new();
    for example in &task.examples {
        serde_json::to_writer(&mut lines, example)?;
        lines.push(b'\n');
    }
    let request = server.request(Method::PUT, &["tasks", &task.name, "examples"])?.body(lines);
    Ok(request.header(header::CONTENT_TYPE, "application/x-ndjson"))
}
