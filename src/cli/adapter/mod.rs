//! `attune adapter`: adapters as files.

mod create;
mod export;
mod import;
mod merge;

pub(super) use import::unnamed;

use crate::lora::PeftFiles;
use crate::service::{AdapterFile, Service};
use crate::store::DEFAULT_TENANT;
use anyhow::Context;
use clap::Subcommand;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(super) enum AdapterCommand {
    /// Generate the adapter of a description and write it as a PEFT directory
    Create(create::Create),
    /// Put a PEFT directory, or an archive of one, into a data directory or a running server
    Import(import::Import),
    /// Write an adapter of a data directory or a running server as a PEFT directory, or as GGUF for llama.cpp
    Export(export::Export),
    /// Write the whole base with an adapter merged into it, as a Hugging Face directory
    Merge(merge::Merge),
}

impl AdapterCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Create(create) => create.run(),
            Self::Import(import) => import.run(),
            Self::Export(export) => export.run(),
            Self::Merge(merge) => merge.run(),
        }
    }
}

/// A stored adapter's two files.
async fn stored_files(service: &Service, id: &str) -> anyhow::Result<PeftFiles> {
    let file =
        async |file| Ok::<_, anyhow::Error>(service.adapter_file(DEFAULT_TENANT, id, file).await?.bytes.to_vec());
    Ok(PeftFiles { config: file(AdapterFile::Config).await?, weights: file(AdapterFile::Weights).await? })
}

/// Writes the two files into a directory, which is made where it is not there.
fn write_directory(files: &PeftFiles, out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    files.to_directory(out).with_context(|| format!("{}", out.display()))
}
