//! `attune restore`

use super::backup::{show, summary};
use super::print;
use super::terminal::Terminal;
use crate::app::{State, StateOptions};
use crate::store::LockError;
use crate::training::progress::CancelFlag;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// A file that `attune backup` wrote
    file: PathBuf,
    #[command(flatten)]
    state: StateOptions,
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // A mistyped name must not leave an empty data directory behind.
        anyhow::ensure!(self.file.is_file(), "there is no file {}", self.file.display());
        let terminal = Terminal::new(CancelFlag::default());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let contents = runtime.block_on(async {
            let state = State::open(&self.state).await.map_err(with_hint)?;
            let stores = (&*state.store, &*state.artifacts);
            anyhow::Ok(crate::store::restore(stores, &self.file, &|step| show(&terminal, step)).await?)
        });
        terminal.clear();
        let contents = contents?;
        let (head, manifest) = (contents.head, contents.manifest);
        print(&format!("{}: restored what it was at {}: {}", self.state, head.created_at, summary(&manifest)))
    }
}

fn with_hint(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(LockError::InUse { .. }) => error.context("a restore fills an empty state, which no server may have"),
        _ => error,
    }
}
