use super::*;
use crate::cli::eval::recorded::ICM_CONV;
use crate::training::comparison::Described;
use std::collections::BTreeMap;

fn task(name: &str, bare: &[f64], generated: &[f64], confidence: f64) -> TaskScores {
    let mean = generated.iter().sum::<f64>() / generated.len() as f64;
    TaskScores {
        name: name.into(),
        family: "letters".into(),
        methods: BTreeMap::from([(Method::BaseBare, bare.to_vec()), (Method::Generated, generated.to_vec())]),
        similarity: vec![(confidence, mean)],
        described: vec![Described { confidence, generated: mean }],
    }
}

fn groups() -> Vec<(Group, Vec<TaskScores>)> {
    let train = vec![task("a", &[0.0, 0.2], &[1.0, 0.8], 0.9), task("b", &[0.1, 0.1], &[0.5, 0.3], 0.2)];
    let free = vec![task("a", &[0.0], &[0.6], 0.7), task("c", &[0.0], &[0.2], 0.7)];
    let templates = vec![task("a", &[0.0], &[0.8], 0.8), task("c", &[0.0], &[0.8], 0.8)];
    vec![(Group::Train, train), (Group::FreeDescriptions, free), (Group::FreeTemplates, templates)]
}

fn recorded() -> Recorded {
    let mut recorded = Recorded { half: "test".into(), ..Recorded::default() };
    recorded.record(TRAINED_LORA, "train", 0.1);
    recorded.record(ICM_CONV, "train", 0.3);
    recorded.record(ICM_CONV, "free_descriptions", 0.2);
    recorded.trained_lora_tasks.extend([("a".to_owned(), 1.0), ("b".to_owned(), 0.8)]);
    recorded
}

#[test]
fn means_are_over_tasks_and_differences_are_paired() {
    let figures = Figures::new(&groups(), &recorded(), Half::Test);
    let train = &figures.columns[0];
    let near = |a: Option<f64>, b: f64| assert!((a.expect("a figure") - b).abs() < 1e-12, "{a:?} for {b}");
    near(train.figure("generated").and_then(|f| f.mean), 0.65);
    near(train.figure("base_bare").and_then(|f| f.difference).map(|(mean, _)| mean), 0.55);
    assert_eq!(train.figure("generated").and_then(|f| f.difference), None);
    // By task where that is recorded, not the group's own figure.
    near(train.figure(TRAINED_LORA).and_then(|f| f.mean), 0.9);
    near(train.figure(TRAINED_LORA).and_then(|f| f.difference).map(|(mean, _)| mean), -0.25);
    near(train.figure(ICM_CONV).and_then(|f| f.mean), 0.3);
    let names: Vec<_> = train.methods.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["base_bare", TRAINED_LORA, "generated", ICM_CONV]);
}

#[test]
fn ratios_tell_what_free_words_cost() {
    let figures = Figures::new(&groups(), &recorded(), Half::Test);
    assert_eq!(figures.columns.len(), 2, "the templates are no column of their own");
    let ratios: BTreeMap<_, _> = figures.ratios().into();
    assert!((ratios["free_vs_template"].expect("a ratio") - 0.5).abs() < 1e-12);
    assert_eq!(ratios["paraphrases_vs_train"], None);
    assert!((ratios["train_vs_trained_lora"].expect("a ratio") - 0.65 / 0.9).abs() < 1e-12);
}

#[test]
fn confidence_is_held_against_the_tasks_own_adapters() {
    let figures = Figures::new(&groups(), &recorded(), Half::Test);
    // a reaches 0.8 of its own (0.9 of 1.0), b does not (0.4 of 0.8), a in free words does not.
    assert_eq!(figures.confidence.all, Told { auroc: Some(1.0), count: 3, reach: 1 });
    assert_eq!(figures.confidence.held_out, Told::default());
}

#[test]
fn recorded_figures_of_one_half_are_not_shown_for_the_other() {
    let figures = Figures::new(&groups(), &recorded(), Half::Dev);
    assert_eq!(figures.columns[1].figure(ICM_CONV).and_then(|f| f.mean), None);
    assert_eq!(figures.columns[0].figure(ICM_CONV).and_then(|f| f.mean), Some(0.3));
}
