//! The generator's trainer on a tiny base.

use super::*;
use crate::generator::Draw;
use crate::lm::RowAdapters;
use crate::lora::Module;
use crate::task::{Base, Demonstrations, ENCODER_VERSION, Encoder};
use crate::training::adapter_trainer::{AdapterContext, AdapterRun, train_adapters};
use crate::training::dataset::TaskData;
use crate::training::evaluate::exact_matches;
use crate::training::finite_differences::check_direction;
use crate::training::generator_data::Conditioning;
use crate::training::progress::Silent;
use crate::training::schedule::Schedule;
use crate::training::test_base::{base, constant_task};
use candle_core::{Device, Var};
use std::collections::HashMap;
use std::sync::Mutex;

const ALPHA: f64 = 4.0;

fn conditioning(standardiser: Option<crate::generator::Standardiser>) -> Conditioning<'static> {
    Conditioning { seed: 1, standardiser, hidden: &[], without_tokens: false }
}

struct World {
    base: Base,
    shared: SharedA,
    tasks: Vec<TaskData>,
    corpus: Corpus,
    workers: Workers,
}

impl World {
    /// Two tasks with a trained adapter and one without.
    fn new() -> Self {
        let base = base();
        let layout = base.model().config().shape().layout(&Module::SEPARATE, 2);
        let shared = SharedA::random(layout, 1, &Device::Cpu).expect("fits");
        let workers = Workers::new(2).expect("threads");
        let tasks: Vec<TaskData> = ["x", "y", "z"].map(|a| constant_task(a, a, base.prompter())).into();
        let done = Mutex::new(HashMap::new());
        let schedule = Schedule { peak: 5e-2, warmup: 2, decay: 15, steps: 30 };
        let run = AdapterRun { alpha: ALPHA, schedule, row_tokens: 40, keep: 2, ..AdapterRun::default() };
        let context = AdapterContext {
            model: base.model(),
            shared: &shared,
            bos: base.begin(),
            workers: &workers,
            progress: &Silent,
            checkpoints: None,
        };
        train_adapters(&context, &tasks[..2], &run, |adapters| {
            done.lock().expect("no panic").extend(adapters.iter().map(|(t, a)| (t.name.clone(), a.trajectory.clone())));
            Ok(())
        })
        .expect("training");
        let mut done = done.into_inner().expect("no panic");
        let with = tasks.iter().map(|task| (task.clone(), done.remove(&task.name).unwrap_or_default())).collect();
        let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
        let corpus = Corpus::new(with, &encoder, (&workers, &Silent), conditioning(None)).expect("conditions");
        Self { base, shared, tasks, corpus, workers }
    }

    /// A corpus of tasks without trained adapters.
    fn corpus_of(&self, names: &[&str], standardiser: Option<crate::generator::Standardiser>) -> Corpus {
        let tasks = names.iter().map(|a| (constant_task(a, a, self.base.prompter()), Vec::new())).collect();
        Corpus::new(tasks, &self.encoder(), (&self.workers, &Silent), conditioning(standardiser)).expect("conditions")
    }

    fn encoder(&self) -> Encoder {
        Encoder::new(self.base.model().clone(), self.base.prompter().clone())
    }

    /// The standardised condition of a task's first description.
    fn condition(&self, file: &GeneratorFile, task: &TaskData) -> Vec<f32> {
        let raw = self.encoder().encode(&[(task.descriptions[0].as_str(), &Demonstrations::default())]);
        file.standardised(&raw.expect("a vector")[0]).expect("its width")
    }

    /// Which of the task's unseen examples its generated adapter gets right.
    fn hits(&self, file: &GeneratorFile, task: &TaskData) -> Vec<Vec<bool>> {
        let adapter = file.generate(&self.condition(file, task), Draw::Mean).expect("an adapter");
        let adapters = RowAdapters::of_rows(&[Some((&adapter, 1.0))], DType::F32).expect("rows");
        exact_matches(self.base.model(), &[task.test_row(self.base.begin())], &adapters).expect("scores")
    }

    fn context(&self, checkpoint: Option<PathBuf>) -> GeneratorContext<'_> {
        GeneratorContext {
            model: self.base.model(),
            base_digest: self.base.digest(),
            encoder_version: ENCODER_VERSION,
            shared: &self.shared,
            alpha: ALPHA,
            begin: None,
            parent: None,
            bos: self.base.begin(),
            workers: &self.workers,
            progress: &Silent,
            checkpoint,
        }
    }
}

