//! `attune backup`

use super::print;
use super::terminal::Terminal;
use crate::app::{Attached, StateOptions};
use crate::store::backup::{Manifest, Step};
use crate::training::progress::{CancelFlag, Progress, Report};
use clap::Args;
use std::path::PathBuf;
use time::OffsetDateTime;

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to write; it must not be there yet
    file: PathBuf,
    #[command(flatten)]
    state: StateOptions,
}

impl Backup {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let terminal = Terminal::new(CancelFlag::default());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let manifest = runtime.block_on(async {
            let Attached { store, artifacts } = Attached::open(&self.state).await?;
            let now = OffsetDateTime::now_utc();
            let state = (&*store, &artifacts);
            anyhow::Ok(crate::store::backup(state, &self.file, now, &|step| show(&terminal, step)).await?)
        });
        terminal.clear();
        print(&format!("{}: {}", self.file.display(), summary(&manifest?)))
    }
}

/// Shows how far it is.
pub(super) fn show(terminal: &Terminal, Step { phase, done, total }: Step) {
    terminal.report(&Report { phase, step: done as usize, total: total as usize, metrics: &[] });
}

/// What a backup holds, in a line.
pub(super) fn summary(manifest: &Manifest) -> String {
    let tables = manifest.tables.iter().filter(|(_, tally)| tally.count > 0);
    let rows: Vec<String> = tables.map(|(table, tally)| format!("{} {table}", tally.count)).collect();
    let rows = if rows.is_empty() { "no rows".to_owned() } else { rows.join(", ") };
    format!("{rows}; {} artifacts of {} bytes", manifest.artifacts.count, manifest.artifacts.bytes)
}
