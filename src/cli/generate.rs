//! `attune generate`

use super::adapter::unnamed;
use super::one_shot::with_service;
use super::print;
use super::remote::{Remote, ServerOptions};
use crate::app::{BaseOptions, OptionalStateOptions};
use crate::lora::PeftFiles;
use crate::service::{Caller, Error};
use clap::Args;
use serde_json::{Value, json};
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
    /// A PEFT directory, or (with --data-dir or --server) an adapter's id or name. A directory is imported, and a server
    /// keeps it
    #[arg(long, value_name = "ID|DIR", conflicts_with = "task")]
    adapter: Option<String>,
    /// A description: its adapter is generated and applied
    #[arg(long, value_name = "TEXT")]
    task: Option<String>,
    #[command(flatten)]
    state: OptionalStateOptions,
    #[command(flatten)]
    server: ServerOptions,
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
        let generated = match self.server.remote()? {
            Some(server) => server.run(async |server| self.on(server).await)?,
            None => self.here()?,
        };
        if !self.json {
            return print(generated["text"].as_str().unwrap_or_default());
        }
        let tokens = if generated["tokens"].is_null() { &json!([]) } else { &generated["tokens"] };
        print(&serde_json::to_string(&json!({
            "text": generated["text"], "finish_reason": generated["finish_reason"], "tokens": tokens,
            "usage": generated["usage"], "timings_ms": generated["timings_ms"],
        }))?)
    }

    /// The adapter's directory, where one is named.
    fn directory(&self) -> Option<&Path> {
        self.adapter.as_deref().map(Path::new).filter(|path| path.is_dir())
    }

    fn here(&self) -> anyhow::Result<Value> {
        with_service(&self.base, self.state.state(), async |application| {
            let service = &application.service;
            let adapter = match self.directory() {
                Some(directory) => {
                    let import = unnamed(PeftFiles::from_directory(directory)?);
                    let (view, _) = service.import_adapter(&Caller::default(), import).await?;
                    Some(view.id)
                }
                None => self.adapter.clone(),
            };
            let request = serde_json::from_value(self.body(adapter))?;
            match service.generate(&Caller::default(), request).await {
                Ok(generated) => Ok(serde_json::to_value(generated)?),
                Err(error @ Error::NotFound { .. }) => Err(anyhow::Error::new(error).context(self.looked_for())),
                Err(error) => Err(error.into()),
            }
        })
    }

    async fn on(&self, server: &Remote) -> anyhow::Result<Value> {
        let adapter = match self.directory() {
            Some(directory) => {
                let view = server.import(unnamed(PeftFiles::from_directory(directory)?)).await?;
                view["id"].as_str().map(str::to_owned)
            }
            None => self.adapter.clone(),
        };
        Ok(server.post(&["generate"], &self.body(adapter)).await?)
    }

    /// The body of the route.
    fn body(&self, adapter: Option<String>) -> Value {
        json!({
            "input": self.input, "prompt": self.prompt, "adapter": adapter, "task": self.task, "max_tokens": self.max_tokens,
            "temperature": self.temperature, "seed": self.seed, "logprobs": self.logprobs,
        })
    }

    /// Where an adapter was looked for.
    fn looked_for(&self) -> String {
        let adapter = self.adapter.as_deref().unwrap_or_default();
        match self.state.state() {
            Some(state) => format!("--adapter {adapter} is no directory, and was looked for in {state}"),
            None => format!(
                "--adapter {adapter} is no directory; give --data-dir, or --server where one runs, to look for an id or a name"
            ),
        }
    }
}