fn run(reconstruction: usize, cross_entropy: usize) -> GeneratorRun {
    let stage =
        |steps: usize| Stage { schedule: Schedule { peak: 2e-3, warmup: 5, decay: steps / 2, steps }, batch: 6 };
    GeneratorRun {
        reconstruction: stage(reconstruction),
        cross_entropy: stage(cross_entropy),
        row_tokens: 40,
        checkpoint_every: 10,
        // Without the kink of the free bits, where no difference can agree.
        free_bits: 0.0,
        ..GeneratorRun::default()
    }
}

/// Holds the gradient of every variable of a training against finite differences, in each stage that it has.
fn check_gradients(context: &GeneratorContext<'_>, corpus: &Corpus, run: &GeneratorRun, stages: &[usize]) {
    let training = Training::new(context, corpus, run).expect("a training");
    // Where nothing has moved yet, staying with the parent costs nothing and has no gradient, and leaky units whose
    // input is padding stand exactly on their kink.
    let away = if run.arch == Arch::IcmConv { 0.3 } else { 1e-3 };
    if context.parent.is_some() || run.arch == Arch::IcmConv {
        for (name, var, _) in trained(&training.vars) {
            let values = var.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("f32");
            let noise = Noise::stream(9, &name).normals(values.len());
            let moved: Vec<f32> = values.iter().zip(noise).map(|(x, n)| x + 0.1 * (x.abs() + away) * n).collect();
            var.set(&Tensor::from_vec(moved, var.shape(), var.device()).expect("shape")).expect("set");
        }
    }
    let mut seen = std::collections::HashSet::new();
    let vars: Vec<(String, Var)> = trained(&training.vars).into_iter().map(|(name, var, _)| (name, var)).collect();
    for stage in stages {
        // The first step has no divergence yet: a later one.
        let loss = || training.objective(*stage, 1000, 4, &mut Noise::seeded(5)).expect("loss").loss;
        let grads = loss().backward().expect("backward");
        let value = || f64::from(loss().to_scalar::<f32>().expect("scalar"));
        for (name, var) in &vars {
            let Some(grad) = grads.get(var) else { continue };
            let length = grad.sqr().and_then(|g| g.sum_all()?.to_scalar::<f32>()).expect("f32").sqrt();
            // Some slots of the tiny base barely matter to a stage; another stage covers them.
            if length > 1e-4 {
                check_direction(&format!("stage {stage} {name}"), var, grad, value);
                seen.insert(name);
            }
        }
    }
    // What grows has a new encoder that nothing uses.
    let used = |name: &&String| context.parent.is_none() || !name.starts_with("encoder.");
    let missing: Vec<_> = vars.iter().map(|(name, _)| name).filter(used).filter(|name| !seen.contains(name)).collect();
    assert!(missing.is_empty(), "no gradient in any stage: {missing:?}");
}

#[test]
fn every_variable_gets_the_gradient_that_finite_differences_give_in_both_stages() {
    let world = World::new();
    check_gradients(&world.context(None), &world.corpus, &run(1, 1), &[0, 1]);
}

#[test]
fn what_is_learned_from_the_base_and_through_the_best_of_samples_has_the_same_gradients_as_differences() {
    let world = World::new();
    let run = GeneratorRun { distil: 0.5, explore: 3, ..run(1, 1) };
    check_gradients(&world.context(None), &world.corpus, &run, &[0, 1]);
}

#[test]
fn the_papers_networks_get_the_gradients_that_finite_differences_give() {
    let world = World::new();
    check_gradients(&world.context(None), &world.corpus, &GeneratorRun { arch: Arch::IcmConv, ..run(1, 1) }, &[0, 1]);
}

#[test]
fn what_grows_gets_the_gradients_that_finite_differences_give() {
    let world = World::new();
    let parent = train_generator(&world.context(None), &world.corpus, &run(40, 40)).expect("training");
    let corpus = world.corpus_of(&["w"], Some(parent.standardiser().clone()));
    check_gradients(&GeneratorContext { parent: Some(&parent), ..world.context(None) }, &corpus, &run(0, 1), &[1]);
}

