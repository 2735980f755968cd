//! What `attune eval` says: as JSON, one line a task, as a table.

use super::figures::{Column, Figure, Figures, REACHES, Told};
use super::recorded::{Recorded, TRAINED_LORA};
use crate::task::Base;
use crate::training::comparison::{Group, TaskScores};
use crate::training::statistics::{Interval, mean_of};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// What the generated adapters' lead is told over.
const AGAINST: [&str; 3] = ["base_description", "nearest_adapter", TRAINED_LORA];

/// All that was measured.
pub(super) struct Report<'a> {
    pub(super) groups: &'a [(Group, Vec<TaskScores>)],
    pub(super) figures: Figures,
    pub(super) recorded: Recorded,
    pub(super) generator: String,
    pub(super) base: &'a Base,
    pub(super) seeds: u64,
    pub(super) seconds: f64,
    pub(super) retrained: bool,
}

impl Report<'_> {
    pub(super) fn json(&self) -> Value {
        let mut groups = Map::new();
        for column in &self.figures.columns {
            let mut group = column_json(column);
            if let (Group::FreeDescriptions, Some(templates)) = (column.group, &self.figures.templates) {
                group["templates"] = column_json(templates);
            }
            groups.insert(column.group.name().to_owned(), group);
        }
        let confidence = self.figures.confidence;
        let mut told = told_json(confidence.all);
        told["reaches"] = json!(REACHES);
        told["heldout"] = told_json(confidence.held_out);
        let ratios: Map<String, Value> =
            self.figures.ratios().into_iter().map(|(name, ratio)| (name.to_owned(), json!(ratio))).collect();
        json!({
            "groups": groups,
            "ratios": ratios,
            "confidence": told,
            "seeds": self.seeds,
            "recorded": if self.retrained { json!([]) } else { json!(self.recorded.names()) },
            "minutes": self.recorded.minutes,
            "generator": self.generator,
            "base_model": self.base.digest(),
            "seconds": self.seconds,
        })
    }

    /// A row a method, a column a group.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{:<NAME$}", "exact match");
        for column in &self.figures.columns {
            let _ = write!(text, "{:>CELL$}", format!("{} ({})", column.group.name(), column.tasks));
        }
        for (name, figures) in self.rows() {
            let _ = write!(text, "\n{:<NAME$}", self.marked(name));
            for figure in figures {
                let _ = write!(text, "{:>CELL$}", aligned(figure));
            }
        }
        text.push_str("\n± half of the 95 % interval, by bootstrap over tasks");
        if !self.retrained {
            text.push_str("\n* recorded with the model; --retrain makes them anew");
        }
        for line in self.remarks() {
            let _ = write!(text, "\n{line}");
        }
        text
    }

    /// What the table's figures come to.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(templates) = &self.figures.templates {
            let generated = templates.figure("generated").and_then(|figure| cell(figure, 3));
            lines.extend(generated.map(|cell| format!("generated, free_descriptions' tasks by templates: {cell}")));
        }
        lines.extend(AGAINST.iter().filter_map(|method| self.lead(method)));
        let ratios: Vec<_> = self.figures.ratios().into_iter().filter_map(|(name, x)| Some((name, x?))).collect();
        lines.extend(ratios.iter().map(|(name, ratio)| format!("{name}: {ratio:.2}")));
        let confidence = self.figures.confidence;
        for (name, told) in [("all", confidence.all), ("held-out", confidence.held_out)] {
            lines.extend(told.auroc.map(|auroc| {
                format!(
                    "confidence, {name} tasks with a trained LoRA: AUROC {auroc:.3} ({} of {} descriptions reach {:.0} % of it)",
                    told.reach,
                    told.count,
                    REACHES * 100.0
                )
            }));
        }
        lines
    }

    /// The generated adapters' lead over a method in each group, with its interval.
    fn lead(&self, method: &str) -> Option<String> {
        let leads = self.figures.columns.iter().filter_map(|column| {
            let (mean, Interval { low, high }) = column.figure(method)?.difference?;
            Some(format!("{} {mean:+.3} [{low:+.2}, {high:+.2}]", column.group.name()))
        });
        let leads: Vec<String> = leads.collect();
        (!leads.is_empty()).then(|| format!("generated − {method}: {}", leads.join(", ")))
    }

    pub(super) fn marked(&self, method: &str) -> String {
        let recorded = !self.retrained && self.recorded.names().contains(&method);
        if recorded { format!("{method} *") } else { method.to_owned() }
    }

    /// By method, the figures of all columns.
    pub(super) fn rows(&self) -> Vec<(&str, Vec<&Figure>)> {
        let columns = &self.figures.columns;
        let Some(first) = columns.first() else { return Vec::new() };
        let figures = |row: usize| columns.iter().map(|column| &column.methods[row].1).collect();
        first.methods.iter().enumerate().map(|(row, (name, _))| (name.as_str(), figures(row))).collect()
    }

    /// One line of JSON a task.
    pub(super) fn per_task(&self) -> String {
        let mut text = String::new();
        for (group, tasks) in self.groups {
            for task in tasks {
                let of = |value: &dyn Fn(&[f64]) -> Value| -> Map<String, Value> {
                    task.methods.iter().map(|(method, seeds)| (method.name().to_owned(), value(seeds))).collect()
                };
                let line = json!({
                    "group": group.name(),
                    "task": task.name,
                    "family": task.family,
                    "methods": of(&|seeds| json!(mean_of(seeds))),
                    "seeds": of(&|seeds| json!(seeds)),
                    "similarity": task.similarity.iter().map(|(similarity, _)| *similarity).collect::<Vec<_>>(),
                    "confidence": task.described.iter().map(|d| d.confidence).collect::<Vec<_>>(),
                    "generated": task.described.iter().map(|d| d.generated).collect::<Vec<_>>(),
                    "trained_lora": self.recorded.trained_lora_tasks.get(&task.name),
                });
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }
}

/// Widths of the table.
const NAME: usize = 34;
const CELL: usize = 27;

/// A mean, and half of its interval where it has one.
pub(super) fn cell(figure: &Figure, digits: usize) -> Option<String> {
    let mean = figure.mean?;
    let around = figure.interval.map_or_else(String::new, |interval| format!(" ±{:.2}", interval.half_width()));
    Some(format!("{mean:.digits$}{around}"))
}

/// A cell of the table: means stand under each other whether they have an interval or not.
fn aligned(figure: &Figure) -> String {
    let cell = cell(figure, 3).unwrap_or_else(|| "-    ".into());
    if figure.interval.is_some() { cell } else { format!("{cell}      ") }
}

fn column_json(column: &Column) -> Value {
    let by = |value: &dyn Fn(&Figure) -> Option<Value>| -> Map<String, Value> {
        column.methods.iter().filter_map(|(name, figure)| Some((name.clone(), value(figure)?))).collect()
    };
    json!({
        "tasks": column.tasks,
        "methods": by(&|figure| Some(json!(figure.mean))),
        "intervals": by(&|figure| Some(json!(figure.interval?))),
        "differences": by(&|figure| {
            let (mean, interval) = figure.difference?;
            Some(json!({"mean": mean, "interval": interval}))
        }),
    })
}

fn told_json(told: Told) -> Value {
    json!({"auroc": told.auroc, "n": told.count, "reaching": told.reach})
}
