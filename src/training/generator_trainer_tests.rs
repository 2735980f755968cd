//! The generator's trainer on a tiny base.

use super::*;
use crate::generator::Draw;
use crate::lora::Module;
use crate::task::{Base, Demonstrations, ENCODER_VERSION, Encoder};
use crate::training::adapter_trainer::{AdapterContext, AdapterRun, train_adapters};
use crate::training::dataset::TaskData;
use crate::training::evaluate::exact_matches;
use crate::training::finite_differences::check_direction;
use crate::training::progress::Silent;
use crate::training::test_base::{base, constant_task};
use std::sync::Mutex;

const ALPHA: f64 = 4.0;

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
        let layout = base.model().config().shape().layout(&Module::ALL, 2);
        let shared = SharedA::random(layout, 1, &Device::Cpu).expect("fits");
        let workers = Workers::new(2).expect("threads");
        let tasks: Vec<TaskData> = ["x", "y", "z"].map(|a| constant_task(a, a, base.prompter())).into();
        let done = Mutex::new(HashMap::new());
        let schedule = Schedule { peak: 5e-2, warmup: 2, decay: 15, steps: 30 };
        let run = AdapterRun { alpha: ALPHA, schedule, row_tokens: 40, keep: 2, ..AdapterRun::default() };
        let context = AdapterContext {
            model: base.model(),
            shared: &shared,
            bos: base.bos(),
            workers: &workers,
            progress: &Silent,
            checkpoints: None,
        };
        train_adapters(&context, &tasks[..2], &run, |adapters| {
            done.lock().expect("no panic").extend(adapters.into_iter().map(|a| (a.name, a.trajectory)));
            Ok(())
        })
        .expect("training");
        let mut done = done.into_inner().expect("no panic");
        let with = tasks.iter().map(|task| (task.clone(), done.remove(&task.name).unwrap_or_default())).collect();
        let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
        let corpus = Corpus::new(with, &encoder, &workers, 1).expect("conditions");
        Self { base, shared, tasks, corpus, workers }
    }

    fn context(&self, checkpoint: Option<PathBuf>) -> GeneratorContext<'_> {
        GeneratorContext {
            model: self.base.model(),
            base_digest: self.base.digest(),
            encoder_version: ENCODER_VERSION,
            shared: &self.shared,
            alpha: ALPHA,
            bos: self.base.bos(),
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

#[test]
fn every_variable_gets_the_gradient_that_finite_differences_give_in_both_stages() {
    let world = World::new();
    let (context, run) = (world.context(None), run(1, 1));
    let training = Training::new(&context, &world.corpus, &run).expect("a training");
    let reconstruct = || training.reconstruct(4, 1.0, &mut Noise::seeded(5)).expect("loss").0;
    let cross_entropy = || training.cross_entropy(4, &mut Noise::seeded(5)).expect("loss");
    let losses: [(&str, &dyn Fn() -> Tensor); 2] =
        [("reconstruction", &reconstruct), ("cross-entropy", &cross_entropy)];
    let mut seen = std::collections::HashSet::new();
    for (stage, loss) in losses {
        let grads = loss().backward().expect("backward");
        let value = || f64::from(loss().to_scalar::<f32>().expect("scalar"));
        let mut vars: Vec<(String, Var)> = lock(&training.vars).iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        vars.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, var) in vars {
            let Some(grad) = grads.get(&var) else { continue };
            let length = grad.sqr().and_then(|g| g.sum_all()?.to_scalar::<f32>()).expect("f32").sqrt();
            // Some slots of the tiny base barely matter to a stage; another stage covers them.
            if length > 1e-4 {
                check_direction(&format!("{stage} {name}"), &var, grad, value);
                seen.insert(name);
            }
        }
    }
    let all = lock(&training.vars).len();
    assert_eq!(seen.len(), all, "some variable had no gradient in either stage");
}

#[test]
fn a_trained_generator_writes_adapters_that_do_their_tasks_with_and_without_a_trajectory() {
    let world = World::new();
    let file = train_generator(&world.context(None), &world.corpus, &run(40, 150)).expect("training");
    file.check_base(world.base.digest()).expect("its own base");
    assert!(file.check_base("another").is_err());
    let encoder = Encoder::new(world.base.model().clone(), world.base.prompter().clone());
    for task in &world.tasks {
        let raw = encoder.encode(&[(task.descriptions[0].as_str(), &Demonstrations::default())]).expect("a vector");
        let condition = file.standardised(&raw[0]).expect("its width");
        let adapter = file.generate(&condition, Draw::Mean).expect("an adapter");
        let adapters = RowAdapters::of_rows(&[Some((&adapter, 1.0))], DType::F32).expect("rows");
        let hits = exact_matches(world.base.model(), &[task.test_row(world.base.bos())], &adapters).expect("scores");
        assert_eq!(hits, [[true, true]], "{}", task.name);
        assert_eq!(file.confidence(&condition).nearest_tasks[0].name, task.name);
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
