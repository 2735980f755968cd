//! Refinement on a tiny base.

use super::*;
use crate::lora::Module;
use crate::noise::Noise;
use crate::task::{Base, Example};
use crate::training::finite_differences::check_direction;
use crate::training::progress::{CancelFlag, Silent};
use crate::training::test_base::{base, base_loaded};

const ALPHA: f64 = 4.0;

fn shared(base: &Base) -> SharedA {
    let layout = base.model().config().shape().layout(&Module::SEPARATE, 4);
    SharedA::random(layout, 1, &Device::Cpu).expect("fits")
}

fn run(steps: usize) -> RefineRun {
    RefineRun { alpha: ALPHA, schedule: RefineRun::schedule(3e-2, steps), pull: 0.1 }
}

/// Words, and always the same answer.
fn shown(base: &Base) -> Vec<crate::lm::Piece> {
    let piece = |input| base.prompter().scored(&Example::new(input, "xy")).expect("tokens");
    ["ab", "cd", "efg", "h"].map(piece).into()
}

fn refined(base: &Base, start: &[f32], run: &RefineRun) -> Result<Vec<f32>, Error> {
    let shared = shared(base);
    let context = RefineContext { model: base.model(), shared: &shared, begin: base.begin(), progress: &Silent };
    refine(&context, start, &Expected::alike(shown(base)), run)
}

/// The mean cross-entropy of the examples through a flat B.
fn loss(base: &Base, b: &[f32]) -> f64 {
    let shared = shared(base);
    let b = Tensor::from_slice(b, b.len(), &Device::Cpu).expect("a vector");
    let adapter = crate::lora::Adapter::over(&shared, &b, ALPHA).expect("an adapter");
    let row = Row { prefix: base.begin().to_vec(), pieces: shown(base) };
    crate::training::evaluate::mean_cross_entropy(base.model(), &row, &adapter).expect("a loss")
}

#[test]
fn every_b_gets_the_gradient_that_finite_differences_give() {
    let base = base();
    let shared = shared(&base);
    let context = RefineContext { model: base.model(), shared: &shared, begin: base.begin(), progress: &Silent };
    let start: Vec<f32> = Noise::seeded(3).normals(shared.layout().b_len()).into_iter().map(|x| 0.05 * x).collect();
    let run = run(1);
    let refinement = Refinement::new(&context, &start, &Expected::alike(shown(&base)), &run).expect("a start");
    let value = || refinement.passes.iter().map(|pass| refinement.value(pass).expect("a loss")).sum::<f64>();
    let (told, grads) = refinement.gradients().expect("gradients");
    assert!((told - value()).abs() < 1e-6 && (told - loss(&base, &start)).abs() < 1e-5, "{told}");
    for ((slot, moved), grad) in shared.layout().slots().iter().zip(&refinement.moved).zip(&grads) {
        check_direction(&slot.path(), moved, grad.as_ref().expect("a gradient"), value);
    }
}

#[test]
fn the_loss_on_the_examples_falls_and_from_a_good_start_it_falls_further() {
    let base = base();
    let zero = vec![0.0; shared(&base).layout().b_len()];
    let first = refined(&base, &zero, &run(10)).expect("refined");
    let second = refined(&base, &first, &run(10)).expect("refined");
    let (before, after, further) = (loss(&base, &zero), loss(&base, &first), loss(&base, &second));
    assert!(after < 0.7 * before && further < 0.7 * after, "{before}, {after}, {further}");
}

#[test]
fn the_same_examples_give_the_same_bytes() {
    let base = base();
    let zero = vec![0.0; shared(&base).layout().b_len()];
    assert_eq!(refined(&base, &zero, &run(4)).expect("refined"), refined(&base, &zero, &run(4)).expect("refined"));
    assert_ne!(refined(&base, &zero, &run(4)).expect("refined"), refined(&base, &zero, &run(5)).expect("refined"));
}

