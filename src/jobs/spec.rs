//! A job as it is asked for: what to train, and how it is to be treated in the queue.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::kinds::{InvalidKind, JobKind};

/// The lowest and the highest priority.
pub const PRIORITIES: std::ops::RangeInclusive<i32> = -100..=100;
/// The longest time limit of an attempt: 30 days, in seconds.
pub const MAX_TIMEOUT_SECONDS: u32 = 30 * 24 * 3600;

/// The body of `POST /jobs/train`.
///
/// ```
/// use attune::jobs::JobSpec;
/// let spec: JobSpec = serde_json::from_str(r#"{"kind": "adapter", "task": "reverse", "priority": 5}"#)?;
/// assert_eq!((spec.kind.name(), spec.priority, spec.timeout_seconds), ("adapter", 5, None));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    /// What to train.
    #[serde(flatten)]
    pub kind: JobKind,
    /// Of the jobs that wait, the one with the highest is taken first, of its equals the oldest. From -100 to 100.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub priority: i32,
    /// How long an attempt may take before the job has failed; what the worker allows where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

impl From<JobKind> for JobSpec {
    /// With the usual priority, and no time limit of its own.
    fn from(kind: JobKind) -> Self {
        Self { kind, priority: 0, timeout_seconds: None }
    }
}

impl JobSpec {
    /// Whether its values can be. That the tasks exist is not checked here.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn validate(&self) -> Result<(), InvalidKind> {
        self.kind.validate()?;
        if !PRIORITIES.contains(&self.priority) {
            return Err(InvalidKind { field: "priority", problem: "must be between -100 and 100" });
        }
        if self.timeout_seconds.is_some_and(|seconds| !(1..=MAX_TIMEOUT_SECONDS).contains(&seconds)) {
            return Err(InvalidKind { field: "timeout_seconds", problem: "must be between 1 and 2,592,000" });
        }
        Ok(())
    }

    /// How long an attempt may take, where the job has a limit of its own.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout_seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }
}

fn is_usual(priority: &i32) -> bool {
    *priority == 0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: Value) -> Result<JobSpec, serde_json::Error> {
        serde_json::from_value(body)
    }

    #[test]
    fn a_body_has_the_kinds_fields_beside_its_own_and_comes_back_as_it_was() {
        let body = json!({ "kind": "adapter", "task": "a", "steps": 3, "priority": -7, "timeout_seconds": 60 });
        let spec = parse(body.clone()).unwrap();
        assert_eq!((spec.priority, spec.timeout()), (-7, Some(Duration::from_secs(60))));
        assert_eq!(serde_json::to_value(&spec).unwrap(), body);
        let plain = json!({ "kind": "generator", "tasks": "all", "arch": "cvae", "init": "active",
                            "stages": ["cross_entropy"] });
        assert_eq!(serde_json::to_value(parse(plain.clone()).unwrap()).unwrap(), plain);
    }

    #[test]
    fn an_unknown_field_is_refused_and_impossible_values_are_named() {
        for body in [
            json!({ "kind": "adapter", "task": "a", "prio": 3 }),
            json!({ "kind": "adapter", "task": "a", "priority": "high" }),
            json!({ "kind": "adapter", "task": "a", "timeout_seconds": -1 }),
        ] {
            assert!(parse(body.clone()).is_err(), "{body}");
        }
        for (field, value) in
            [("priority", 101), ("priority", -101), ("timeout_seconds", 0), ("timeout_seconds", 2_592_001)]
        {
            let spec = parse(json!({ "kind": "adapter", "task": "a", field: value })).unwrap();
            assert_eq!(spec.validate().unwrap_err().field, field, "{value}");
        }
        parse(json!({ "kind": "adapter", "task": "a", "priority": 100, "timeout_seconds": 1 }))
            .unwrap()
            .validate()
            .unwrap();
    }
}
