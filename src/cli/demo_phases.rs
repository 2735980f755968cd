//! The phases of `attune demo build`. Each leaves its result in the build's folder, and is passed
//! over where the result is already there.

use super::demo_measure;
pub(super) use super::demo_recipe::Recipe;
use crate::generator::{Arch, GeneratorFile};
use crate::lm::{FileConfig, Tokenizer, byte_level_tokenizer_json};
use crate::lora::SharedA;
use crate::suite::{Half, Suite};
use crate::task::{Base, ENCODER_VERSION, Encoder, InputTemplate, Marks, Prompter};
use crate::training::Workers;
use crate::training::adapter_trainer::AdapterRun;
use crate::training::base_data::BaseData;
use crate::training::base_trainer::{BaseRun, train_base};
use crate::training::dataset::TaskData;
use crate::training::generator_data::{Conditioning, Corpus};
use crate::training::generator_trainer::{GeneratorContext, GeneratorRun, train_generator};
use crate::training::judge_trainer::{JudgeRun, with_judge};
use crate::training::progress::Progress;
use crate::training::schedule::Schedule;
use anyhow::Context;
use candle_core::{DType, Tensor};
use std::collections::HashMap;
use std::path::Path;

const GENERATOR_CHECKPOINT: &str = "generator.checkpoint.safetensors";
const SPECIAL: [&str; 3] = ["<bos>", "<eos>", "<pad>"];

/// Trains the base and writes its directory, its weights in bf16.
pub(super) fn base(recipe: &Recipe, workers: &Workers, progress: &dyn Progress) -> anyhow::Result<()> {
    let dir = recipe.out.join("base");
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
    let special = |name| tokenizer.id(name).with_context(|| format!("the tokenizer has no {name}"));
    let (bos, ends) = ([special(SPECIAL[0])?], [special(SPECIAL[1])?]);
    let prompter = Prompter::new(tokenizer.clone(), template, &Marks { bos: &bos, ends: &ends })?;
    let run = BaseRun {
        config: config(),
        rows: 24,
        schedule: Schedule { peak: recipe.base_rate, warmup: 100, decay: recipe.base_decay, steps: recipe.base_steps },
        seed: recipe.seed,
        checkpoint_every: 200,
        path: recipe.out.join("base.checkpoint.safetensors"),
        begin_from: recipe.base_from.as_ref().map(|dir| dir.join("model.safetensors")),
    };
    let weights = train_base(&run, &BaseData::new(prompter), workers, progress)?;
    let narrow = |(name, tensor): (String, Tensor)| Ok((name, tensor.to_dtype(DType::BF16)?));
    let weights: HashMap<String, Tensor> = weights.into_iter().map(narrow).collect::<candle_core::Result<_>>()?;
    candle_core::safetensors::save(&weights, &weights_path)?;
    Ok(())
}

/// Trains an adapter for each task of the suite's sample.
pub(super) fn adapters(recipe: &Recipe, workers: &Workers, progress: &dyn Progress) -> anyhow::Result<()> {
    let base = recipe.base()?;
    let shared = recipe.shared(&base)?;
    let suite = Suite::builtin();
    recipe.adapters(&suite.sample(recipe.adapter_tasks), &base, &shared, workers, progress)?;
    Ok(())
}

/// Trains the generator on every training task, with and without an adapter, and fits its confidence.
pub(super) fn generator(recipe: &Recipe, workers: &Workers, progress: &dyn Progress) -> anyhow::Result<()> {
    let path = recipe.generator_path();
    if path.exists() {
        return Ok(());
    }
    let base = recipe.base()?;
    let file = trained_generator(recipe, &base, workers, progress)?;
    let judged_path = recipe.of_generator("generator.judged.safetensors");
    if !judged_path.exists() {
        write(&judged_path, &judged(recipe, file, &base, workers, progress)?.to_bytes()?)?;
    }
    let file = read_generator(&judged_path, &base)?;
    let file = demo_measure::calibrated(file, &base, Half::Dev, (workers, progress))?;
    write(&path, &file.to_bytes()?)?;
    demo_measure::tell_confidence(&file, &base, Half::Test, (workers, progress))
}

/// The generator after both stages, without its confidence.
pub(super) fn trained_generator(
    recipe: &Recipe,
    base: &Base,
    workers: &Workers,
    progress: &dyn Progress,
) -> anyhow::Result<GeneratorFile> {
    let trained = recipe.of_generator("generator.trained.safetensors");
    if !trained.exists() {
        let corpus = corpus(recipe, base, workers, progress)?;
        let mut run = recipe.generator_run();
        set_steps(&mut run, (recipe.reconstruction_steps, recipe.cross_entropy_steps));
        let shared = recipe.shared(base)?;
        let checkpoint = Some(recipe.of_generator(GENERATOR_CHECKPOINT));
        let begin = recipe.generator_from.as_ref().map(|from| {
            let path = if from.is_dir() { from.join(GENERATOR_CHECKPOINT) } else { from.clone() };
            candle_core::safetensors::load(&path, base.model().device())
                .with_context(|| format!("cannot read {}", path.display()))
        });
        let begin = begin.transpose()?;
        let context =
            GeneratorContext { checkpoint, begin: begin.as_ref(), ..context(base, &shared, workers, progress) };
        write(&trained, &train_generator(&context, &corpus, &run)?.to_bytes()?)?;
    }
    read_generator(&trained, base)
}

fn read_generator(path: &Path, base: &Base) -> anyhow::Result<GeneratorFile> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(GeneratorFile::from_bytes(&bytes, base.model().device())?)
}

