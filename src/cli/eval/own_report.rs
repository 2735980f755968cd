//! What `attune eval --tasks` says.

use crate::training::comparison::{Measured, Method, Metric, OWN_METHODS, OwnScores};
use crate::training::statistics::{Interval, mean_of};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One task.
#[derive(Clone, Debug)]
pub(super) struct OwnRow {
    /// Whether the generator remembers it: it was trained on.
    pub(super) is_known: bool,
    pub(super) scores: OwnScores,
    pub(super) trained_lora: Option<Measured>,
}

/// All tasks.
#[derive(Clone, Debug)]
pub(super) struct OwnReport {
    pub(super) rows: Vec<OwnRow>,
}

const TRAINED: &str = "trained_lora";
const METRICS: [Metric; 3] = [Metric::ExactMatch, Metric::RougeL, Metric::BitsPerCharacter];

/// Tasks of a group that are judged alike.
struct Part<'a> {
    group: &'static str,
    metric: Metric,
    rows: Vec<&'a OwnRow>,
}

impl OwnRow {
    fn measured(&self, method: &str) -> Option<Measured> {
        if method == TRAINED {
            return self.trained_lora;
        }
        Method::from_name(method).and_then(|method| self.scores.methods.get(&method)).copied()
    }
}

impl OwnReport {
    fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        for (group, is_known) in [("known", true), ("unseen", false)] {
            for metric in METRICS {
                let mine = |row: &&OwnRow| row.is_known == is_known && row.scores.metric == metric;
                let rows: Vec<_> = self.rows.iter().filter(mine).collect();
                if !rows.is_empty() {
                    parts.push(Part { group, metric, rows });
                }
            }
        }
        parts
    }

    /// `{groups: {known | unseen: {tasks, metrics: {METRIC: {tasks, methods, intervals, normalised}}}}, tasks: [...]}`
    pub(super) fn json(&self) -> Value {
        let mut groups: BTreeMap<&str, (usize, Map<String, Value>)> =
            [("known", (0, Map::new())), ("unseen", (0, Map::new()))].into();
        for part in self.parts() {
            if let Some((tasks, metrics)) = groups.get_mut(part.group) {
                *tasks += part.rows.len();
                metrics.insert(part.metric.name().to_owned(), part.json());
            }
        }
        let groups: Map<String, Value> = groups
            .into_iter()
            .map(|(name, (tasks, metrics))| (name.to_owned(), json!({"tasks": tasks, "metrics": metrics})))
            .collect();
        json!({"groups": groups, "tasks": self.rows.iter().map(task_json).collect::<Vec<_>>()})
    }

    /// One line of JSON a task.
    pub(super) fn per_task(&self) -> String {
        self.rows.iter().map(|row| format!("{}\n", task_json(row))).collect()
    }

    /// A row a method, a column for each group and metric.
    pub(super) fn table(&self) -> String {
        let parts = self.parts();
        let mut text = format!("{:<22}", "");
        for part in &parts {
            let title = format!("{} {} ({})", part.group, part.metric.name(), part.rows.len());
            let _ = write!(text, "{title:>34}");
        }
        for method in methods() {
            if parts.iter().all(|part| part.mean(method).is_none()) {
                continue;
            }
            let _ = write!(text, "\n{method:<22}");
            for part in &parts {
                let _ = write!(text, "{:>34}", part.cell(method));
            }
        }
        text.push_str(
            "\n± half of the 95 % interval, by bootstrap over tasks; bits_per_character: the lower the better",
        );
        if parts.iter().any(|part| part.mean(TRAINED).is_some()) {
            text.push_str("\n% of the way from the bare base to the tasks' own trained LoRAs");
        } else {
            text.push_str("\n--retrain trains each task's own LoRA to compare with");
        }
        text
    }
}

fn methods() -> impl Iterator<Item = &'static str> {
    let last = OWN_METHODS.len() - 1;
    let own = OWN_METHODS.iter().map(|method| method.name());
    own.clone().take(last).chain([TRAINED]).chain(own.skip(last))
}

