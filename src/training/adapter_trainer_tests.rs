//! The adapter trainer on a tiny base.

use super::*;
use crate::training::progress::Silent;
use crate::training::test_base::{base, constant_task};
use std::sync::Mutex;

fn shared(base: &crate::task::Base) -> SharedA {
    let layout = base.model().config().shape().layout(&crate::lora::Module::SEPARATE, 4);
    SharedA::random(layout, 1, &Device::Cpu).expect("fits")
}

fn run(steps: usize) -> AdapterRun {
    let schedule = Schedule { peak: 5e-2, warmup: 2, decay: steps / 2, steps };
    AdapterRun { schedule, row_tokens: 40, keep: 2, ..AdapterRun::default() }
}

fn train(
    tasks: &[&str],
    run: &AdapterRun,
    progress: &dyn Progress,
    checkpoints: Option<PathBuf>,
) -> Result<Vec<TrainedAdapter>, Error> {
    let base = base();
    let tasks: Vec<TaskData> = tasks.iter().map(|answer| constant_task(answer, answer, base.prompter())).collect();
    let done = Mutex::new(Vec::new());
    let context = AdapterContext {
        model: base.model(),
        shared: &shared(&base),
        bos: base.begin(),
        workers: &Workers::new(1).expect("a thread"),
        progress,
        checkpoints,
    };
    train_adapters(&context, &tasks, run, |adapters| {
        done.lock().expect("no panic").extend(adapters.iter().map(|(_, adapter)| adapter.clone()));
        Ok(())
    })?;
    Ok(done.into_inner().expect("no panic"))
}

#[test]
fn every_b_gets_the_gradient_that_finite_differences_give() {
    let base = base();
    let tasks = [constant_task("x", "x", base.prompter()), constant_task("y", "y", base.prompter())];
    let shared = shared(&base);
    let context = AdapterContext {
        model: base.model(),
        shared: &shared,
        bos: base.begin(),
        workers: &Workers::new(1).expect("a thread"),
        progress: &Silent,
        checkpoints: None,
    };
    let mut noise = Noise::seeded(3);
    let slots = shared.layout().slots();
    let vars: Vec<Var> = slots
        .iter()
        .map(|slot| {
            let values = noise.normals(2 * slot.b_len()).into_iter().map(|x| x * 0.05).collect::<Vec<_>>();
            Var::from_vec(values, (2, slot.output, slot.rank), &Device::Cpu).expect("shape")
        })
        .collect();
    let rows = rows(&tasks, base.begin(), &run(1), 0);
    let frozen = (context.model, context.shared);
    let value = || f64::from(loss(frozen, &vars, &rows, 4.0).expect("loss").to_scalar::<f32>().expect("scalar"));
    let grads = loss(frozen, &vars, &rows, 4.0).expect("loss").backward().expect("backward");
    for (slot, var) in slots.iter().zip(&vars) {
        let grad = grads.get(var).unwrap_or_else(|| panic!("{} has no gradient", slot.path()));
        crate::training::finite_differences::check_direction(&slot.path(), var, grad, value);
    }
}

#[test]
fn tasks_of_one_batch_each_learn_their_own_answer() {
    let trained = train(&["x", "y", "z"], &run(60), &Silent, None).expect("training");
    for adapter in trained {
        assert_eq!(adapter.score, Score::Answers { exact_match: 1.0 }, "{}", adapter.name);
        assert_eq!(adapter.trajectory.len(), 2);
    }
}

#[test]
fn a_task_s_adapter_does_not_depend_on_its_company() {
    let alone = train(&["x"], &run(20), &Silent, None).expect("training");
    let together = train(&["x", "y"], &run(20), &Silent, None).expect("training");
    let (a, b) = (alone[0].trajectory.last().expect("kept"), together[0].trajectory.last().expect("kept"));
    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-3, "{worst}");
}

/// Asks for a stop after some reports.
struct StopAfter(AtomicUsize);

impl Progress for StopAfter {
    fn report(&self, _report: &Report<'_>) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[test]
fn computing_layers_once_more_learns_the_same() {
    let kept = train(&["x"], &run(6), &Silent, None).expect("training");
    let again = AdapterRun { recompute: Recompute::Layers, ..run(6) };
    let again = train(&["x"], &again, &Silent, None).expect("training");
    let off = kept[0].trajectory[1].iter().zip(&again[0].trajectory[1]).map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0, f32::max) < 1e-4);
}

