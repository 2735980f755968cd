//! `attune adapter`: adapters as files.

use super::generate::read_directory;
use super::one_shot::with_service;
use super::print;
use crate::app::{BaseOptions, load_base};
use crate::lora::read_peft_directory;
use crate::service::{AdapterFile, CreateAdapter, Service};
use crate::store::DEFAULT_TENANT;
use crate::task::Example;
use anyhow::Context;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(super) enum AdapterCommand {
    /// Generate the adapter of a description and write it as a PEFT directory
    Create(Create),
    /// Put a PEFT directory into a data directory
    Import(Import),
    /// Write an adapter of a data directory as a PEFT directory
    Export(Export),
    /// Write the base's linear layers with an adapter merged into them
    Merge(Merge),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    #[command(flatten)]
    base: BaseOptions,
    /// What the task does to its input, in words
    #[arg(long, value_name = "TEXT")]
    task: String,
    /// Demonstrations, one JSON object {"input", "output"} a line
    #[arg(long, value_name = "FILE.jsonl")]
    examples: Option<PathBuf>,
    /// Sample z with this seed
    #[arg(long)]
    seed: Option<u64>,
    /// Draw so many and keep the best on the demonstrations
    #[arg(long)]
    samples: Option<usize>,
    /// Where the PEFT directory goes
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The data directory whose generators are used; a temporary one where absent
    #[arg(long, env = "ATTUNE_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    base: BaseOptions,
    /// The PEFT directory
    dir: PathBuf,
    /// A name for it
    #[arg(long)]
    name: Option<String>,
    /// Take the name from an adapter that has it
    #[arg(long)]
    replace: bool,
    /// The data directory
    #[arg(long, env = "ATTUNE_DATA_DIR", default_value = "attune-data", value_name = "DIR")]
    data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    #[command(flatten)]
    base: BaseOptions,
    /// The adapter's id or name
    adapter: String,
    /// Where the PEFT directory goes
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The data directory
    #[arg(long, env = "ATTUNE_DATA_DIR", default_value = "attune-data", value_name = "DIR")]
    data_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Merge {
    #[command(flatten)]
    base: BaseOptions,
    /// A PEFT directory
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// The factor of the update
    #[arg(long, default_value_t = 1.0, value_parser = finite)]
    scale: f64,
    /// Where the merged weights go, by their Hugging Face names
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
}

/// A factor that leaves numbers numbers.
fn finite(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if value.is_finite() { Ok(value) } else { Err("must be finite".to_owned()) }
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

impl Create {
    fn run(self) -> anyhow::Result<()> {
        let examples = match &self.examples {
            Some(path) => read_examples(path)?,
            None => Vec::new(),
        };
        let created = with_service(&self.base, self.data_dir.clone(), async |application| {
            let service = &application.service;
            let request = CreateAdapter {
                task: self.task.clone(),
                examples,
                seed: self.seed,
                samples: self.samples,
                ..CreateAdapter::default()
            };
            let created = service.create_adapter(DEFAULT_TENANT, request).await?;
            write_directory(service, &created.adapter.id, &self.out).await?;
            Ok(created)
        })?;
        print(&serde_json::to_string_pretty(&created)?)
    }
}

impl Import {
    fn run(self) -> anyhow::Result<()> {
        let mut import = read_directory(&self.dir)?;
        (import.name, import.replace) = (self.name.clone(), self.replace);
        let view = with_service(&self.base, Some(self.data_dir.clone()), async |application| {
            Ok(application.service.import_adapter(DEFAULT_TENANT, import).await?.0)
        })?;
        print(&serde_json::to_string_pretty(&view)?)
    }
}

impl Export {
    fn run(self) -> anyhow::Result<()> {
        with_service(&self.base, Some(self.data_dir.clone()), async |application| {
            write_directory(&application.service, &self.adapter, &self.out).await
        })?;
        print(&format!("wrote {}", self.out.display()))
    }
}

impl Merge {
    fn run(self) -> anyhow::Result<()> {
        let base = load_base(&self.base)?;
        let model = base.model();
        let adapter = read_peft_directory(&self.adapter, &model.config().shape(), model.device())?;
        let mut merged = model.merged(&adapter, self.scale)?;
        let slots = adapter.layout().slots().iter();
        let weights: std::collections::HashMap<String, _> = slots
            .map(|slot| Ok((format!("{}.weight", slot.path()), merged.weight(slot.layer, slot.module)?)))
            .collect::<Result<_, crate::lm::Error>>()?;
        candle_core::safetensors::save(&weights, &self.out)?;
        print(&format!("wrote {} merged layers to {}", weights.len(), self.out.display()))
    }
}

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

/// Examples, one JSON object a line.
fn read_examples(path: &Path) -> anyhow::Result<Vec<Example>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), index + 1))
        })
        .collect()
}
