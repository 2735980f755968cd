//! Trains a generator's judge: its adapters are tried on descriptions of tasks whose answers are known, as they stand
//! and with words replaced by others that training never saw. What replaces a word that mattered makes the adapter
//! fail, so the judge learns which words the generator can read, and which tasks it does badly even so.

use super::agreement::tried;
use super::dataset::{Kind, TaskData};
use super::evaluate::{Row, exact_matches, rate};
use super::initial_weights::{lock, seed_weights};
use super::optimizer::{Optimizer, Rule};
use super::progress::{Progress, Report};
use super::schedule::Schedule;
use super::strange_words::{STRANGE, invented};
use super::{Error, Workers};
use crate::generator::{Calibration, Conditions, Curves, Draw, Evidence, GeneratorFile, Judge, Trial};
use crate::lm::{Piece, RowAdapters};
use crate::noise::Noise;
use crate::task::{Base, Demonstrations, Encoder};
use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a judge is trained.
#[derive(Clone, Copy, Debug)]
pub struct JudgeRun {
    /// Descriptions that are tried.
    pub tried: usize,
    /// The learning rate.
    pub schedule: Schedule,
    /// Descriptions of a step.
    pub batch: usize,
    /// The seed of everything.
    pub seed: u64,
}

impl Default for JudgeRun {
    fn default() -> Self {
        let schedule = Schedule { peak: 1e-3, warmup: 20, decay: 600, steps: 800 };
        Self { tried: 8_000, schedule, batch: 128, seed: 1 }
    }
}

/// Descriptions that are tried together.
const TOGETHER: usize = 8;
/// Rows of one pass through the base.
const ROWS: usize = 4;
/// Tokens that are left for what stands behind a description.
const PROBE_ROOM: usize = 64;
/// Answers by which an adapter is tried.
const ANSWERS: usize = 6;

/// One description in so many is not learned from: the confidence's curve is fitted to those.
const HELD_BACK: usize = 5;

/// What was tried: what the generator read, flat, the nearest task's similarity, how far the adapter answers as the
/// described base does, and the share of right answers.
struct Tried {
    read: Vec<f32>,
    similarity: f64,
    tried: Option<Trial>,
    right: f64,
}

/// The generator with a judge of its own, and its confidence fitted to what the judge says of descriptions that it did
/// not learn from; unchanged where no task has inputs with answers.
///
/// # Errors
/// [`Error::Cancelled`], [`Error::Diverged`]; those of base and generator.
pub fn with_judge(
    generator: GeneratorFile,
    base: &Base,
    tasks: &[TaskData],
    run: &JudgeRun,
    (workers, progress): (&Workers, &dyn Progress),
) -> Result<GeneratorFile, Error> {
    let usable = |task: &&TaskData| task.kind == Kind::Answers && !task.descriptions.is_empty();
    let tasks: Vec<&TaskData> = tasks.iter().filter(usable).collect();
    if tasks.is_empty() {
        return Ok(generator);
    }
    let done = AtomicUsize::new(0);
    let rounds = (0..run.tried.div_ceil(TOGETHER) as u64).collect();
    let tried = workers.map(rounds, |round: u64| {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let tried = attempt(&generator, base, &tasks, &mut Noise::stream(run.seed.wrapping_add(round), "judge"))?;
        let step = (done.fetch_add(1, Ordering::Relaxed) + 1) * TOGETHER;
        progress.report(&Report { phase: "adapters tried", step, total: run.tried, metrics: &[] });
        Ok(tried)
    });
    let tried: Vec<Vec<Tried>> = tried.into_iter().collect::<Result<_, Error>>()?;
    let tried: Vec<Tried> = tried.into_iter().flatten().collect();
    let (held_back, learned): (Vec<_>, Vec<_>) =
        tried.into_iter().enumerate().partition(|(index, _)| index % HELD_BACK == 0);
    let learned: Vec<Tried> = learned.into_iter().map(|(_, tried)| tried).collect();
    let weights = trained(&generator, &learned, run, (workers, progress))?;
    let generator = generator.judged(weights)?;
    let seen = held_back.into_iter().map(|(_, Tried { read, similarity, tried, right })| {
        Ok((Evidence { similarity, judged: generator.judgement_of(read)?, tried, taught: false }, right))
    });
    let seen: Vec<(Evidence, f64)> = seen.collect::<Result<_, Error>>()?;
    let generator = generator.calibrated(Curves::of_written(Calibration::fit(&seen)));
    // What is served is what was stored: read back, in the file's precision.
    Ok(GeneratorFile::from_bytes(&generator.to_bytes()?, base.model().device())?)
}

