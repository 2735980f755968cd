//! `attune adapter merge`

use super::super::print;
use super::super::size::bytes;
use super::super::terminal::Terminal;
use crate::app::{BaseOptions, open_checkpoint};
use crate::lm::Merging;
use crate::lora::read_peft_directory;
use crate::training::progress::{CancelFlag, Progress, Report};
use candle_core::Device;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::cli) struct Merge {
    #[command(flatten)]
    base: BaseOptions,
    /// A PEFT directory
    #[arg(long, value_name = "DIR")]
    adapter: PathBuf,
    /// The factor of the update
    #[arg(long, default_value_t = 1.0, value_parser = finite)]
    scale: f64,
    /// Where the merged checkpoint goes: a directory that is empty or not there yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The longest weight file, such as 5GB or 200MB
    #[arg(long, default_value = "5GB", value_name = "SIZE", value_parser = bytes)]
    max_shard_size: u64,
}

/// A factor that leaves numbers numbers.
fn finite(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if value.is_finite() { Ok(value) } else { Err("must be finite".to_owned()) }
}

impl Merge {
    pub(super) fn run(self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.out.extension().is_none_or(|extension| extension != "safetensors"),
            "--out {}: a whole checkpoint is written, with its configuration and tokenizer: give a directory",
            self.out.display()
        );
        let base = open_checkpoint(&self.base)?;
        let adapter = read_peft_directory(&self.adapter, &base.shape, &Device::Cpu)?;
        let merging = Merging {
            checkpoint: &base.checkpoint,
            adapter: &adapter,
            scale: self.scale,
            max_shard_bytes: self.max_shard_size,
            companions: &base.companions,
        };
        let terminal = Terminal::new(CancelFlag::default());
        let merged = merging.write(&self.out, &|step, total| {
            terminal.report(&Report { phase: "merging", step, total, metrics: &[] });
        });
        terminal.clear();
        let merged = merged?;
        print(&format!(
            "wrote {}: {} tensors ({} merged), {} bytes, {} weight {}",
            self.out.display(),
            merged.tensors,
            merged.changed,
            merged.bytes,
            merged.shards,
            if merged.shards == 1 { "file" } else { "files" }
        ))
    }
}
