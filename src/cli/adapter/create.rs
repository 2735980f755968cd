//! `attune adapter create`

use super::super::one_shot::with_service;
use super::super::print;
use super::super::remote::ServerOptions;
use super::{stored_files, write_directory};
use crate::app::{BaseOptions, OptionalStateOptions};
use crate::service::{Caller, OnUnknown};
use crate::task::Example;
use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
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
    /// Fine-tune the adapter this many steps on the demonstrations or, without any, on what the base answers that is told
    /// the task; 0 for none. Left out, an adapter that is worth less than they are takes some
    #[arg(long, value_name = "STEPS")]
    refine: Option<usize>,
    /// What to do with a description that is out of distribution
    #[arg(long, value_enum, default_value = "generate", value_name = "WHAT")]
    on_unknown: OnUnknownOption,
    /// Where the PEFT directory goes
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    state: OptionalStateOptions,
    #[command(flatten)]
    server: ServerOptions,
}

/// What to do with a description that is out of distribution.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OnUnknownOption {
    /// Generate the adapter as any other
    Generate,
    /// Average the adapters of the nearest training tasks, weighted by how near they are
    Blend,
    /// Refuse
    Reject,
}

impl From<OnUnknownOption> for OnUnknown {
    fn from(option: OnUnknownOption) -> Self {
        match option {
            OnUnknownOption::Generate => Self::Generate,
            OnUnknownOption::Blend => Self::Blend,
            OnUnknownOption::Reject => Self::Reject,
        }
    }
}

impl Create {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let examples = match &self.examples {
            Some(path) => read_examples(path)?,
            None => Vec::new(),
        };
        let body = self.body(&examples);
        let created = match self.server.remote()? {
            Some(server) => server.run(async |server| {
                let created: Value = server.post(&["adapters"], &body).await?;
                let id = created["id"].as_str().unwrap_or_default();
                let fetched = server.adapter_files(id).await.map_err(anyhow::Error::new);
                let written = fetched.and_then(|files| write_directory(&files, &self.out));
                written.with_context(|| {
                    format!("{server} has made adapter {id}, which `attune adapter export` fetches")
                })?;
                Ok(created)
            })?,
            None => with_service(&self.base, self.state.state(), async |application| {
                let (service, request) = (&application.service, serde_json::from_value(body)?);
                let created = service.create_adapter(&Caller::default(), request).await?;
                write_directory(&stored_files(service, &created.adapter.id).await?, &self.out)?;
                Ok(serde_json::to_value(created)?)
            })?,
        };
        print(&serde_json::to_string_pretty(&created)?)?;
        eprintln!("wrote {}", self.out.display());
        Ok(())
    }

    /// The body of the route.
    fn body(&self, examples: &[Example]) -> Value {
        json!({
            "task": self.task, "examples": examples, "seed": self.seed, "samples": self.samples,
            "refine": self.refine.map(|steps| json!({ "steps": steps })), "on_unknown": OnUnknown::from(self.on_unknown),
        })
    }
}

/// Examples, one JSON object a line.
fn read_examples(path: &Path) -> anyhow::Result<Vec<Example>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("--examples {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| format!("--examples {}, line {}", path.display(), index + 1))
        })
        .collect()
}