#[test]
fn a_base_in_16_bits_trains_and_reads_descriptions() {
    let half = crate::training::test_base::base_in(DType::BF16);
    let (shared, task) = (shared(&half), constant_task("x", "x", half.prompter()));
    let context = AdapterContext {
        model: half.model(),
        shared: &shared,
        bos: half.begin(),
        workers: &Workers::new(1).expect("a thread"),
        progress: &Silent,
        checkpoints: None,
    };
    let score = Mutex::new(None);
    train_adapters(&context, &[task], &run(60), |adapters| {
        *score.lock().expect("no panic") = Some(adapters[0].1.score);
        Ok(())
    })
    .expect("training");
    assert_eq!(score.into_inner().expect("no panic"), Some(Score::Answers { exact_match: 1.0 }));
    let encoder = crate::task::Encoder::new(half.model().clone(), half.prompter().clone());
    let nothing = crate::task::Demonstrations::default();
    let tokens = encoder.prefix("Write x.", &nothing).expect("tokens").len();
    let expected = encoder.width() + tokens * encoder.token_width();
    assert_eq!(encoder.encode(&[("Write x.", &nothing)]).expect("a condition")[0].len(), expected);
}

#[test]
fn two_passes_of_a_step_are_the_mean_of_their_gradients() {
    let base = base();
    let (shared, tasks) = (shared(&base), [constant_task("x", "x", base.prompter())]);
    let context = AdapterContext {
        model: base.model(),
        shared: &shared,
        bos: base.begin(),
        workers: &Workers::new(1).expect("a thread"),
        progress: &Silent,
        checkpoints: None,
    };
    let zeros = |slot: &crate::lora::Slot| Var::zeros((1, slot.output, slot.rank), DType::F32, &Device::Cpu);
    let vars: Vec<Var> = shared.layout().slots().iter().map(zeros).collect::<Result<_, _>>().expect("variables");
    let rule = Rule::AdamW { decay: 0.0, rate_scale: 1.0 };
    let named = vars.iter().enumerate().map(|(i, var)| (i.to_string(), var.clone(), rule)).collect();
    let optimizer = Optimizer::new(named).expect("an optimiser");
    let pass = |passes, step| {
        let run = AdapterRun { passes, ..run(9) };
        let (mean, grads) = accumulated(&context, &tasks, (&vars, &optimizer), (&run, step)).expect("gradients");
        let flat = |grad: &Option<Tensor>| grad.as_ref().expect("a gradient").flatten_all().expect("flat");
        (mean, Tensor::cat(&grads.iter().map(flat).collect::<Vec<_>>(), 0).expect("one vector"))
    };
    let (both, first, second) = (pass(2, 1), pass(1, 2), pass(1, 3));
    assert!((both.0 - (first.0 + second.0) / 2.0).abs() < 1e-6);
    let mean = ((first.1 + second.1).expect("sum") / 2.0).expect("mean");
    let off = (both.1 - mean).and_then(|d| d.abs()?.max(0)?.to_scalar::<f32>()).expect("a number");
    assert!(off < 1e-6, "{off}");
}

#[test]
fn an_interrupted_run_goes_on_from_its_checkpoint_to_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    let whole = train(&["x"], &run(120), &Silent, None).expect("training");
    let stopped = train(&["x"], &run(120), &StopAfter(AtomicUsize::new(70)), Some(dir.path().to_owned()));
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
    let resumed = train(&["x"], &run(120), &Silent, Some(dir.path().to_owned())).expect("training");
    assert_eq!(resumed[0].trajectory, whole[0].trajectory);
}

#[test]
fn texts_and_answers_are_learnt_in_one_group_and_each_measured_its_own_way() {
    use crate::training::texts::{Cutter, TextHalves};
    let dir = tempfile::tempdir().expect("a folder");
    let base = base();
    let run = run(60);
    let cutter = Cutter { base: &base, tokens: run.row_tokens };
    let halves = TextHalves::split(vec!["abab cdcd abab cdcd\n".repeat(30)]);
    let text = TaskData::of_texts("text", vec!["Go on.".into()], halves, &cutter).expect("a task");
    let tasks = [text, constant_task("x", "x", base.prompter())];
    let shared = shared(&base);
    let context = AdapterContext {
        model: base.model(),
        shared: &shared,
        bos: base.bos(),
        workers: &Workers::new(1).expect("a thread"),
        progress: &Silent,
        checkpoints: None,
    };
    let kept =
        crate::training::trajectories::Trajectories::new(dir.path().into(), base.digest(), &shared).expect("a key");
    let trained = kept.of_tasks(&context, &tasks, &run).expect("training");
    let Score::Texts(score) = trained[0].score else { panic!("{:?}", trained[0].score) };
    assert!(score.perplexity < 0.2 * score.base_perplexity, "{score:?}");
    assert!(score.bits_per_character < score.base_bits_per_character, "{score:?}");
    assert_eq!(trained[1].score, Score::Answers { exact_match: 1.0 });
    // A kept adapter has its score with it.
    assert_eq!(kept.load(&tasks[0], &run).expect("readable").map(|kept| kept.score), Some(trained[0].score));
}
