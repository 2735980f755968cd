//! Figures that take hours to make, kept with the model as `evaluation.json`.

use crate::suite::Half;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The tasks' own trained adapters.
pub(super) const TRAINED_LORA: &str = "trained_lora";
/// The paper's architecture.
pub(super) const ICM_CONV: &str = "generated_icm_conv";

/// The figures: `{base_model, half, minutes: {method: minutes}, methods: {method: {group: score}},
/// trained_lora_tasks: {task: score}}`. Any method may be recorded under its key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "File")]
pub(super) struct Recorded {
    /// The base that they were measured on.
    pub(super) base_model: String,
    /// The half of the held-out tasks that they were measured on: `test` or `dev`.
    pub(super) half: String,
    /// How long a method was trained.
    pub(super) minutes: BTreeMap<String, f64>,
    /// By method, by group.
    pub(super) methods: BTreeMap<String, BTreeMap<String, f64>>,
    /// By task, the exact match of its own adapter.
    pub(super) trained_lora_tasks: BTreeMap<String, f64>,
}

/// What a file may hold: this form, or the first one, which knew two methods by name.
#[derive(Deserialize)]
struct File {
    base_model: String,
    half: Option<String>,
    #[serde(default)]
    minutes: BTreeMap<String, f64>,
    #[serde(default)]
    methods: BTreeMap<String, BTreeMap<String, f64>>,
    #[serde(default)]
    trained_lora_tasks: BTreeMap<String, f64>,
    trained_lora: Option<BTreeMap<String, f64>>,
    generated_icm_conv: Option<BTreeMap<String, f64>>,
    icm_conv_minutes: Option<f64>,
}

impl From<File> for Recorded {
    fn from(file: File) -> Self {
        let File { base_model, half, mut minutes, mut methods, trained_lora_tasks, .. } = file;
        for (name, figures) in [(TRAINED_LORA, file.trained_lora), (ICM_CONV, file.generated_icm_conv)] {
            methods.extend(figures.map(|figures| (name.to_owned(), figures)));
        }
        minutes.extend(file.icm_conv_minutes.map(|minutes| (ICM_CONV.to_owned(), minutes)));
        Self {
            base_model,
            half: half.unwrap_or_else(|| half_name(Half::Test).into()),
            minutes,
            methods,
            trained_lora_tasks,
        }
    }
}

/// The half's word in files.
pub(super) fn half_name(half: Half) -> &'static str {
    match half {
        Half::Test => "test",
        Half::Dev => "dev",
    }
}

impl Recorded {
    /// The figures, where they are of this base; none otherwise.
    pub(super) fn of_base(self, digest: &str) -> Self {
        if self.base_model == digest { self } else { Self::default() }
    }

    /// A method's figure of a group.
    pub(super) fn figure(&self, method: &str, group: &str) -> Option<f64> {
        self.methods.get(method).and_then(|groups| groups.get(group)).copied()
    }

    /// Keeps a method's figure of a group.
    pub(super) fn record(&mut self, method: &str, group: &str, score: f64) {
        self.methods.entry(method.to_owned()).or_default().insert(group.to_owned(), score);
    }

    /// The methods, in the order of reports.
    pub(super) fn names(&self) -> Vec<&str> {
        let others = self.methods.keys().map(String::as_str).filter(|name| ![TRAINED_LORA, ICM_CONV].contains(name));
        [TRAINED_LORA, ICM_CONV].into_iter().chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_first_form_is_read() {
        let text = r#"{"base_model": "b", "trained_lora": {"train": 0.9}, "generated_icm_conv": {"train": 0.1},
            "icm_conv_minutes": 11.0}"#;
        let recorded: Recorded = serde_json::from_str(text).unwrap();
        assert_eq!(recorded.figure(TRAINED_LORA, "train"), Some(0.9));
        assert_eq!(recorded.figure(ICM_CONV, "train"), Some(0.1));
        assert_eq!(recorded.minutes[ICM_CONV], 11.0);
        assert_eq!(recorded.half, "test");
    }

    #[test]
    fn what_is_written_is_read_back_with_methods_of_any_name() {
        let mut recorded = Recorded { base_model: "b".into(), half: "dev".into(), ..Recorded::default() };
        recorded.record("multi_task_lora", "train", 0.5);
        recorded.minutes.insert("multi_task_lora".into(), 3.0);
        recorded.trained_lora_tasks.insert("reverse".into(), 0.75);
        let text = serde_json::to_string(&recorded).unwrap();
        assert_eq!(serde_json::from_str::<Recorded>(&text).unwrap(), recorded);
        assert_eq!(recorded.names(), [TRAINED_LORA, ICM_CONV, "multi_task_lora"]);
    }

    #[test]
    fn figures_of_another_base_are_none() {
        let recorded = Recorded { base_model: "b".into(), ..Recorded::default() };
        assert_eq!(recorded.clone().of_base("c"), Recorded::default());
        assert_eq!(recorded.clone().of_base("b"), recorded);
    }
}
