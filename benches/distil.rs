//! What the described base's own answers are worth to an adapter that was generated from the same description, without
//! any demonstration: what is left of it after some gradient steps towards them. One JSON line a description: `cargo bench --bench distil -- [--half dev|test] [--tasks N] [--runs 10x3e-3,20x7e-3]`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark that prints and may fail")]

use attune::generator::{Draw, GeneratorFile};
use attune::lm::{Loading, RowAdapters};
use attune::lora::Adapter;
use attune::suite::{Half, Suite};
use attune::task::{Base, Demonstrations, Encoder};
use attune::training::Workers;
use attune::training::agreement::tried;
use attune::training::comparison::{Group, Subject};
use attune::training::dataset::TaskData;
use attune::training::evaluate::{exact_matches, rate};
use attune::training::expected::{Expected, LEARNED};
use attune::training::progress::Silent;
use attune::training::refine::{RefineContext, RefineRun, refine};
use candle_core::{Device, Tensor};
use serde_json::json;
use std::path::Path;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Bench {
    base: Base,
    generator: GeneratorFile,
    encoder: Encoder,
    /// Steps and rates.
    runs: Vec<(usize, f64)>,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let option = |name: &str| args.iter().position(|arg| arg == name).map(|at| args[at + 1].clone());
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let base = Base::from_directory(&dir, &Loading::f32()).unwrap();
    let generator = std::fs::read(dir.join("generator.safetensors")).unwrap();
    let run = |run: &str| {
        let (steps, rate) = run.split_once('x').unwrap();
        (steps.parse().unwrap(), rate.parse().unwrap())
    };
    let bench = Bench {
        encoder: Encoder::new(base.model().clone(), base.prompter().clone()),
        generator: GeneratorFile::from_bytes(&generator, &Device::Cpu).unwrap(),
        base,
        runs: option("--runs").unwrap_or_else(|| "10x3e-3".into()).split(',').map(run).collect(),
    };
    let limit = option("--tasks").map_or(usize::MAX, |tasks| tasks.parse().unwrap());
    let half = if option("--half").as_deref() == Some("test") { Half::Test } else { Half::Dev };
    let (suite, workers) = (Suite::builtin(), Workers::new(2).unwrap());
    for group in [Group::FreeDescriptions, Group::HeldOutCompositions, Group::HeldOutFamilies, Group::Train] {
        let tasks = group.tasks(&suite, half).into_iter().take(limit).collect();
        workers.map(tasks, |task| {
            let subject = Subject::of_suite(task, (group, half), &bench.base, 1).unwrap();
            for description in subject.descriptions.iter().take(2) {
                bench.line((group.name(), &subject.name), description, &subject.draws[0].data);
            }
        });
    }
}

impl Bench {
    fn line(&self, (group, task): (&str, &str), description: &str, data: &TaskData) {
        let raw = self.encoder.encode(&[(description, &Demonstrations::default())]).unwrap();
        let condition = self.generator.standardised(&raw[0]).unwrap();
        let prefix = self.base.prompter().prefix(Some(description), &[]).unwrap();
        let written = self.generator.generate(&condition, Draw::Mean).unwrap();
        let trial = tried(&self.base, &written, (&prefix, &[])).unwrap();
        let evidence = self.generator.evidence(&condition, trial).unwrap();
        let mut all = json!({
            "group": group, "task": task, "description": description,
            "similarity": evidence.similarity, "judged": evidence.judged,
            "agreement": trial.map(|trial| trial.agreement), "sureness": trial.and_then(|trial| trial.sureness),
            "score": self.generator.confidence(&condition, trial, false).unwrap().score,
            "doubted": self.generator.curves().doubts(evidence),
            "base": self.rate(&prefix, None, data),
            "generated": self.rate(self.base.begin(), Some(&written), data),
        });
        let learned = Expected::of_described(&self.base, &prefix, LEARNED).unwrap().unwrap();
        let context = RefineContext {
            model: self.base.model(),
            shared: self.generator.shared(),
            begin: self.base.begin(),
            progress: &Silent,
        };
        let alpha = self.generator.config().alpha;
        for (steps, peak) in &self.runs {
            let started = Instant::now();
            let run = RefineRun { alpha, schedule: RefineRun::schedule(*peak, *steps), pull: 0.1 };
            let flat = refine(&context, &written.flat_b().unwrap(), &learned, &run).unwrap();
            let seconds = started.elapsed().as_secs_f64();
            let flat = Tensor::from_slice(&flat, flat.len(), &Device::Cpu).unwrap();
            let moved = Adapter::over(self.generator.shared(), &flat, alpha).unwrap();
            all[format!("{steps}x{peak:e}")] = json!(self.rate(self.base.begin(), Some(&moved), data));
            all[format!("{steps}x{peak:e} seconds")] = json!(seconds);
        }
        println!("{all}");
    }

    /// Exact match on the unseen inputs.
    fn rate(&self, prefix: &[u32], adapter: Option<&Adapter>, data: &TaskData) -> f64 {
        let adapters =
            RowAdapters::of_rows(&[adapter.map(|adapter| (adapter, 1.0))], self.base.model().dtype()).unwrap();
        rate(&exact_matches(self.base.model(), &[data.test_row(prefix)], &adapters).unwrap()[0])
    }
}
