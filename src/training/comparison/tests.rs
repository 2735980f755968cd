//! The comparison on a tiny base with a generator that learned next to nothing: its shape, not its figures.

use super::*;
use crate::generator::GeneratorFile;
use crate::lora::{Module, SharedA};
use crate::task::ENCODER_VERSION;
use crate::task::Example;
use crate::training::dataset::TaskData;
use crate::training::generator_data::{Conditioning, Corpus};
use crate::training::generator_trainer::{GeneratorContext, GeneratorRun, Stage, train_generator};
use crate::training::progress::Silent;
use crate::training::schedule::Schedule;
use crate::training::test_base::{base, constant_task};
use candle_core::Device;

struct World {
    base: Base,
    generator: GeneratorFile,
    workers: Workers,
    tasks: Vec<TaskData>,
}

impl World {
    fn new() -> Self {
        let base = base();
        let layout = base.model().config().shape().layout(&Module::SEPARATE, 2);
        let shared = SharedA::random(layout, 1, &Device::Cpu).expect("fits");
        let workers = Workers::new(2).expect("threads");
        let tasks: Vec<TaskData> = ["x", "y", "z"].map(|a| constant_task(a, a, base.prompter())).into();
        let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
        let with = tasks.iter().map(|task| (task.clone(), Vec::new())).collect();
        let corpus =
            Corpus::new(with, &encoder, (&workers, &Silent), Conditioning { seed: 1, ..Conditioning::default() })
                .expect("conditions");
        let stage = |steps| Stage { schedule: Schedule { peak: 2e-3, warmup: 1, decay: 0, steps }, batch: 3 };
        let run = GeneratorRun {
            reconstruction: stage(0),
            cross_entropy: stage(1),
            row_tokens: 40,
            ..GeneratorRun::default()
        };
        let context = GeneratorContext {
            model: base.model(),
            base_digest: base.digest(),
            encoder_version: ENCODER_VERSION,
            shared: &shared,
            alpha: 4.0,
            begin: None,
            parent: None,
            bos: base.begin(),
            workers: &workers,
            progress: &Silent,
            checkpoint: None,
        };
        let generator = train_generator(&context, &corpus, &run).expect("a generator");
        Self { base, generator, workers, tasks }
    }

    fn comparison(&self) -> Comparison<'_> {
        let Self { base, generator, workers, .. } = self;
        Comparison { base, generator, workers, progress: &Silent, limit: usize::MAX }
    }

    fn subjects(&self, seeds: usize) -> Vec<Subject> {
        let subject = |task: &TaskData| Subject {
            name: task.name.clone(),
            family: "constants".into(),
            descriptions: task.descriptions.clone(),
            draws: vec![Drawn { data: Arc::new(task.clone()), many: task.shown.clone() }; seeds],
        };
        self.tasks.iter().map(subject).collect()
    }

    fn known(&self) -> Known {
        let described = self.tasks.iter().map(|task| (task.name.as_str(), task.descriptions.as_slice()));
        Known::of_tasks(described, vec!["x".into(), "y".into()])
    }
}

#[test]
fn every_method_gives_every_task_a_score_for_each_seed() {
    let world = World::new();
    let scores = world
        .comparison()
        .measure_subjects("tests", (&world.subjects(2), &world.known()), &Method::ALL)
        .expect("scores");
    assert_eq!(scores.len(), 3);
    for task in &scores {
        for method in Method::ALL {
            let seeds = task.methods.get(&method).map(Vec::as_slice).unwrap_or_default();
            assert_eq!(seeds.len(), 2, "{} {}", task.name, method.name());
            assert!(seeds.iter().all(|score| (0.0..=1.0).contains(score)), "{seeds:?}");
        }
        assert_eq!(task.described.len(), 2, "one for each description");
        assert_eq!(task.similarity.len(), 2);
    }
}

#[test]
fn the_blend_of_one_task_is_its_generated_adapter() {
    let world = World::new();
    let comparison = world.comparison();
    let known = world.known();
    let condition = comparison.condition_of("x", &known).expect("a condition");
    let alone = comparison.generator.generate(&condition, crate::generator::Draw::Mean).expect("an adapter");
    let blend = comparison.blend(&[(1.0, "x".to_owned())], &known).expect("an adapter");
    assert_eq!(alone.flat_b().expect("numbers"), blend.flat_b().expect("numbers"));
    let neighbours = comparison.neighbours(&condition, "x");
    assert_eq!(neighbours.len(), 2, "the task itself is none of its neighbours");
    let among = comparison.nearest_among(&condition, &["x", "z"].into(), "x");
    assert_eq!(among.iter().map(|near| near.name.as_str()).collect::<Vec<_>>(), ["z"]);
}

#[test]
fn demonstrations_that_do_not_fit_the_context_are_left_out() {
    let world = World::new();
    let context = world.base.model().config().context;
    let long = vec![Example::new("a".repeat(context / 3), "b"); 10];
    let kept = fitting(&world.base, Some("Do it."), &long, 16).expect("tokens");
    assert_eq!(kept.len(), 2);
    assert!(fitting(&world.base, None, &long, context).expect("tokens").is_empty());
}

#[test]
fn own_tasks_are_judged_by_what_their_outputs_are() {
    let world = World::new();
    let answers = |output: &str| {
        let test: Vec<Example> = ["ab", "cd"].map(|input| Example::new(input, output)).into();
        let data = TaskData::of_examples("t", vec!["Do it.".into()], test.clone(), &test, world.base.prompter());
        let data = Arc::new(data.expect("a task"));
        let draws = vec![Drawn { data, many: test.clone() }];
        let (name, family, descriptions) = ("t".into(), String::new(), vec!["Do it.".into()]);
        OwnTask { subject: Subject { name, family, descriptions, draws }, test }
    };
    let short = answers("x");
    let long = answers("a long answer of many words");
    assert_eq!((short.metric(), long.metric()), (Metric::ExactMatch, Metric::RougeL));
    let scores = world.comparison().measure_own(&[short, long], &world.known()).expect("scores");
    for task in &scores {
        assert_eq!(task.methods.len(), OWN_METHODS.len(), "{}", task.name);
        assert!(task.methods.values().all(|measured| (0.0..=1.0).contains(&measured.score)), "{task:?}");
    }
}

#[test]
fn plain_texts_have_no_prompt_for_a_description() {
    use crate::training::texts::{Cutter, TextHalves};
    let world = World::new();
    let halves = TextHalves::given(vec!["A cat sat on the mat.".into()], vec!["The mat was flat.".into()]);
    let cutter = Cutter { base: &world.base, tokens: 64 };
    let data = TaskData::of_texts("t", vec!["Go on.".into()], halves, &cutter).expect("a task");
    let draws = vec![Drawn { many: data.shown.clone(), data: Arc::new(data) }];
    let (name, family, descriptions) = ("t".into(), String::new(), vec!["Go on.".into()]);
    let task = OwnTask { subject: Subject { name, family, descriptions, draws }, test: Vec::new() };
    let scores = world.comparison().measure_own(&[task], &world.known()).expect("scores").remove(0);
    assert_eq!(scores.metric, Metric::BitsPerCharacter);
    assert!(!scores.methods.contains_key(&Method::BaseDescription));
    let bare = scores.methods[&Method::BaseBare];
    assert!(bare.score > 0.0 && bare.perplexity.is_some_and(|perplexity| perplexity > 1.0), "{bare:?}");
}
