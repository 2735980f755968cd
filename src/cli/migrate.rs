//! `attune migrate`

use super::print;
use crate::store::{DataDirLock, SqliteStore};
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// The data directory, which is made where it is missing
    #[arg(long, env = "ATTUNE_DATA_DIR", default_value = "attune-data", value_name = "DIR")]
    data_dir: PathBuf,
}

impl Migrate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let _lock = DataDirLock::acquire(&self.data_dir)
            .context("a server brings its own database to the current schema when it starts")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let migrated = runtime.block_on(SqliteStore::migrate(&self.data_dir))?;
        for step in &migrated.applied {
            print(&format!("applied {:04} {}", step.version, step.description))?;
        }
        print(&format!("{} is up to date, at schema {}", migrated.path.display(), migrated.schema))
    }
}