#[test]
fn a_generator_that_grows_learns_the_new_task_and_keeps_the_old_ones() {
    let world = World::new();
    let parent = train_generator(&world.context(None), &world.corpus, &run(40, 150)).expect("training");
    let corpus = world.corpus_of(&["w"], Some(parent.standardiser().clone()));
    let context = GeneratorContext { parent: Some(&parent), ..world.context(None) };
    let grown = train_generator(&context, &corpus, &run(0, 100)).expect("training");
    for task in world.tasks.iter().chain([&corpus.tasks[0].data]) {
        assert_eq!(world.hits(&grown, task), [[true, true]], "{}", task.name);
    }
    assert!(grown.tasks().iter().any(|task| task.name == "w") && grown.tasks().iter().any(|task| task.name == "x"));
}

#[test]
fn the_papers_architecture_is_trained_and_served_from_its_own_bytes() {
    let world = World::new();
    let run = GeneratorRun { arch: Arch::IcmConv, ..run(3, 3) };
    let file = train_generator(&world.context(None), &world.corpus, &run).expect("training");
    let again = GeneratorFile::from_bytes(&file.to_bytes().expect("bytes"), &Device::Cpu).expect("its own bytes");
    assert_eq!(again.config().arch, Arch::IcmConv);
    let c = vec![0.5; again.config().condition];
    let b = |file: &GeneratorFile| file.generate(&c, Draw::Mean).expect("an adapter").flat_b().expect("f32");
    assert_eq!(b(&file), b(&again));
}

#[test]
fn a_trained_generator_writes_adapters_that_do_their_tasks_with_and_without_a_trajectory() {
    let world = World::new();
    let file = train_generator(&world.context(None), &world.corpus, &run(40, 150)).expect("training");
    file.check(world.base.digest(), ENCODER_VERSION).expect("its own base");
    assert!(file.check("another", ENCODER_VERSION).is_err() && file.check(world.base.digest(), "0").is_err());
    for task in &world.tasks {
        assert_eq!(world.hits(&file, task), [[true, true]], "{}", task.name);
        let condition = world.condition(&file, task);
        assert_eq!(file.confidence(&condition, None, false).expect("its width").nearest_tasks[0].name, task.name);
        let adapter = file.generate(&condition, Draw::Mean).expect("an adapter");
        let again = file.generate(&condition, Draw::Mean).expect("an adapter");
        assert_eq!(again.flat_b().expect("f32"), adapter.flat_b().expect("f32"));
        let draw = |seed| file.generate(&condition, Draw::Sample { seed, index: 0 }).expect("an adapter");
        assert_eq!(draw(4).flat_b().expect("f32"), draw(4).flat_b().expect("f32"));
        assert_ne!(draw(4).flat_b().expect("f32"), draw(5).flat_b().expect("f32"));
    }
    let bytes = file.to_bytes().expect("bytes");
    let again = GeneratorFile::from_bytes(&bytes, &Device::Cpu).expect("its own bytes");
    assert_eq!(again.to_bytes().expect("bytes"), bytes);
    assert!(GeneratorFile::from_bytes(&bytes[..bytes.len() / 2], &Device::Cpu).is_err());
}

#[test]
fn an_interrupted_training_goes_on_from_its_checkpoint_to_the_same_bytes() {
    struct StopAt(std::sync::atomic::AtomicUsize);
    impl Progress for StopAt {
        fn report(&self, _report: &Report<'_>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        fn cancelled(&self) -> bool {
            self.0.load(std::sync::atomic::Ordering::Relaxed) == 15
        }
    }
    let world = World::new();
    let run = run(10, 20);
    let whole = train_generator(&world.context(None), &world.corpus, &run).expect("training");
    let dir = tempfile::tempdir().expect("a folder");
    let path = Some(dir.path().join("checkpoint.safetensors"));
    let stop = StopAt(std::sync::atomic::AtomicUsize::new(0));
    let stopped =
        train_generator(&GeneratorContext { progress: &stop, ..world.context(path.clone()) }, &world.corpus, &run);
    assert!(matches!(stopped, Err(Error::Cancelled)));
    let resumed = train_generator(&world.context(path), &world.corpus, &run).expect("training");
    assert_eq!(resumed.to_bytes().expect("bytes"), whole.to_bytes().expect("bytes"));
}
