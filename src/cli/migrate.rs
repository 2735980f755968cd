//! `attune migrate`

use super::print;
use crate::app::DatabaseOptions;
use crate::store::{DataDirLock, migrate_database};
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Migrate {
    /// The data directory whose file is brought up to date, where no database is named
    #[arg(long, env = "ATTUNE_DATA_DIR", default_value = "attune-data", value_name = "DIR")]
    data_dir: PathBuf,
    #[command(flatten)]
    database: DatabaseOptions,
}

impl Migrate {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let Self { data_dir, database } = self;
        let url = database.database_url.as_ref();
        // A server's database has a lock of its own for this, and other processes may use it meanwhile.
        let _lock = match url {
            Some(_) => None,
            None => Some(
                DataDirLock::acquire(&data_dir)
                    .context("a server brings its own database to the current schema when it starts")?,
            ),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let migrated = runtime.block_on(migrate_database(&data_dir, url))?;
        for step in &migrated.applied {
            print(&format!("applied {:04} {}", step.version, step.description))?;
        }
        print(&format!("{} is up to date, at schema {}", migrated.database, migrated.schema))
    }
}
