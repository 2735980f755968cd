//! `attune generate`

use super::adapter::read_directory;
use super::one_shot::with_service;
use super::print;
use crate::app::{BaseOptions, OptionalStateOptions};
use crate::service::{Caller, Generate};
use clap::Args;
use serde_json::json;
use std::path::Path;

#[derive(Debug, Args)]
pub(super) struct GenerateCommand {
    #[command(flatten)]
    base: BaseOptions,
    /// An input, put before the model as the examples were in training
    #[arg(long, required_unless_present = "prompt", conflicts_with = "prompt")]
    input: Option<String>,
    /// Raw text
    #[arg(long)]
    prompt: Option<String>,
    /// A PEFT directory, or (with --data-dir) an adapter's id or name
    #[arg(long, value_name = "ID|DIR", conflicts_with = "task")]
    adapter: Option<String>,
    /// A description: its adapter is generated and applied
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
    #[command(flatten)]
    state: OptionalStateOptions,
    /// The most tokens of the answer
    #[arg(long, default_value_t = 64)]
    max_tokens: usize,
    /// 0 takes the likeliest token
    #[arg(long, default_value_t = 0.0)]
    temperature: f32,
    /// The seed of the choice of tokens
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Tell so many of the likeliest tokens at each step
    #[arg(long, value_name = "K")]
    logprobs: Option<usize>,
    /// Print {text, finish_reason, tokens, usage, timings_ms}
    #[arg(long)]
    json: bool,
}

impl GenerateCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let generated = with_service(&self.base, self.state.state(), async |application| {
            let service = &application.service;
            let adapter = match &self.adapter {
                Some(adapter) if Path::new(adapter).is_dir() => {
                    let (view, _) =
                        service.import_adapter(&Caller::default(), read_directory(adapter.as_ref())?).await?;
                    Some(view.id)
                }
                other => other.clone(),
            };
            let request = Generate {
                input: self.input.clone(),
                prompt: self.prompt.clone().map(Into::into),
                adapter,
                task: self.task.clone(),
                max_tokens: Some(self.max_tokens),
                temperature: Some(self.temperature),
                seed: Some(self.seed),
                logprobs: self.logprobs,
                ..Generate::default()
            };
            Ok(service.generate(&Caller::default(), request).await?)
        })?;
        if !self.json {
            return print(&generated.text);
        }
        print(&serde_json::to_string(&json!({
            "text": generated.text, "finish_reason": generated.finish_reason, "tokens": generated.tokens,
            "usage": generated.usage, "timings_ms": generated.timings_ms,
        }))?)
    }
}
