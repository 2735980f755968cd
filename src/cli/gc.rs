//! `attune gc`

use super::print;
use crate::app::{GraceOption, State, StateOptions, collect_now};
use crate::store::collect::Tally;
use crate::store::{CollectMode, Collected, LockError};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Gc {
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    grace: GraceOption,
    /// Only tell what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print {named, young, set_aside, waiting, restored, deleted, checkpoints}, each {count, bytes}
    #[arg(long)]
    json: bool,
}

impl Gc {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // A directory that is made by a mistyped path would look like one without records.
        anyhow::ensure!(
            self.state.database.database_url.is_some() || self.state.data_dir.is_dir(),
            "there is no data directory {}: name one with --data-dir",
            self.state.data_dir.display()
        );
        let mode = if self.dry_run { CollectMode::DryRun } else { CollectMode::Collect };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let collected = runtime.block_on(async {
            let state = State::open(&self.state).await.map_err(with_hint)?;
            anyhow::Ok(collect_now(&*state.store, &state.artifacts, (self.grace.artifact_grace, mode)).await?)
        })?;
        match self.json {
            true => print(&serde_json::to_string(&collected)?),
            false => print(&report(&collected, mode)),
        }
    }
}

fn with_hint(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref() {
        Some(LockError::InUse { .. }) => {
            error.context("a server that runs there collects by itself, when it starts and every hour")
        }
        _ => error,
    }
}

fn report(collected: &Collected, mode: CollectMode) -> String {
    let Collected { named, young, set_aside, waiting, restored, deleted, checkpoints } = collected;
    let will = if mode == CollectMode::DryRun { "would be " } else { "" };
    let line = |what: &str, Tally { count, bytes }: &Tally| format!("{what:<44} {count:>8} {bytes:>15} bytes");
    [
        line("in use", named),
        line("not in use, younger than the grace period", young),
        line(&format!("{will}set aside, to be deleted later"), set_aside),
        line("set aside before, still waiting", waiting),
        line(&format!("{will}put back, in use again"), restored),
        line(&format!("{will}deleted"), deleted),
        line(&format!("checkpoints of ended jobs, {will}deleted"), checkpoints),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_tells_counts_and_bytes_and_what_was_only_tried() {
        let deleted = Tally { count: 3, bytes: 4096 };
        let collected = Collected { deleted, ..Collected::default() };
        let done = report(&collected, CollectMode::Collect);
        assert!(done.lines().any(|line| line.split_whitespace().eq(["deleted", "3", "4096", "bytes"])), "{done}");
        assert!(report(&collected, CollectMode::DryRun).contains("would be deleted"));
    }
}
