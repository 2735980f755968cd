//! What a job can ask for: the body of `POST /jobs/train`, and the payload in the queue.

use serde::{Deserialize, Serialize};

/// The most tasks that a job can name.
const MAX_TASKS: usize = 10_000;
/// The most steps of a stage.
const MAX_STEPS: u32 = 10_000_000;

/// A job's kind and parameters.
///
/// ```
/// use attune::jobs::JobKind;
/// let job: JobKind = serde_json::from_str(r#"{"kind": "adapter", "task": "reverse"}"#)?;
/// assert_eq!(job.name(), "adapter");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobKind {
    /// Train one task's adapter.
    Adapter(AdapterJob),
    /// Train a generator.
    Generator(GeneratorJob),
}

/// Parameters of an adapter's training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterJob {
    /// The registered task.
    pub task: String,
    /// Repeats a run; 0 where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Optimiser steps; the trainer's own number where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Peak learning rate; the trainer's own where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Tokens that go through the base together; the trainer's own number for the base where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_tokens: Option<u32>,
    /// Batches whose gradients make one step; 1 where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_accumulation_steps: Option<u32>,
    /// Whether layers are computed once more in the backward pass, to save memory; where it is not said, if it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_checkpointing: Option<bool>,
}

/// Parameters of a generator's training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneratorJob {
    /// The tasks to train on.
    pub tasks: Selection,
    /// The architecture.
    #[serde(default)]
    pub arch: Arch,
    /// What it begins from.
    #[serde(default)]
    pub init: Init,
    /// The stages, in order. A generator that grows from the active one passes reconstruction over.
    #[serde(default = "Stage::all")]
    pub stages: Vec<Stage>,
    /// Repeats a run; 0 where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Optimiser steps of each stage; the trainer's own numbers where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Peak learning rate; the trainer's own where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Whether layers are computed once more in the backward pass, to save memory; where it is not said, if it must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_checkpointing: Option<bool>,
}

/// Which tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "tasks is \"all\" or a list of task names")]
pub enum Selection {
    /// All registered ones.
    All(All),
    /// These.
    Names(Vec<String>),
}

/// The word `all`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum All {
    /// It.
    #[serde(rename = "all")]
    All,
}

/// A generator's architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arch {
    /// attune's own: tokens per slot over a basis.
    #[default]
    Cvae,
    /// The paper's strided convolutions.
    IcmConv,
}

/// What a generator begins from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// The active generator, where there is one of this architecture: it learns the tasks and keeps what it knows.
    #[default]
    Active,
    /// Random weights: only the tasks of the job are learnt.
    Random,
}

/// A stage of a generator's training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reconstruction of trained adapters, and KL.
    Reconstruction,
    /// Cross-entropy of the base model through the generated adapter.
    CrossEntropy,
}

impl Stage {
    /// All of them, in order.
    pub fn all() -> Vec<Self> {
        vec![Self::Reconstruction, Self::CrossEntropy]
    }
}

/// A parameter that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidKind {
    /// The field's name in the body.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl JobKind {
    /// The kinds' words.
    pub const NAMES: [&'static str; 2] = ["adapter", "generator"];

    /// The kind's word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Adapter(_) => "adapter",
            Self::Generator(_) => "generator",
        }
    }

    /// Whether its values can be. That the tasks exist is not checked here.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), InvalidKind> {
        match self {
            Self::Adapter(job) => {
                check(!job.task.trim().is_empty(), "task", "must not be empty")?;
                let within = |value: Option<u32>, low, high| value.is_none_or(|n| (low..=high).contains(&n));
                check(within(job.batch_tokens, 16, 1 << 20), "batch_tokens", "must be between 16 and 1,048,576")?;
                let (field, problem) = ("gradient_accumulation_steps", "must be between 1 and 1024");
                check(within(job.gradient_accumulation_steps, 1, 1024), field, problem)?;
                check_training(job.steps, job.learning_rate)
            }
            Self::Generator(job) => {
                if let Selection::Names(names) = &job.tasks {
                    check(!names.is_empty(), "tasks", "must name at least one task")?;
                    check(names.len() <= MAX_TASKS, "tasks", "names more than 10,000 tasks")?;
                    check(names.iter().all(|name| !name.trim().is_empty()), "tasks", "must not hold an empty name")?;
                }
                check(!job.stages.is_empty(), "stages", "must name at least one stage")?;
                let repeated = job.stages.iter().enumerate().any(|(i, stage)| job.stages[..i].contains(stage));
                check(!repeated, "stages", "must not repeat a stage")?;
                check_training(job.steps, job.learning_rate)
            }
        }
    }
}

