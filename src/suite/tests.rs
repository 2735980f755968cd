//! What the suite promises.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::*;
use crate::noise::Noise;

pub(super) fn suite() -> &'static Suite {
    static SUITE: LazyLock<Suite> = LazyLock::new(Suite::builtin);
    &SUITE
}

fn examples(task: &SuiteTask, part: Part, count: usize) -> Vec<Example> {
    task.examples(part, count, &mut Noise::stream(1, &task.name))
}

#[test]
fn the_counts_are_as_designed() {
    let suite = suite();
    assert!(suite.training().count() >= 640, "{}", suite.training().count());
    let families: HashSet<_> = suite.training().map(|task| &task.family).collect();
    assert!(families.len() >= 15, "{families:?}");
    for half in [Half::Dev, Half::Test] {
        assert_eq!(suite.of(Split::HeldOutComposition(half)).count(), 30);
        let families: HashSet<_> = suite.of(Split::HeldOutFamily(half)).map(|task| &task.family).collect();
        assert_eq!(families.len(), 3, "{families:?}");
    }
    assert!(suite.find("orthography_starts_with").is_none());
}

#[test]
fn names_and_descriptions_are_unique() {
    let suite = suite();
    let mut names = HashSet::new();
    let mut owners: HashMap<&str, &str> = HashMap::new();
    for task in &suite.tasks {
        assert!(names.insert(&task.name), "{}", task.name);
        assert!(task.descriptions.len() >= 8, "{} {}", task.name, task.descriptions.len());
        assert_eq!(task.unseen_descriptions.len(), 2, "{}", task.name);
        for description in task.descriptions.iter().chain(&task.unseen_descriptions) {
            assert!(description.is_ascii() && !description.contains(['{', '}']), "{description}");
            let other = owners.insert(description, &task.name);
            assert_eq!(other, None, "{description} {}", task.name);
        }
    }
}

#[test]
fn train_and_test_inputs_are_disjoint() {
    for task in &suite().tasks {
        let inputs = |part| examples(task, part, 200).into_iter().map(|e| e.input).collect::<HashSet<_>>();
        let (train, test) = (inputs(Part::Train), inputs(Part::Test));
        assert!(train.is_disjoint(&test), "{}", task.name);
        assert!(!test.is_empty(), "{}", task.name);
    }
}

#[test]
fn inputs_and_outputs_are_short_ascii() {
    for task in &suite().tasks {
        for example in [Part::Train, Part::Test].into_iter().flat_map(|part| examples(task, part, 200)) {
            let Example { input, output } = &example;
            assert!(input.is_ascii() && output.is_ascii(), "{} {example:?}", task.name);
            assert!((1..=input::MAX_INPUT_BYTES).contains(&input.len()), "{} {example:?}", task.name);
            assert!((1..=MAX_OUTPUT_BYTES).contains(&output.len()), "{} {example:?}", task.name);
        }
    }
}

#[test]
fn the_builtin_suite_is_the_same_at_each_call() {
    let (one, other) = (suite(), Suite::builtin());
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
    for (a, b) in one.tasks.iter().zip(&other.tasks) {
        assert_eq!(examples(a, Part::Train, 5), examples(b, Part::Train, 5));
    }
}

#[test]
fn training_has_no_op_of_a_held_out_family() {
    for task in suite().training() {
        for family in task.op_families() {
            assert!(ops::HELD_OUT_FAMILIES.iter().all(|(held_out, _)| *held_out != family), "{}", task.name);
        }
    }
}

#[test]
fn each_op_of_a_held_out_composition_is_in_four_training_compositions() {
    let suite = suite();
    for half in [Half::Dev, Half::Test] {
        for name in suite.of(Split::HeldOutComposition(half)).flat_map(SuiteTask::op_names) {
            let trained = suite.training().filter(|task| task.is_composition());
            assert!(trained.filter(|task| task.op_names().any(|op| op == name)).count() >= 4, "{name}");
        }
    }
}

#[test]
fn each_op_has_a_dozen_phrases() {
    let count = |op: &op::Op| op.phrases.imperatives().len() + op.phrases.questions.len();
    let few: Vec<_> =
        ops::all().iter().filter(|op| count(op) < 12).map(|op| format!("{} {}", op.name, count(op))).collect();
    assert!(few.is_empty(), "{few:?}");
}

#[test]
fn keys_of_a_fact_are_unique() {
    for fact in facts::all() {
        let mut keys = HashSet::new();
        for (key, value) in fact.pairs() {
            assert!(keys.insert(key), "{} {key}", fact.name);
            assert!(!value.is_empty(), "{} {key}", fact.name);
        }
    }
}

#[test]
fn the_word_written_backwards_is_a_training_description() {
    let suite = suite();
    let reverse = suite.find("reverse").expect("reverse is an op");
    assert!(reverse.descriptions.iter().any(|said| said == "Write the word backwards."));
    assert!(statements().iter().any(|said| said == "The opposite of hot is cold."));
}
