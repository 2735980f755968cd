//! `attune demo`: builds the demo model.

use super::terminal::Terminal;
use crate::lm::{FileConfig, Tokenizer, byte_level_tokenizer_json};
use crate::task::{InputTemplate, Prompter};
use crate::training::Workers;
use crate::training::base_data::BaseData;
use crate::training::base_trainer::{BaseRun, train_base};
use crate::training::progress::CancelFlag;
use crate::training::schedule::Schedule;
use anyhow::Context;
use clap::{Args, Subcommand};
use std::path::PathBuf;

const SPECIAL: [&str; 3] = ["<bos>", "<eos>", "<pad>"];

#[derive(Debug, Subcommand)]
pub(super) enum Demo {
    /// Build the demo model on this machine's CPU, phase by phase; an interrupted build goes on
    /// where it was
    Build(Build),
}

#[derive(Debug, Args)]
pub(super) struct Build {
    /// The folder that checkpoints and results go to
    #[arg(long, env = "ATTUNE_DEMO_OUT", default_value = "demo-build")]
    out: PathBuf,
    /// Threads that train
    #[arg(long, env = "ATTUNE_THREADS", default_value_t = 2)]
    threads: usize,
    /// Steps of the base model's training
    #[arg(long, default_value_t = 6000)]
    base_steps: usize,
    /// Steps of the final fall of the learning rate
    #[arg(long, default_value_t = 1200)]
    base_decay: usize,
    /// The seed of everything
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Build(build) => build.run(),
        }
    }
}

impl Build {
    fn run(&self) -> anyhow::Result<()> {
        let workers = Workers::new(self.threads).context("cannot start threads")?;
        let progress = Terminal::new(CancelFlag::default());
        let base = self.out.join("base");
        std::fs::create_dir_all(&base).with_context(|| format!("cannot create {}", base.display()))?;
        let config = config();
        let tokenizer_json = byte_level_tokenizer_json(&SPECIAL).to_string();
        let template = InputTemplate::default();
        std::fs::write(base.join("config.json"), serde_json::to_string_pretty(&config)?)?;
        std::fs::write(base.join("tokenizer.json"), &tokenizer_json)?;
        std::fs::write(base.join("attune.json"), serde_json::to_string_pretty(&template)?)?;
        let tokenizer = Tokenizer::from_bytes(tokenizer_json.as_bytes())?;
        let eos = tokenizer.id(SPECIAL[1]).context("the tokenizer has no <eos>")?;
        let prompter = Prompter::new(tokenizer.clone(), template, tokenizer.id(SPECIAL[0]), eos);
        let run = BaseRun {
            config,
            rows: 24,
            schedule: Schedule { peak: 3e-3, warmup: 100, decay: self.base_decay, steps: self.base_steps },
            seed: self.seed,
            checkpoint_every: 200,
            path: self.out.join("base.checkpoint.safetensors"),
        };
        let weights = train_base(&run, &BaseData::new(prompter), &workers, &progress)?;
        candle_core::safetensors::save(&weights, base.join("model.safetensors"))?;
        Ok(())
    }
}

/// 1.16 M parameters: six thin layers rather than three wide ones, since two-step tasks need depth.
fn config() -> FileConfig {
    FileConfig {
        model_type: Some("llama".into()),
        architectures: Some(vec!["LlamaForCausalLM".into()]),
        vocab_size: 256 + SPECIAL.len(),
        hidden_size: 128,
        intermediate_size: 320,
        num_hidden_layers: 6,
        num_attention_heads: 4,
        num_key_value_heads: Some(4),
        hidden_act: Some("silu".into()),
        rms_norm_eps: Some(1e-5),
        max_position_embeddings: Some(1024),
        rope_theta: Some(10_000.0),
        tie_word_embeddings: Some(true),
        bos_token_id: Some(256.into()),
        eos_token_id: Some(257.into()),
        ..FileConfig::default()
    }
}
