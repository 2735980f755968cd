//! `attune adapter`: adapters as files.

mod create;
mod export;
mod import;
mod merge;

pub(super) use import::unnamed;

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

/// Writes a stored adapter's two files.
async fn write_directory(service: &Service, id: &str, out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    for (file, name) in
        [(AdapterFile::Config, "adapter_config.json"), (AdapterFile::Weights, "adapter_model.safetensors")]
    {
        let body = service.adapter_file(DEFAULT_TENANT, id, file).await?;
        std::fs::write(out.join(name), &body.bytes).with_context(|| format!("{}", out.join(name).display()))?;
    }
    Ok(())
}