impl Part<'_> {
    fn values(&self, method: &str) -> Option<Vec<f64>> {
        self.rows.iter().map(|row| row.measured(method).map(|measured| measured.score)).collect()
    }

    fn mean(&self, method: &str) -> Option<f64> {
        self.values(method).map(|values| mean_of(&values))
    }

    fn interval(&self, method: &str) -> Option<Interval> {
        Interval::of_mean(&self.values(method)?.into_iter().map(|value| vec![value]).collect::<Vec<_>>())
    }

    /// How far a method goes from the bare base to the trained adapters, of the means: a task whose adapter learned
    /// nothing would have no ratio of its own.
    fn normalised(&self, method: &str) -> Option<f64> {
        let (bare, trained) = (self.mean(Method::BaseBare.name())?, self.mean(TRAINED)?);
        ((trained - bare).abs() > 1e-9).then_some((self.mean(method)? - bare) / (trained - bare))
    }

    fn cell(&self, method: &str) -> String {
        let Some(mean) = self.mean(method) else { return "-".to_owned() };
        let around = self.interval(method).map_or_else(String::new, |i| format!(" ±{:.2}", i.half_width()));
        let share = self.normalised(method).map_or_else(String::new, |share| format!(" {:4.0} %", share * 100.0));
        format!("{mean:.3}{around}{share}")
    }

    fn json(&self) -> Value {
        let by = |value: &dyn Fn(&str) -> Option<Value>| -> Map<String, Value> {
            methods().filter_map(|method| Some((method.to_owned(), value(method)?))).collect()
        };
        let mut json = json!({
            "tasks": self.rows.len(),
            "methods": by(&|method| Some(json!(self.mean(method)))),
            "intervals": by(&|method| Some(json!(self.interval(method)?))),
            "normalised": by(&|method| Some(json!(self.normalised(method)?))),
        });
        if self.metric == Metric::BitsPerCharacter {
            json["perplexity"] = Value::Object(by(&|method| {
                let all: Option<Vec<f64>> = self.rows.iter().map(|row| row.measured(method)?.perplexity).collect();
                Some(json!(mean_of(&all?)))
            }));
        }
        json
    }
}

fn task_json(row: &OwnRow) -> Value {
    let scores: Map<String, Value> =
        methods().filter_map(|method| Some((method.to_owned(), json!(row.measured(method)?.score)))).collect();
    json!({
        "task": row.scores.name,
        "group": if row.is_known { "known" } else { "unseen" },
        "metric": row.scores.metric.name(),
        "methods": scores,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, is_known: bool, (bare, generated, trained): (f64, f64, Option<f64>)) -> OwnRow {
        let measured = |score| Measured { score, perplexity: None };
        let methods = [(Method::BaseBare, measured(bare)), (Method::Generated, measured(generated))].into();
        let scores = OwnScores { name: name.into(), metric: Metric::ExactMatch, methods };
        OwnRow { is_known, scores, trained_lora: trained.map(measured) }
    }

    #[test]
    fn what_is_normalised_is_the_way_from_the_bare_base_to_the_trained_adapters() {
        let report = OwnReport {
            rows: vec![
                row("a", true, (0.1, 0.5, Some(0.9))),
                row("b", true, (0.3, 0.7, Some(0.9))),
                row("c", false, (0.0, 0.2, None)),
            ],
        };
        let json = report.json();
        let known = &json["groups"]["known"]["metrics"]["exact_match"];
        assert_eq!(json["groups"]["known"]["tasks"], 2);
        assert!((known["normalised"]["generated"].as_f64().expect("a number") - 0.4 / 0.7).abs() < 1e-12, "{known}");
        assert_eq!(known["normalised"][TRAINED], 1.0);
        let unseen = &json["groups"]["unseen"]["metrics"]["exact_match"];
        assert!(unseen["normalised"].as_object().is_some_and(Map::is_empty), "{unseen}");
        assert_eq!(unseen["methods"]["base_description"], Value::Null);
        assert!(report.table().contains("57 %"), "{}", report.table());
    }
}