fn check_training(steps: Option<u32>, learning_rate: Option<f64>) -> Result<(), InvalidKind> {
    check(steps.is_none_or(|steps| (1..=MAX_STEPS).contains(&steps)), "steps", "must be between 1 and 10,000,000")?;
    check(learning_rate.is_none_or(|rate| rate > 0.0 && rate <= 1.0), "learning_rate", "must be above 0 and at most 1")
}

fn check(holds: bool, field: &'static str, problem: &'static str) -> Result<(), InvalidKind> {
    if holds { Ok(()) } else { Err(InvalidKind { field, problem }) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: Value) -> Result<JobKind, serde_json::Error> {
        serde_json::from_value(body)
    }

    #[test]
    fn a_generator_job_has_defaults_and_comes_back_from_its_payload() {
        let job = parse(json!({ "kind": "generator", "tasks": "all" })).unwrap();
        let JobKind::Generator(generator) = &job else { panic!("{job:?}") };
        assert_eq!(generator.tasks, Selection::All(All::All));
        assert_eq!((generator.arch, generator.stages.len()), (Arch::Cvae, 2));
        assert_eq!(parse(serde_json::to_value(&job).unwrap()).unwrap(), job);
    }

    #[test]
    fn every_option_is_read() {
        let body = json!({ "kind": "generator", "tasks": ["a", "b"], "arch": "icm-conv", "init": "random",
                           "stages": ["cross_entropy"], "seed": 7, "steps": 10, "learning_rate": 0.001,
                           "gradient_checkpointing": true });
        let job = parse(body.clone()).unwrap();
        job.validate().unwrap();
        assert_eq!(serde_json::to_value(&job).unwrap(), body);
    }

    #[test]
    fn an_unknown_field_or_word_is_refused() {
        for body in [
            json!({ "kind": "adapter", "task": "a", "epochs": 3 }),
            json!({ "kind": "adapter" }),
            json!({ "kind": "adaptor", "task": "a" }),
            json!({ "task": "a" }),
            json!({ "kind": "generator", "tasks": "some" }),
            json!({ "kind": "generator", "tasks": "all", "arch": "gan" }),
            json!({ "kind": "generator", "tasks": "all", "task": "a" }),
        ] {
            assert!(parse(body.clone()).is_err(), "{body}");
        }
    }

    #[test]
    fn impossible_values_are_named_by_their_field() {
        for (body, field) in [
            (json!({ "kind": "adapter", "task": " " }), "task"),
            (json!({ "kind": "adapter", "task": "a", "steps": 0 }), "steps"),
            (json!({ "kind": "adapter", "task": "a", "learning_rate": -1.0 }), "learning_rate"),
            (json!({ "kind": "adapter", "task": "a", "batch_tokens": 3 }), "batch_tokens"),
            (
                json!({ "kind": "adapter", "task": "a", "gradient_accumulation_steps": 0 }),
                "gradient_accumulation_steps",
            ),
            (json!({ "kind": "generator", "tasks": [] }), "tasks"),
            (json!({ "kind": "generator", "tasks": ["a", ""] }), "tasks"),
            (json!({ "kind": "generator", "tasks": "all", "stages": [] }), "stages"),
            (json!({ "kind": "generator", "tasks": "all", "stages": ["cross_entropy", "cross_entropy"] }), "stages"),
        ] {
            assert_eq!(parse(body.clone()).unwrap().validate().unwrap_err().field, field, "{body}");
        }
    }
}
