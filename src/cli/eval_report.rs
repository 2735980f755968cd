//! What `attune eval` says: as JSON, as a table, as the model card.

use crate::task::Base;
use crate::training::comparison::{Group, Method, TaskScores, mean_of};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Figures that take hours to make, kept with the model.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Recorded {
    /// The base that they were measured on.
    pub(super) base_model: String,
    /// By group: the tasks' own trained adapters.
    pub(super) trained_lora: BTreeMap<String, f64>,
    /// By group: the paper's architecture.
    pub(super) generated_icm_conv: BTreeMap<String, f64>,
    /// How long the paper's architecture was trained.
    pub(super) icm_conv_minutes: f64,
}

impl Recorded {
    /// The figures, where they are of this base; none otherwise.
    pub(super) fn of_base(self, digest: &str) -> Self {
        if self.base_model == digest { self } else { Self::default() }
    }
}

/// All that was measured.
pub(super) struct Report<'a> {
    pub(super) groups: &'a [(Group, Vec<TaskScores>)],
    pub(super) recorded: Recorded,
    pub(super) generator: String,
    pub(super) base: &'a Base,
    pub(super) seconds: f64,
    pub(super) retrained: bool,
}

const RECORDED: [&str; 2] = ["trained_lora", "generated_icm_conv"];

impl Report<'_> {
    /// The methods' means of a group, in the order of reports; `None` where there is no figure.
    fn methods(&self, group: Group, tasks: &[TaskScores]) -> Vec<(&'static str, Option<f64>)> {
        let mean = |index: usize| mean_of(&tasks.iter().map(|task| task.scores[index]).collect::<Vec<_>>());
        let mut methods: Vec<_> =
            Method::ALL.iter().enumerate().map(|(i, method)| (method.name(), Some(mean(i)))).collect();
        let generated = methods.pop();
        methods.push((RECORDED[0], self.recorded.trained_lora.get(group.name()).copied()));
        methods.extend(generated);
        methods.push((RECORDED[1], self.recorded.generated_icm_conv.get(group.name()).copied()));
        methods
    }

    pub(super) fn json(&self) -> Value {
        let mut groups = Map::new();
        for (group, tasks) in self.groups {
            let methods: Map<String, Value> =
                self.methods(*group, tasks).into_iter().map(|(name, x)| (name.to_owned(), json!(x))).collect();
            groups.insert(group.name().to_owned(), json!({"tasks": tasks.len(), "methods": methods}));
        }
        json!({
            "groups": groups,
            "recorded": if self.retrained { json!([]) } else { json!(RECORDED) },
            "generator": self.generator,
            "base_model": self.base.digest(),
            "seconds": self.seconds,
        })
    }

    /// A row a method, a column a group.
    pub(super) fn table(&self) -> String {
        let mut text = format!("{:<24}", "exact match");
        for (group, tasks) in self.groups {
            let _ = write!(text, "{:>24}", format!("{} ({})", group.name(), tasks.len()));
        }
        for (name, figures) in self.rows() {
            let _ = write!(text, "\n{:<24}", self.marked(name));
            for figure in figures {
                let _ = write!(text, "{:>24}", figure.map_or("-".into(), |x| format!("{x:.3}")));
            }
        }
        if !self.retrained {
            text.push_str("\n* recorded with the model; --retrain makes them anew");
        }
        text
    }

    fn marked(&self, method: &str) -> String {
        if RECORDED.contains(&method) && !self.retrained { format!("{method} *") } else { method.to_owned() }
    }

    fn rows(&self) -> Vec<(&'static str, Vec<Option<f64>>)> {
        let columns: Vec<_> = self.groups.iter().map(|(group, tasks)| self.methods(*group, tasks)).collect();
        let names = columns.first().map_or_else(Vec::new, |column| column.iter().map(|(name, _)| *name).collect());
        let row = |(i, name): (usize, &'static str)| (name, columns.iter().map(|column| column[i].1).collect());
        names.into_iter().enumerate().map(row).collect()
    }

    /// One line of JSON a task.
    pub(super) fn per_task(&self) -> String {
        let mut text = String::new();
        for (group, tasks) in self.groups {
            for task in tasks {
                let scores: Map<String, Value> = Method::ALL
                    .iter()
                    .zip(&task.scores)
                    .map(|(method, score)| (method.name().to_owned(), json!(score)))
                    .collect();
                let nearest: Vec<f64> = task.similarity.iter().map(|(similarity, _)| *similarity).collect();
                let line = json!({"group": group.name(), "task": task.name, "methods": scores, "similarity": nearest});
                let _ = writeln!(text, "{line}");
            }
        }
        text
    }

    /// The model card, in Markdown.
    pub(super) fn card(&self) -> String {
        let config = self.base.model().config();
        let mut text = format!(
            "# The demo model\n\n\
             Written by `attune eval --card`; do not edit by hand.\n\n\
             A byte-level Llama of {:.2} M parameters ({} layers, width {}, {} heads, context {}) and a generator of \
             LoRA weights for it, made by `attune demo build` on two CPU cores from text and tasks that the project \
             itself writes. It is small enough to run anywhere and real enough to show each part of the method; it is \
             no general assistant: it knows the words and tasks of its suite.\n\n\
             - base digest `{}`\n- generator digest `{}`\n\n\
             ## Exact match on unseen inputs\n\n\
             Greedy, one adapter or prompt a description, averaged over descriptions and tasks. `train` and \
             `paraphrases` are the same {} training tasks, by descriptions that training saw and did not see; the \
             held-out groups are the halves that were not looked at while the model was made.\n\n| method |",
            self.base.parameters() as f64 / 1e6,
            config.layers(),
            config.hidden_size,
            config.heads,
            config.context,
            self.base.digest(),
            self.generator,
            self.groups.first().map_or(0, |(_, tasks)| tasks.len()),
        );
        for (group, tasks) in self.groups {
            let _ = write!(text, " {} ({}) |", group.name(), tasks.len());
        }
        let _ = write!(text, "\n|---|{}", "---|".repeat(self.groups.len()));
        for (name, figures) in self.rows() {
            let _ = write!(text, "\n| {} |", self.marked(name).replace('*', "\\*"));
            for figure in figures {
                let _ = write!(text, " {} |", figure.map_or("–".into(), |x| format!("{x:.2}")));
            }
        }
        let _ = write!(
            text,
            "\n\n\\* Recorded when the model was made: `trained_lora` is each task's own adapter, trained on its \
             examples; `generated_icm_conv` is the paper's architecture, trained by the same trainer on the same corpus \
             for {:.0} minutes on two cores. The generator beside it had 64 minutes; a step of the paper's convolutions takes \
             some seven times as long. `attune eval --retrain` makes both anew.\n\n\
             ## What it does not do\n\n\
             - Families of tasks that training never saw (`heldout_families`) are beyond it, as they are beyond \
             its base.\n\
             - Facts that were only ever stated, never asked for, are not recalled by an adapter either.\n\
             - Inputs longer than about 24 characters and words outside its lists are unlike what it was trained on.\n",
            self.recorded.icm_conv_minutes
        );
        text
    }
}