#[test]
fn too_large_a_rate_never_leaves_more_loss_than_there_was() {
    let base = base();
    let zero = vec![0.0; shared(&base).layout().b_len()];
    let start = refined(&base, &zero, &run(10)).expect("refined");
    let wild = RefineRun { schedule: RefineRun::schedule(1e4, 6), ..run(6) };
    let end = refined(&base, &start, &wild).expect("refined");
    assert!(loss(&base, &end) <= loss(&base, &start) + 1e-6);
}

#[test]
fn a_pull_keeps_b_nearer_to_where_it_began() {
    let base = base();
    let start: Vec<f32> =
        Noise::seeded(4).normals(shared(&base).layout().b_len()).into_iter().map(|x| 0.05 * x).collect();
    let far = |pull| {
        let end = refined(&base, &start, &RefineRun { pull, ..run(20) }).expect("refined");
        start.iter().zip(&end).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    };
    assert!(far(10.0) < 0.8 * far(0.0), "{} and {}", far(10.0), far(0.0));
}

#[test]
fn weights_in_blocks_and_in_16_bits_are_refined_through() {
    use crate::lm::{Loading, Quantization};
    for loading in [
        Loading { quantization: Some(Quantization::Q8_0), ..Loading::f32() },
        Loading { dtype: DType::BF16, ..Loading::f32() },
    ] {
        let base = base_loaded(&loading);
        let zero = vec![0.0; shared(&base).layout().b_len()];
        let end = refined(&base, &zero, &run(10)).expect("refined");
        assert!(loss(&base, &end) < 0.8 * loss(&base, &zero), "{}", base.model().weight_kind());
    }
}

#[test]
fn many_examples_take_several_passes_with_the_same_gradient() {
    let base = base();
    let shared = shared(&base);
    let context = RefineContext { model: base.model(), shared: &shared, begin: base.begin(), progress: &Silent };
    let zero = vec![0.0; shared.layout().b_len()];
    let (once, run) = (shown(&base), run(1));
    let many: Vec<crate::lm::Piece> = once.iter().cycle().take(once.len() * 30).cloned().collect();
    let gradients = |shown: &[crate::lm::Piece]| {
        let shown = &Expected::alike(shown.to_vec());
        let refinement = Refinement::new(&context, &zero, shown, &run).expect("a start");
        let (loss, grads) = refinement.gradients().expect("gradients");
        let last = grads.last().cloned().flatten().expect("a gradient").flatten_all().expect("flat");
        (refinement.passes.len(), loss, last.to_vec1::<f32>().expect("numbers"))
    };
    let (few, all) = (gradients(&once), gradients(&many));
    assert!(few.0 == 1 && all.0 > 1, "{} and {}", few.0, all.0);
    assert!((few.1 - all.1).abs() < 1e-4, "{} and {}", few.1, all.1);
    assert!(few.2.iter().zip(&all.2).all(|(a, b)| (a - b).abs() < 1e-4 + 1e-2 * a.abs()));
}

#[test]
fn it_stops_when_nobody_waits_and_refuses_to_learn_from_nothing() {
    struct Gone(CancelFlag);
    impl Progress for Gone {
        fn report(&self, _: &Report<'_>) {
            self.0.cancel();
        }
        fn cancelled(&self) -> bool {
            self.0.is_cancelled()
        }
    }
    let base = base();
    let shared = shared(&base);
    let zero = vec![0.0; shared.layout().b_len()];
    let gone = Gone(CancelFlag::default());
    let context = RefineContext { model: base.model(), shared: &shared, begin: base.begin(), progress: &gone };
    assert!(matches!(refine(&context, &zero, &Expected::alike(shown(&base)), &run(50)), Err(Error::Cancelled)));
    assert!(matches!(refine(&context, &zero, &Expected::alike(Vec::new()), &run(50)), Err(Error::NoData { .. })));
}
