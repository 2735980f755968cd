//! `attune adapter export`

use super::super::one_shot::with_service;
use super::super::print;
use super::super::remote::ServerOptions;
use super::{stored_files, write_directory};
use crate::app::{BaseOptions, StateOptions};
use crate::lora::{read_peft, write_gguf};
use crate::service::Service;
use crate::store::DEFAULT_TENANT;
use anyhow::Context;
use candle_core::Device;
use clap::{Args, ValueEnum};
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    base: BaseOptions,
    /// The adapter's id or name
    adapter: String,
    /// What is written: a PEFT directory, or one file for llama.cpp's --lora
    #[arg(long, default_value = "peft")]
    format: Format,
    /// Where the directory or the file goes
    #[arg(long, value_name = "DIR|FILE.gguf")]
    out: PathBuf,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// adapter_config.json and adapter_model.safetensors
    Peft,
    /// GGUF, version 3
    Gguf,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let is_gguf = self.out.extension().is_some_and(|extension| extension == "gguf");
        match self.format {
            Format::Gguf => anyhow::ensure!(is_gguf, "--format gguf writes one file: give --out FILE.gguf"),
            Format::Peft => anyhow::ensure!(!is_gguf, "--format peft writes a directory: give --format gguf too"),
        }
        match self.server.remote()? {
            Some(server) => {
                anyhow::ensure!(
                    self.format == Format::Peft,
                    "a server gives PEFT's files: --format gguf needs the base, and is done where the data directory is"
                );
                let files = server.run(async |server| Ok(server.adapter_files(&self.adapter).await?))?;
                write_directory(&files, &self.out)?;
            }
            None => with_service(&self.base, Some(self.state.clone()), async |application| {
                let service = &application.service;
                match self.format {
                    Format::Peft => write_directory(&stored_files(service, &self.adapter).await?, &self.out),
                    Format::Gguf => write_file(service, &self.adapter, &self.out).await,
                }
            })?,
        }
        print(&format!("wrote {}", self.out.display()))
    }
}

/// Writes a stored adapter as GGUF.
async fn write_file(service: &Service, id: &str, out: &Path) -> anyhow::Result<()> {
    let view = service.adapter(DEFAULT_TENANT, id).await?;
    let files = stored_files(service, id).await?;
    let config = service.base().model().config();
    let adapter = read_peft(&files, &config.shape(), &Device::Cpu)?;
    let created = std::fs::File::create(out).with_context(|| format!("{}", out.display()))?;
    let mut writer = std::io::BufWriter::new(created);
    let name = view.name.unwrap_or(view.id);
    write_gguf(&adapter, &config.gguf_lora_base(), &name, &mut writer)?;
    writer.flush().with_context(|| format!("{}", out.display()))
}