/// Writes a result by way of a temporary file: what is there is whole.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Trains the paper's architecture on the same corpus, for the recipe's minutes, in the proportion of stages that
/// the generator had.
pub(super) fn icm_conv(recipe: &Recipe, base: &Base, workers: &Workers, progress: &dyn Progress) -> anyhow::Result<()> {
    let path = recipe.icm_conv_path();
    if path.exists() {
        return Ok(());
    }
    let corpus = corpus_for(&Arch::IcmConv, recipe, base, workers, progress)?;
    let shared = recipe.shared(base)?;
    let without = context(base, &shared, workers, progress);
    // Its steps are timed first, so that the learning rate falls when the time is up.
    let mut run = GeneratorRun { seed: recipe.seed, ..GeneratorRun::icm_conv() };
    let seconds = recipe.icm_conv_minutes * 60.0;
    let steps_of = |stage: usize, share: f64| -> anyhow::Result<usize> {
        let mut trial = run.clone();
        set_steps(&mut trial, if stage == 0 { (TIMED, 0) } else { (0, TIMED) });
        let started = std::time::Instant::now();
        train_generator(&without, &corpus, &trial)?;
        Ok((share * seconds / (started.elapsed().as_secs_f64() / TIMED as f64)).max(1.0) as usize)
    };
    let steps_file = recipe.out.join("icm-conv.steps.json");
    let steps: (usize, usize) = match std::fs::read(&steps_file) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(_) => {
            let steps = (steps_of(0, RECONSTRUCTION_SHARE)?, steps_of(1, 1.0 - RECONSTRUCTION_SHARE)?);
            std::fs::write(&steps_file, serde_json::to_string(&steps)?)?;
            steps
        }
    };
    set_steps(&mut run, steps);
    run.checkpoint_every = 20;
    let checkpoint = Some(recipe.out.join("icm-conv.checkpoint.safetensors"));
    let file = train_generator(&GeneratorContext { checkpoint, ..without }, &corpus, &run)?;
    write(&path, &file.to_bytes()?)
}

/// Steps that are timed.
const TIMED: usize = 4;
/// The part of its time that the generator was in its first stage.
const RECONSTRUCTION_SHARE: f64 = 0.1;

fn set_steps(run: &mut GeneratorRun, (reconstruction, cross_entropy): (usize, usize)) {
    for (stage, steps) in [(&mut run.reconstruction, reconstruction), (&mut run.cross_entropy, cross_entropy)] {
        stage.schedule =
            Schedule { steps, decay: steps / 2, warmup: stage.schedule.warmup.min(steps / 4), ..stage.schedule };
    }
}

/// The tasks that have a trained adapter, with what the generator reads of them.
pub(super) fn trained_corpus(
    recipe: &Recipe,
    base: &Base,
    workers: &Workers,
    progress: &dyn Progress,
) -> anyhow::Result<Corpus> {
    corpus(&Recipe { tasks: recipe.adapter_tasks, ..recipe.clone() }, base, workers, progress)
}

fn corpus(recipe: &Recipe, base: &Base, workers: &Workers, progress: &dyn Progress) -> anyhow::Result<Corpus> {
    corpus_for(&recipe.generator_run().arch, recipe, base, workers, progress)
}

fn corpus_for(
    arch: &Arch,
    recipe: &Recipe,
    base: &Base,
    workers: &Workers,
    progress: &dyn Progress,
) -> anyhow::Result<Corpus> {
    let kept = recipe.trajectories(base, &recipe.shared(base)?)?;
    let suite = Suite::builtin();
    let chosen = match recipe.tasks {
        usize::MAX => suite.training().collect(),
        count => suite.sample(count),
    };
    let mut tasks = Vec::new();
    for task in chosen {
        let data = TaskData { descriptions: recipe.descriptions(task), ..recipe.data(task, base)? };
        let trajectory = kept.load(&data, &recipe.adapter_run())?.map_or_else(Vec::new, |adapter| adapter.trajectory);
        tasks.push((data, trajectory));
    }
    let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
    let hidden = recipe.hidden_parts();
    let conditioning =
        Conditioning { seed: recipe.seed, standardiser: None, hidden: &hidden, without_tokens: !arch.reads_tokens() };
    Ok(Corpus::new(tasks, &encoder, (workers, progress), conditioning)?)
}

fn context<'a>(
    base: &'a Base,
    shared: &'a SharedA,
    workers: &'a Workers,
    progress: &'a dyn Progress,
) -> GeneratorContext<'a> {
    GeneratorContext {
        model: base.model(),
        base_digest: base.digest(),
        encoder_version: ENCODER_VERSION,
        shared,
        alpha: AdapterRun::default().alpha,
        begin: None,
        parent: None,
        bos: base.begin(),
        workers,
        progress,
        checkpoint: None,
    }
}

/// The generator with a judge, which tries its adapters on the training tasks.
fn judged(
    recipe: &Recipe,
    generator: GeneratorFile,
    base: &Base,
    workers: &Workers,
    progress: &dyn Progress,
) -> anyhow::Result<GeneratorFile> {
    let suite = Suite::builtin();
    let data = |task| -> anyhow::Result<TaskData> {
        Ok(TaskData { descriptions: recipe.descriptions(task), ..recipe.small_data(task, base)? })
    };
    let tasks: Vec<TaskData> = suite.training().map(data).collect::<Result<_, _>>()?;
    let run = JudgeRun { seed: recipe.seed, ..JudgeRun::default() };
    Ok(with_judge(generator, base, &tasks, &run, (workers, progress))?)
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
