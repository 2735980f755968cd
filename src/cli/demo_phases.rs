//! The phases of `attune demo build`. Each leaves its result in the build's folder, and is passed
//! over where the result is already there.

use super::demo::Build;
use crate::lm::{FileConfig, Tokenizer, byte_level_tokenizer_json};
use crate::lora::{Module, SharedA};
use crate::suite::{Suite, SuiteTask};
use crate::task::{Base, ENCODER_VERSION, Encoder, InputTemplate, Prompter};
use crate::training::adapter_trainer::{AdapterContext, AdapterRun, TrainedAdapter, train_adapters};
use crate::training::base_data::BaseData;
use crate::training::base_trainer::{BaseRun, train_base};
use crate::training::checkpoint;
use crate::training::dataset::{Sizes, TaskData};
use crate::training::generator_data::Corpus;
use crate::training::generator_trainer::{GeneratorContext, GeneratorRun, train_generator};
use crate::training::progress::Progress;
use crate::training::schedule::Schedule;
use crate::training::{Error, Workers};
use anyhow::Context;
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const SPECIAL: [&str; 3] = ["<bos>", "<eos>", "<pad>"];
/// Examples of each task.
const SIZES: Sizes = Sizes { train: 240, test: 20 };

/// Trains the base and writes its directory, its weights in bf16.
pub(super) fn base(build: &Build, workers: &Workers, progress: &dyn Progress) -> anyhow::Result<()> {
    let dir = build.out.join("base");
    let weights_path = dir.join("model.safetensors");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let tokenizer_json = byte_level_tokenizer_json(&SPECIAL).to_string();
    let template = InputTemplate::default();
    std::fs::write(dir.join("config.json"), serde_json::to_string_pretty(&config())?)?;
    std::fs::write(dir.join("tokenizer.json"), &tokenizer_json)?;
    std::fs::write(dir.join("attune.json"), serde_json::to_string_pretty(&template)?)?;
    if weights_path.exists() {
        return Ok(());
    }
    let tokenizer = Tokenizer::from_bytes(tokenizer_json.as_bytes())?;
    let eos = tokenizer.id(SPECIAL[1]).context("the tokenizer has no <eos>")?;
    let prompter = Prompter::new(tokenizer.clone(), template, tokenizer.id(SPECIAL[0]), eos);
    let run = BaseRun {
        config: config(),
        rows: 24,
        schedule: Schedule { peak: build.base_rate, warmup: 100, decay: build.base_decay, steps: build.base_steps },
        seed: build.seed,
        checkpoint_every: 200,
        path: build.out.join("base.checkpoint.safetensors"),
        begin_from: build.base_from.as_ref().map(|dir| dir.join("model.safetensors")),
    };
    let weights = train_base(&run, &BaseData::new(prompter), workers, progress)?;
    let narrow = |(name, tensor): (String, Tensor)| Ok((name, tensor.to_dtype(DType::BF16)?));
    let weights: HashMap<String, Tensor> = weights.into_iter().map(narrow).collect::<candle_core::Result<_>>()?;
    candle_core::safetensors::save(&weights, &weights_path)?;
    Ok(())
}

/// Trains an adapter for each chosen task: every atomic one, then compositions.
pub(super) fn adapters(build: &Build, workers: &Workers, progress: &dyn Progress) -> anyhow::Result<()> {
    let base = load(build)?;
    let suite = Suite::builtin();
    let chosen = with_adapter(&suite, build.adapter_tasks);
    let missing = chosen.into_iter().filter(|task| !adapter_path(build, &task.name).exists());
    let data: Vec<TaskData> =
        missing.map(|task| TaskData::of_suite(task, base.prompter(), SIZES, build.seed)).collect::<Result<_, _>>()?;
    let shared = shared(build, &base)?;
    let mut run = AdapterRun { seed: build.seed, ..AdapterRun::default() };
    run.schedule = Schedule { steps: build.adapter_steps, decay: build.adapter_steps / 2, ..run.schedule };
    let context = AdapterContext {
        model: base.model(),
        shared: &shared,
        bos: base.bos(),
        workers,
        progress,
        checkpoints: Some(build.out.join("adapters")),
    };
    train_adapters(&context, &data, &run, |trained| trained.iter().try_for_each(|adapter| keep(build, adapter)))?;
    Ok(())
}

