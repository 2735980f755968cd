//! Descriptions in free words: written by somebody who knew what the tasks do, and not the templates by which
//! [`super::describe`] makes the others.

use super::Half;
use serde::Deserialize;

/// Those of the reported numbers.
const TEST: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/free_descriptions.jsonl"));
/// Those to tune with, of other tasks or by another hand.
const DEV: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/free_descriptions_dev.jsonl"));

#[derive(Deserialize)]
struct Line {
    task: String,
    description: String,
}

/// Each task's name and what somebody wrote of it. A line that cannot be read is passed over; a test holds that there
/// is none.
#[must_use]
pub fn free_descriptions(half: Half) -> Vec<(String, String)> {
    let text = match half {
        Half::Test => TEST,
        Half::Dev => DEV,
    };
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    lines.map(|line| (line.task, line.description)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_free_description_is_of_a_task_of_the_suite_and_none_is_a_template_s() {
        let suite = crate::suite::tests::suite();
        let templates: HashSet<&str> = suite
            .tasks
            .iter()
            .flat_map(|task| task.descriptions.iter().chain(&task.unseen_descriptions))
            .map(String::as_str)
            .collect();
        let mut seen = HashSet::new();
        for (half, text) in [(Half::Test, TEST), (Half::Dev, DEV)] {
            let lines = free_descriptions(half);
            assert_eq!(lines.len(), text.lines().count(), "{half:?}: every line can be read");
            for (at, (task, description)) in lines.iter().enumerate() {
                assert!(suite.find(task).is_some(), "{half:?} line {}: no task of this name", at + 1);
                assert!(!description.trim().is_empty(), "{half:?} line {}", at + 1);
                assert!(!templates.contains(description.as_str()), "{half:?} line {}: a template", at + 1);
                assert!(seen.insert(description.clone()), "{half:?} line {}: twice", at + 1);
            }
        }
    }

    #[test]
    fn the_styles_that_training_reads_write_none_of_the_free_descriptions() {
        let suite = crate::suite::tests::suite();
        let free: HashSet<String> =
            [Half::Test, Half::Dev].into_iter().flat_map(free_descriptions).map(|(_, text)| plain(&text)).collect();
        let mut noise = crate::noise::Noise::seeded(1);
        for task in &suite.tasks {
            for _ in 0..4 {
                let text = task.restyled(&mut noise);
                assert!(!free.contains(&plain(&text)), "{}: {text}", task.name);
            }
        }
    }

    /// Letters and digits in lower case, so that a stop or a capital makes no difference.
    fn plain(text: &str) -> String {
        text.chars().filter(|c| c.is_alphanumeric() || *c == ' ').flat_map(char::to_lowercase).collect()
    }

    #[test]
    fn the_reported_half_has_a_hundred_descriptions() {
        assert_eq!(free_descriptions(Half::Test).len(), 100);
    }
}
