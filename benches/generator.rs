//! What a generator costs, at the shapes of real bases and with random weights: bytes, the time of one adapter on one
//! thread, and of a training step of the first stage: `cargo bench --bench generator -- [REPEATS]`. Prints one line of
//! JSON a shape.
//!
//! The authors' figures beside it: their decoder takes 948 ms for 1.0 M weights and their training step 8.3 s for a
//! batch of two, on one thread.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark that prints and may fail")]

use attune::generator::{
    Conditions, Cvae, Draw, GeneratorConfig, GeneratorFile, Memory, Parts, Scale, SlotSizes, Standardiser, kl_per_unit,
};
use attune::lora::{BaseShape, Module, Projections, SharedA};
use attune::noise::Noise;
use candle_core::{DType, Device, Tensor};
use candle_nn::{VarBuilder, VarMap};
use std::collections::HashMap;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tokens of the description.
const TOKENS: usize = 24;
const RANK: usize = 8;

struct Shape {
    name: &'static str,
    base: BaseShape,
    modules: &'static [Module],
}

fn shapes() -> Vec<Shape> {
    let base = |layers, hidden, query, kv, intermediate| BaseShape {
        layers,
        hidden,
        query,
        kv,
        intermediate,
        projections: Projections::Separate,
    };
    let (demo, smol) = (base(6, 128, 128, 128, 320), base(30, 576, 576, 192, 1536));
    let llama = base(32, 4096, 4096, 1024, 14_336);
    const QV: &[Module] = &[Module::QProj, Module::VProj];
    vec![
        Shape { name: "demo, all-linear", base: demo, modules: &Module::SEPARATE },
        Shape { name: "SmolLM2-135M, q and v", base: smol, modules: QV },
        Shape { name: "SmolLM2-135M, all-linear", base: smol, modules: &Module::SEPARATE },
        Shape { name: "Llama-3-8B, q and v", base: llama, modules: QV },
    ]
}

fn main() {
    let repeats = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(20);
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().unwrap();
    for shape in shapes() {
        measure(&shape, repeats);
    }
}

fn measure(shape: &Shape, repeats: usize) {
    let layout = shape.base.layout(shape.modules, RANK);
    // Two taps of three parts each, and both taps of each token.
    let widths = (6 * shape.base.hidden, 2 * shape.base.hidden);
    let config = GeneratorConfig::cvae(layout.clone(), 16.0, widths, SlotSizes::default());
    let vars = VarMap::new();
    let cvae = Cvae::for_training(&config, &VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu)).unwrap();
    let mut noise = Noise::seeded(1);
    let mut weights = HashMap::new();
    for (name, var) in vars.data().lock().unwrap().iter() {
        let values: Vec<f32> = noise.normals(var.elem_count()).into_iter().map(|x| 0.02 * x).collect();
        var.set(&Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap()).unwrap();
        weights.insert(name.clone(), var.as_detached_tensor());
    }
    let scale = |width| Scale { mean: vec![0.0; width], deviation: vec![1.0; width] };
    let file = GeneratorFile::new(Parts {
        config: config.clone(),
        base_digest: "bench".into(),
        encoder_version: "bench".into(),
        shared: SharedA::random(layout.clone(), 1, &Device::Cpu).unwrap(),
        standardiser: Standardiser { vector: scale(widths.0), token: scale(widths.1) },
        memory: Memory { within: vec![0.0; widths.0], ..Memory::default() },
        weights,
    })
    .unwrap();
    let condition = noise.normals(widths.0 + TOKENS * widths.1);
    let one = median(repeats, || {
        file.generate(&condition, Draw::Mean).unwrap();
    });
    let step = median(3, || step(&cvae, &config, &mut noise));
    let weights_of = |slot: &attune::lora::Slot| slot.rank * (slot.input + slot.output);
    println!(
        "{}",
        serde_json::json!({
            "shape": shape.name,
            "weights": layout.slots().iter().map(weights_of).sum::<usize>(),
            "generated": layout.b_len(),
            "adapter_ms": one * 1e3,
            "ns_per_generated_weight": one * 1e9 / layout.b_len() as f64,
            "generator_mb_bf16": file.networks_bytes() as f64 / 1e6,
            "adapter_mb_bf16": layout.b_len() as f64 * 2.0 / 1e6,
            "step_of_two_s": step,
        })
    );
}

/// A step of the first stage: reconstruction and divergence of two adapters, forward and backward.
fn step(cvae: &Cvae, config: &GeneratorConfig, noise: &mut Noise) {
    let rows: Vec<Vec<f32>> = (0..2).map(|_| noise.normals(config.condition + TOKENS * config.tokens)).collect();
    let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let c = cvae.read(&Conditions::new(&rows, config, &Device::Cpu).unwrap()).unwrap();
    let inputs = config.layout.slots().len() * SlotSizes::default().encoder_basis();
    let x = Tensor::from_vec(noise.normals(2 * inputs), (2, inputs), &Device::Cpu).unwrap();
    let (q, p) = (cvae.encode(&x, &c).unwrap(), cvae.prior(&c).unwrap());
    let mut loss = (kl_per_unit(&q, &p).unwrap().sum_all().unwrap() * 0.01).unwrap();
    for slot in cvae.decode(&c, &q.mean).unwrap() {
        loss = (loss + slot.sqr().unwrap().mean_all().unwrap()).unwrap();
    }
    loss.backward().unwrap();
}

/// Seconds.
fn median(repeats: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut times: Vec<f64> = (0..repeats)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[repeats / 2]
}
