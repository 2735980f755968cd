//! Times LoRA training steps at SmolLM2-135M's shape (random weights), by the adapter trainer itself:
//! `cargo bench --bench train_step -- [steps] [texts] [length] [--checkpointing]`. Prints one line of
//! JSON a step and the peak memory at the end. `benches/peers/train_step.py` runs it beside PyTorch.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark that prints and may fail")]

use attune::lm::{Error, FileConfig, Model, Piece, Recompute, WeightSource};
use attune::lora::{Module, SharedA};
use attune::noise::Noise;
use attune::training::Workers;
use attune::training::adapter_trainer::{AdapterContext, AdapterRun, train_adapters};
use attune::training::dataset::{Kind, TaskData};
use attune::training::progress::{Progress, Report};
use attune::training::schedule::Schedule;
use candle_core::{Device, Tensor};
use std::sync::Mutex;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Weights from a seed: norms of 1, the others small and normal.
struct Random(Mutex<Noise>);

impl WeightSource for Random {
    fn tensor(&self, _: &str, shape: &[usize]) -> Result<Tensor, Error> {
        let count = shape.iter().product();
        let values = match shape.len() {
            1 => vec![1.0; count],
            _ => self.0.lock().unwrap().normals(count).into_iter().map(|x| x * 0.02).collect(),
        };
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }
}

/// Prints how long each step took.
struct Clock(Mutex<Instant>);

impl Progress for Clock {
    fn report(&self, report: &Report<'_>) {
        let mut last = self.0.lock().unwrap();
        let loss = report.metrics.iter().find(|(name, _)| *name == "loss").map_or(0.0, |(_, loss)| *loss);
        println!("{{\"step\": {}, \"seconds\": {:.4}, \"loss\": {loss}}}", report.step, last.elapsed().as_secs_f64());
        *last = Instant::now();
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn main() {
    let checkpointing = std::env::args().any(|arg| arg == "--checkpointing");
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let [steps, texts, length] = [0, 1, 2].map(|i| numbers.get(i).copied().unwrap_or([4, 8, 128][i]));
    let config = FileConfig {
        model_type: Some("llama".into()),
        vocab_size: 49_152,
        hidden_size: 576,
        intermediate_size: 1536,
        num_hidden_layers: 30,
        num_attention_heads: 9,
        num_key_value_heads: Some(3),
        max_position_embeddings: Some(8192),
        rope_theta: Some(1e5),
        tie_word_embeddings: Some(true),
        ..FileConfig::default()
    };
    let model = Model::load(&config.resolve().unwrap(), &Random(Mutex::new(Noise::seeded(1)))).unwrap();
    let layout = model.config().shape().layout(&Module::SEPARATE, 8);
    let shared = SharedA::random(layout, 1, &Device::Cpu).unwrap();
    let mut noise = Noise::seeded(2);
    let piece =
        |noise: &mut Noise| Piece { tokens: (0..length).map(|_| noise.below(49_152) as u32).collect(), score_from: 1 };
    let train: Vec<Piece> = (0..texts).map(|_| piece(&mut noise)).collect();
    let task = TaskData {
        name: "bench".into(),
        descriptions: vec!["bench".into()],
        test: train[..1].to_vec(),
        train,
        shown: Vec::new(),
        kind: Kind::Answers,
    };
    let run = AdapterRun {
        schedule: Schedule { peak: 1e-3, warmup: 1, decay: 1, steps },
        row_tokens: texts * length,
        group: 1,
        recompute: if checkpointing { Recompute::Layers } else { Recompute::Never },
        keep: 1,
        ..AdapterRun::default()
    };
    let clock = Clock(Mutex::new(Instant::now()));
    let context = AdapterContext {
        model: &model,
        shared: &shared,
        bos: &[],
        workers: &Workers::new(1).unwrap(),
        progress: &clock,
        checkpoints: None,
    };
    println!(
        "{{\"weights_mib\": {:.0}, \"resident_mib\": {:.0}}}",
        model.weight_bytes() as f64 / 1048576.0,
        status("VmRSS")
    );
    train_adapters(&context, &[task], &run, |_| Ok(())).unwrap();
    println!("{{\"peak_mib\": {:.0}}}", status("VmHWM"));
}

/// A line of the process's status, in MiB; 0 where there is none.
fn status(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
