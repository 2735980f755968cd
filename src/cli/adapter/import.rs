//! `attune adapter import`

use super::super::one_shot::with_service;
use super::super::print;
use super::super::remote::ServerOptions;
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
    #[command(flatten)]
    server: ServerOptions,
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let files = if self.path.is_file() { read_file(&self.path)? } else { PeftFiles::from_directory(&self.path)? };
        let import = ImportAdapter { name: self.name.clone(), replace: self.replace, ..unnamed(files) };
        let view = match self.server.remote()? {
            Some(server) => server.run(async |server| Ok(server.import(import).await?))?,
            None => with_service(&self.base, Some(self.state.clone()), async |application| {
                let (view, _) = application.service.import_adapter(&Caller::default(), import).await?;
                Ok(serde_json::to_value(view)?)
            })?,
        };
        print(&serde_json::to_string_pretty(&view)?)
    }
}

/// The two files of an archive.
fn read_file(path: &Path) -> anyhow::Result<PeftFiles> {
    let bytes = std::fs::read(path).with_context(|| format!("{}", path.display()))?;
    read_archive(&bytes, MAX_UNPACKED).with_context(|| format!("{}", path.display()))
}

/// An import of two files under no name.
pub(in crate::cli) fn unnamed(PeftFiles { config, weights }: PeftFiles) -> ImportAdapter {
    ImportAdapter { config, weights, name: None, replace: false, idempotency_key: None }
}
