//! What restyled descriptions promise.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::super::input::Takes;
use super::super::{Split, Suite, ops};
use super::*;

fn suite() -> &'static Suite {
    static SUITE: LazyLock<Suite> = LazyLock::new(Suite::builtin);
    &SUITE
}

/// All atomic tasks and some compositions.
fn some_tasks() -> impl Iterator<Item = &'static SuiteTask> {
    let tasks = suite().tasks.iter().enumerate();
    tasks.filter(|(index, task)| !task.is_composition() || index % 23 == 0).map(|(_, task)| task)
}

fn drawn(task: &SuiteTask, count: usize) -> Vec<String> {
    let mut noise = Noise::stream(3, &task.name);
    (0..count).map(|_| task.restyled(&mut noise)).collect()
}

#[test]
fn every_op_of_the_training_families_has_phrases_in_the_table() {
    for op in ops::all() {
        let held_out = ops::HELD_OUT_FAMILIES.iter().any(|(family, _)| *family == op.family);
        let count = table::phrases(&op.name).len();
        assert_eq!(count == 0, held_out, "{} {count}", op.name);
        assert!(held_out || count >= 10, "{} {count}", op.name);
    }
}

#[test]
fn phrases_of_the_table_leave_no_mark_of_its_grammar() {
    let mut noise = Noise::seeded(1);
    for op in ops::all() {
        for phrase in table::phrases(&op.name) {
            let text = phrase.draw(&mut noise);
            let marks = ["<letter", "<first", "<last", "<cut", "<take", "<cap", "<stick", "<slip", "<change", "<sep"];
            let left = marks.iter().any(|mark| text.contains(mark)) && op.family != "wrapping";
            let bars = text.contains('|') && op.name != "bars";
            assert!(!text.is_empty() && !left && !bars && text.len() < 90, "{} {text}", op.name);
        }
    }
}

#[test]
fn a_task_is_said_in_many_ways() {
    for task in some_tasks() {
        let texts: HashSet<_> = drawn(task, 100).into_iter().collect();
        assert!(texts.len() >= 60, "{} {}", task.name, texts.len());
    }
}

#[test]
fn none_is_a_description_that_the_task_has_already() {
    let bare = |text: &str| text.trim_end_matches(['.', '!', '?', ' ']).to_ascii_lowercase();
    for task in some_tasks() {
        let known: HashSet<_> = task.descriptions.iter().chain(&task.unseen_descriptions).map(|t| bare(t)).collect();
        for text in drawn(task, 100) {
            assert!(!known.contains(&bare(&text)), "{} {text}", task.name);
        }
    }
}

#[test]
fn texts_are_short_ascii() {
    let (mut long, mut all) = (0, 0);
    for task in some_tasks() {
        for text in drawn(task, 60) {
            assert!(text.is_ascii() && !text.contains(OBJECT) && !text.contains("  "), "{text}");
            assert!((1..=MAX_RESTYLED_BYTES).contains(&text.len()), "{text}");
            all += 1;
            long += usize::from(text.len() > 80);
        }
    }
    assert!(long * 3 <= all, "{long} of {all} are long");
}

#[test]
fn the_same_noise_draws_the_same_texts() {
    for task in some_tasks().take(40) {
        assert_eq!(drawn(task, 10), drawn(task, 10));
    }
}

#[test]
fn a_text_does_not_ask_for_two_tasks() {
    let mut owners: HashMap<String, &str> = HashMap::new();
    let mut shared = Vec::new();
    for task in some_tasks().filter(|task| task.split == Split::Train) {
        for text in drawn(task, 100) {
            let other = owners.insert(text.to_ascii_lowercase(), &task.name).filter(|other| *other != task.name);
            shared.extend(other.map(|other| format!("{text} ({other}, {})", task.name)));
        }
    }
    assert!(shared.is_empty(), "{} {shared:#?}", shared.len());
}

#[test]
fn the_frames_of_two_steps_tell_their_order() {
    for frame in frames::IN_A_ROW.iter().chain(frames::IN_STEPS).chain(frames::LABELS).chain(frames::AROUND) {
        let text = put(frame, &[('A', "alpha"), ('B', "beta"), ('G', "alpha"), ('H', "beta")]);
        let (first, second) =
            (text.to_lowercase().find("alpha").expect("A"), text.to_lowercase().find("beta").expect("B"));
        let turned = text.contains("beta after alpha") || text.contains("beta, but only after alpha");
        let turned = turned || text.contains("before beta, alpha");
        assert_eq!(first < second, !turned, "{text}");
    }
}

#[test]
fn the_first_step_is_said_first_or_inside_the_second_or_after_a_word_that_tells_it() {
    let op = |name: &str, phrases| Op::new(name, "test", Takes::Word, phrases, str::to_owned);
    let first = op("alpha", "alphaize {} / =the alpha of {}");
    let second = op("beta", "betaize {} / =the beta of {}");
    let mut noise = Noise::seeded(5);
    for _ in 0..500 {
        let text = composed(&first, &second, &mut noise).to_lowercase();
        let places = (text.find("alpha").expect("the first step"), text.find("beta").expect("the second step"));
        let inside = ["of the alpha", "its alpha", "betaize the alpha"].iter().any(|part| text.contains(part));
        let told = text.contains("after ") || text.contains("before ");
        assert!(places.0 < places.1 || inside || told, "{text}");
    }
}

#[test]
fn the_object_is_said_as_english_has_it() {
    let about = |phrase: &str, object| words::about(&phrase.replace("{}", &OBJECT.to_string()), object);
    assert_eq!(about("lose the first letter of {}", "it"), "lose its first letter");
    assert_eq!(about("the sum of {} and ten", "it"), "the sum of it and ten");
    assert_eq!(about("join {}'s letters", "it"), "join its letters");
    assert_eq!(about("join {}'s letters", "the word"), "join the word's letters");
    assert_eq!(words::gerund("flip it").as_deref(), Some("flipping it"));
    assert_eq!(words::gerund("write it twice").as_deref(), Some("writing it twice"));
    assert_eq!(words::gerund("tell me if it is long"), None);
}