/// Trains the generator on every training task, with and without an adapter.
pub(super) fn generator(build: &Build, workers: &Workers, progress: &dyn Progress) -> anyhow::Result<()> {
    let path = build.out.join("generator.safetensors");
    if path.exists() {
        return Ok(());
    }
    let base = load(build)?;
    let suite = Suite::builtin();
    let mut tasks = Vec::new();
    for task in suite.training() {
        let data = TaskData::of_suite(task, base.prompter(), SIZES, build.seed)?;
        tasks.push((data, trajectory(build, &task.name)?));
    }
    let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
    let corpus = Corpus::new(tasks, &encoder, workers, build.seed)?;
    let shared = shared(build, &base)?;
    let mut run = GeneratorRun { seed: build.seed, ..GeneratorRun::default() };
    for (stage, steps) in
        [(&mut run.reconstruction, build.reconstruction_steps), (&mut run.cross_entropy, build.cross_entropy_steps)]
    {
        stage.schedule = Schedule { steps, decay: steps / 2, ..stage.schedule };
    }
    let context = GeneratorContext {
        model: base.model(),
        base_digest: base.digest(),
        encoder_version: ENCODER_VERSION,
        shared: &shared,
        alpha: AdapterRun::default().alpha,
        bos: base.bos(),
        workers,
        progress,
        checkpoint: Some(build.out.join("generator.checkpoint.safetensors")),
    };
    let file = train_generator(&context, &corpus, &run)?;
    std::fs::write(&path, file.to_bytes()?).with_context(|| format!("cannot write {}", path.display()))
}

fn load(build: &Build) -> anyhow::Result<Base> {
    Ok(Base::from_directory(&build.out.join("base"), DType::F32, &Device::Cpu)?)
}

fn shared(build: &Build, base: &Base) -> anyhow::Result<SharedA> {
    let layout = base.model().config().shape().layout(&Module::ALL, build.rank);
    Ok(SharedA::random(layout, build.seed, &Device::Cpu)?)
}

/// The training tasks that get an adapter.
fn with_adapter(suite: &Suite, count: usize) -> Vec<&SuiteTask> {
    let mut tasks: Vec<&SuiteTask> = suite.training().collect();
    tasks.sort_by_key(|task| task.is_composition());
    tasks.truncate(count);
    tasks
}

fn adapter_path(build: &Build, task: &str) -> PathBuf {
    build.out.join("adapters").join(format!("{task}.safetensors"))
}

#[derive(Serialize, Deserialize)]
struct AdapterHeader {
    exact_match: f64,
}

/// Writes a trajectory in bf16, as one matrix.
fn keep(build: &Build, adapter: &TrainedAdapter) -> Result<(), Error> {
    let (rows, width) = (adapter.trajectory.len(), adapter.trajectory.first().map_or(0, Vec::len));
    let all = Tensor::from_vec(adapter.trajectory.concat(), (rows, width), &Device::Cpu)?.to_dtype(DType::BF16)?;
    let header = AdapterHeader { exact_match: adapter.exact_match };
    checkpoint::save(&adapter_path(build, &adapter.name), &HashMap::from([("b".to_owned(), all)]), &header)
}

/// The trajectory of a task; empty where it has no adapter.
fn trajectory(build: &Build, task: &str) -> anyhow::Result<Vec<Vec<f32>>> {
    let path: &Path = &adapter_path(build, task);
    match checkpoint::load::<AdapterHeader>(path, &Device::Cpu)? {
        Some((tensors, _)) => {
            let all = tensors.get("b").with_context(|| format!("{} holds no adapter", path.display()))?;
            Ok(all.to_dtype(DType::F32)?.to_vec2()?)
        }
        None => Ok(Vec::new()),
    }
}

/// 1.17 M parameters: six thin layers rather than three wide ones, since two-step tasks need depth.
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
