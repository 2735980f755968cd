//! `attune task`: the training tasks of a data directory or a server.

use super::one_shot::with_service;
use super::print;
use super::remote::ServerOptions;
use super::task_import::Import;
use super::task_registry::Registry;
use crate::app::{BaseOptions, StateOptions};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum TaskCommand {
    /// Register tasks: JSON lines, files in the Super-NaturalInstructions format, plain texts, folders of these, or the
    /// built-in suite
    Import(Import),
    /// List the registered tasks
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    base: BaseOptions,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    server: ServerOptions,
}

impl TaskCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Import(import) => import.run(),
            Self::List(list) => list.run(),
        }
    }
}

impl List {
    fn run(self) -> anyhow::Result<()> {
        if let Some(server) = self.server.remote()? {
            return server.run(async |server| listed(&Registry::on(server).await?).await);
        }
        // A service would make the directory, and a mistyped one would look like one without tasks.
        anyhow::ensure!(
            self.state.database.database_url.is_some() || self.state.data_dir.is_dir(),
            "there is no data directory {}: name one with --data-dir, or make one with `attune task import`",
            self.state.data_dir.display()
        );
        with_service(&self.base, Some(self.state.clone()), async |application| {
            listed(&Registry::Here(&application.service)).await
        })
    }
}

async fn listed(registry: &Registry<'_>) -> anyhow::Result<()> {
    for task in registry.all().await? {
        let first = task.descriptions.first().map_or("", String::as_str);
        print(&format!("{}\t{} examples\t{first}", task.name, task.example_count))?;
    }
    Ok(())
}
