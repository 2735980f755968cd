//! `attune adapter import`

use super::super::one_shot::with_service;
use super::super::print;
use crate::app::{BaseOptions, StateOptions};
use crate::lora::{PeftFiles, read_archive};
use crate::service::{Caller, ImportAdapter};
use anyhow::Context;
use clap::Args;
use std::path::{Path, PathBuf};

/// The most that an archive of one's own may unpack to: more than any adapter of rank 64 has.
const MAX_UNPACKED: u64 = 16 << 30;

#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    base: BaseOptions,
    /// The PEFT directory, or a .tar, .tar.gz or .zip of it
    #[arg(value_name = "DIR|ARCHIVE")]
    path: PathBuf,
    /// A name for it
    #[arg(long)]
    name: Option<String>,
    /// Take the name from an adapter that has it
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    state: StateOptions,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut import = if self.path.is_file() { read_file(&self.path) } else { read_directory(&self.path) }?;
        (import.name, import.replace) = (self.name.clone(), self.replace);
        let view = with_service(&self.base, Some(self.state.clone()), async |application| {
            Ok(application.service.import_adapter(&Caller::default(), import).await?.0)
        })?;
        print(&serde_json::to_string_pretty(&view)?)
    }
}

/// The two files of a PEFT directory.
pub(in crate::cli) fn read_directory(dir: &Path) -> anyhow::Result<ImportAdapter> {
    Ok(without_name(PeftFiles::from_directory(dir)?))
}

/// The two files of an archive.
fn read_file(path: &Path) -> anyhow::Result<ImportAdapter> {
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    let files = read_archive(&bytes, MAX_UNPACKED).with_context(|| format!("{}", path.display()))?;
    Ok(without_name(files))
}

fn without_name(PeftFiles { config, weights }: PeftFiles) -> ImportAdapter {
    ImportAdapter { config, weights, name: None, replace: false, idempotency_key: None }
}
