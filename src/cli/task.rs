//! `attune task`: the training tasks of a data directory.

use super::one_shot::with_service;
use super::print;
use super::task_import::Import;
use crate::app::{BaseOptions, StateOptions};
use crate::store::PageRequest;
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
        // A service would make the directory, and a mistyped one would look like one without tasks.
        anyhow::ensure!(
            self.state.database.database_url.is_some() || self.state.data_dir.is_dir(),
            "there is no data directory {}: name one with --data-dir, or make one with `attune task import`",
            self.state.data_dir.display()
        );
        with_service(&self.base, Some(self.state.clone()), async |application| {
            let mut page = PageRequest { limit: 500, cursor: None };
            loop {
                let found = application.service.list_tasks(&page).await?;
                for task in found.data {
                    let first = task.descriptions.first().map_or("", String::as_str);
                    print(&format!("{}\t{} examples\t{first}", task.name, task.example_count))?;
                }
                match found.next_cursor {
                    Some(cursor) => page.cursor = Some(cursor),
                    None => return Ok(()),
                }
            }
        })
    }
}