/// Tries some descriptions.
fn attempt(
    generator: &GeneratorFile,
    base: &Base,
    tasks: &[&TaskData],
    noise: &mut Noise,
) -> Result<Vec<Tried>, Error> {
    let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
    let nothing = Demonstrations::default();
    let (mut texts, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..TOGETHER {
        let task: &TaskData = noise.pick::<&TaskData>(tasks);
        let text = noise.pick::<String>(&task.descriptions);
        let strange = said(text, noise);
        // Strange words may be longer than those that they stand for.
        let fits = encoder.prefix(&strange, &nothing)?.len() + PROBE_ROOM <= base.model().config().context;
        texts.push(if fits { strange } else { text.clone() });
        let pieces = (0..ANSWERS).map(|_| noise.pick::<Piece>(&task.train).clone()).collect();
        rows.push(Row { prefix: base.begin().to_vec(), pieces });
    }
    let raw = encoder.encode(&texts.iter().map(|text| (text.as_str(), &nothing)).collect::<Vec<_>>())?;
    let (mut adapters, mut reads, mut similarities, mut agreed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (raw, text) in raw.iter().zip(&texts) {
        let condition = generator.standardised(raw)?;
        let adapter = generator.generate(&condition, Draw::Mean)?;
        agreed.push(tried(base, &adapter, (&encoder.prefix(text, &nothing)?, &[]))?.map(Trial::of_agreement_alone));
        adapters.push(adapter);
        let conditions = Conditions::new(&[&condition], generator.config(), base.model().device())?;
        reads.push(generator.cvae().read(&conditions)?.flatten_all()?.to_vec1::<f32>()?);
        similarities.push(generator.similarity(&condition));
    }
    let mut rights: Vec<f64> = Vec::new();
    for (rows, adapters) in rows.chunks(ROWS).zip(adapters.chunks(ROWS)) {
        let adapters: Vec<_> = adapters.iter().map(|adapter| Some((adapter, 1.0))).collect();
        let adapters = RowAdapters::of_rows(&adapters, base.model().dtype())?;
        rights.extend(exact_matches(base.model(), rows, &adapters)?.iter().map(rate));
    }
    let all = reads.into_iter().zip(similarities).zip(agreed).zip(rights);
    Ok(all.map(|(((read, similarity), tried), right)| Tried { read, similarity, tried, right }).collect())
}

/// The text as it stands, half of the time; else with one to three of its words replaced.
fn said(text: &str, noise: &mut Noise) -> String {
    if noise.below(2) == 0 {
        return text.to_owned();
    }
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    for _ in 0..=noise.below(3) {
        let at = noise.below(words.len());
        words[at] = if noise.below(3) == 0 { invented(noise) } else { (*noise.pick(STRANGE)).to_owned() };
    }
    words.join(" ")
}

/// The judge's weights after training, by cross-entropy with the shares of right answers.
fn trained(
    generator: &GeneratorFile,
    tried: &[Tried],
    run: &JudgeRun,
    (workers, progress): (&Workers, &dyn Progress),
) -> Result<HashMap<String, Tensor>, Error> {
    let device = generator.shared().tensors()[0].device();
    let vars = VarMap::new();
    let judge = Judge::new(generator.config(), &VarBuilder::from_varmap(&vars, DType::F32, device))?;
    seed_weights(&vars, run.seed)?;
    let mut named: Vec<_> = lock(&vars).iter().map(|(name, var)| (name.clone(), var.clone())).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let rule = Rule::AdamW { decay: 0.05, rate_scale: 1.0 };
    let mut optimizer = Optimizer::new(named.iter().map(|(name, var)| (name.clone(), var.clone(), rule)).collect())?;
    for step in 0..run.schedule.steps {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let mut noise = Noise::stream(run.seed.wrapping_add(step as u64 * 0x9e37_79b9), "judge step");
        let some: Vec<&Tried> = (0..run.batch).map(|_| noise.pick::<Tried>(tried)).collect();
        let loss = loss(&judge, &some, device)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        if !value.is_finite() {
            return Err(Error::Diverged { step });
        }
        let grads = optimizer.collect(&loss.backward()?);
        optimizer.step(grads, run.schedule.rate(step), 1.0, workers)?;
        let total = run.schedule.steps;
        progress.report(&Report { phase: "judge", step: step + 1, total, metrics: &[("loss", value)] });
    }
    Ok(named.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect())
}

/// Cross-entropy of log-odds with shares: softplus(x) − y·x.
fn loss(judge: &Judge, tried: &[&Tried], device: &Device) -> Result<Tensor, Error> {
    let read: Vec<f32> = tried.iter().flat_map(|tried| tried.read.iter().copied()).collect();
    let right: Vec<f32> = tried.iter().map(|tried| tried.right as f32).collect();
    let odds = judge.forward(&Tensor::from_vec(read, (tried.len(), ()), device)?)?.squeeze(1)?;
    let right = Tensor::from_vec(right, tried.len(), device)?;
    // softplus(x) = max(x, 0) + log(1 + exp(−|x|))
    let softplus = (odds.relu()? + (odds.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
    Ok((softplus - (odds * right)?)?.mean_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::{GeneratorConfig, SlotSizes};
    use crate::training::finite_differences::check_direction;

    #[test]
    fn every_variable_of_the_judge_gets_the_gradient_that_finite_differences_give() {
        let sizes = SlotSizes { heads: 0, ..SlotSizes::default() };
        let config = GeneratorConfig::cvae(crate::lora::Layout::new(Vec::new()), 1.0, (5, 0), sizes);
        let vars = VarMap::new();
        let judge = Judge::new(&config, &VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu)).expect("net");
        seed_weights(&vars, 2).expect("seeded");
        let mut noise = Noise::seeded(3);
        let tried: Vec<Tried> = (0..12)
            .map(|i| {
                let read = noise.normals(5);
                Tried { read, similarity: 0.0, tried: None, right: f64::from(i % 3) / 2.0 }
            })
            .collect();
        let all: Vec<&Tried> = tried.iter().collect();
        let value = || loss(&judge, &all, &Device::Cpu).expect("loss");
        let grads = value().backward().expect("backward");
        for (name, var) in lock(&vars).iter() {
            let grad = grads.get(var).unwrap_or_else(|| panic!("{name} has no gradient"));
            check_direction(name, var, grad, || f64::from(value().to_scalar::<f32>().expect("scalar")));
        }
    }

    #[test]
    fn half_of_the_descriptions_stand_as_they_are_and_the_others_have_strange_words() {
        let mut noise = Noise::seeded(1);
        let text = "Write the word backwards.";
        let said: Vec<String> = (0..200).map(|_| said(text, &mut noise)).collect();
        let same = said.iter().filter(|s| *s == text).count();
        assert!((70..130).contains(&same), "{same}");
        assert!(said.iter().all(|s| s.split(' ').count() == 4));
    }
}
