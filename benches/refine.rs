//! What refinement is worth on the demo model: exact match on unseen inputs of the held-out tasks' development half, of
//! adapters that were generated, refined from the generated one, and trained as many steps from zero, at several rates:
//! `cargo bench --bench refine -- [STEPS] [SHOWN] [--rates 1e-3,3e-3] [--pull 0.1] [--tasks N]`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark that prints and may fail")]

use attune::generator::{Draw, GeneratorFile};
use attune::lm::{Loading, RowAdapters};
use attune::lora::Adapter;
use attune::suite::{Half, Suite, SuiteTask};
use attune::task::{Base, Demonstrations, Encoder};
use attune::training::Workers;
use attune::training::comparison::{Group, mean_of};
use attune::training::dataset::{Sizes, TaskData};
use attune::training::evaluate::{exact_matches, rate};
use attune::training::expected::Expected;
use attune::training::progress::Silent;
use attune::training::refine::{RefineContext, RefineRun, refine};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Unseen inputs of a task.
const UNSEEN: usize = 40;

struct Bench {
    base: Base,
    generator: GeneratorFile,
    encoder: Encoder,
    steps: usize,
    shown: usize,
    rates: Vec<f64>,
    pull: f64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let option = |name: &str| args.iter().position(|arg| arg == name).map(|at| args[at + 1].clone());
    let number = |at: usize, other: usize| args.get(at).and_then(|arg| arg.parse().ok()).unwrap_or(other);
    let rates = option("--rates").unwrap_or_else(|| "1e-3,3e-3,1e-2".into());
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let base = Base::from_directory(&dir, &Loading::f32()).unwrap();
    let generator = std::fs::read(dir.join("generator.safetensors")).unwrap();
    let bench = Bench {
        encoder: Encoder::new(base.model().clone(), base.prompter().clone()),
        generator: GeneratorFile::from_bytes(&generator, &Device::Cpu).unwrap(),
        base,
        steps: number(0, 20),
        shown: number(1, 10),
        rates: rates.split(',').map(|rate| rate.parse().unwrap()).collect(),
        pull: option("--pull").map_or(0.1, |pull| pull.parse().unwrap()),
    };
    let limit = option("--tasks").map_or(usize::MAX, |tasks| tasks.parse().unwrap());
    let (suite, workers) = (Suite::builtin(), Workers::new(2).unwrap());
    for group in [Group::HeldOutFamilies, Group::HeldOutCompositions] {
        let tasks: Vec<&SuiteTask> = group.tasks(&suite, Half::Dev).into_iter().take(limit).collect();
        let count = tasks.len();
        let mut by_method: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (method, score) in workers.map(tasks, |task| bench.scores(task)).into_iter().flatten() {
            by_method.entry(method).or_default().push(score);
        }
        println!("{}: {count} tasks, {} shown, {} steps", group.name(), bench.shown, bench.steps);
        by_method.iter().for_each(|(method, scores)| println!("  {method:<40} {:.3}", mean_of(scores)));
    }
}

impl Bench {
    fn scores(&self, task: &SuiteTask) -> Vec<(String, f64)> {
        let sizes = Sizes { train: self.shown, test: UNSEEN };
        let data = TaskData::of_suite(task, self.base.prompter(), sizes, 0).unwrap();
        let demonstrations = Demonstrations::new(data.shown.clone()).unwrap();
        let description = task.unseen_descriptions[0].as_str();
        let mut scores = Vec::new();
        let zero = vec![0.0; self.generator.config().layout.b_len()];
        let bare = self.generated(description, &Demonstrations::default());
        let shown = self.generated(description, &demonstrations);
        let (scaled, factor) = self.scaled(&shown, &data);
        scores.push(("factor".into(), factor));
        for (name, start) in [
            ("zero", &zero),
            ("description", &bare),
            ("description and examples", &shown),
            ("description and examples, scaled", &scaled),
        ] {
            scores.push((name.to_owned(), self.exact_match(start, &data)));
            for rate in &self.rates {
                let started = Instant::now();
                let refined = self.refined(start, &data, *rate);
                scores.push(("seconds of a refinement".into(), started.elapsed().as_secs_f64()));
                scores.push((format!("{name}, refined at {rate:e}"), self.exact_match(&refined, &data)));
            }
        }
        scores
    }

    /// The flat B that is written for a description.
    fn generated(&self, description: &str, demonstrations: &Demonstrations) -> Vec<f32> {
        let raw = self.encoder.encode(&[(description, demonstrations)]).unwrap();
        let condition = self.generator.standardised(&raw[0]).unwrap();
        self.generator.generate(&condition, Draw::Mean).unwrap().flat_b().unwrap()
    }

    fn refined(&self, start: &[f32], data: &TaskData, rate: f64) -> Vec<f32> {
        let context = RefineContext {
            model: self.base.model(),
            shared: self.generator.shared(),
            begin: self.base.begin(),
            progress: &Silent,
        };
        let schedule = RefineRun::schedule(rate, self.steps);
        let run = RefineRun { alpha: self.generator.config().alpha, schedule, pull: self.pull };
        refine(&context, start, &Expected::alike(data.train.clone()), &run).unwrap()
    }

    /// The multiple of B with the lowest loss on the examples.
    fn scaled(&self, b: &[f32], data: &TaskData) -> (Vec<f32>, f64) {
        let row = attune::training::evaluate::Row { prefix: self.base.begin().to_vec(), pieces: data.train.clone() };
        let loss = |factor: f64| {
            let b: Vec<f32> = b.iter().map(|x| x * factor as f32).collect();
            let flat = Tensor::from_slice(&b, b.len(), &Device::Cpu).unwrap();
            let adapter = Adapter::over(self.generator.shared(), &flat, self.generator.config().alpha).unwrap();
            let loss = attune::training::evaluate::mean_cross_entropy(self.base.model(), &row, &adapter).unwrap();
            (loss, b, factor)
        };
        let all = [0.0, 0.25, 0.5, 0.75, 1.0].map(loss);
        let best = all.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        (best.1, best.2)
    }

    fn exact_match(&self, b: &[f32], data: &TaskData) -> f64 {
        let b = Tensor::from_slice(b, b.len(), &Device::Cpu).unwrap();
        let adapter = Adapter::over(self.generator.shared(), &b, self.generator.config().alpha).unwrap();
        let adapters = RowAdapters::of_rows(&[Some((&adapter, 1.0))], self.base.model().dtype()).unwrap();
        rate(&exact_matches(self.base.model(), &[data.test_row(self.base.begin())], &adapters).unwrap()[0])
    }
}
