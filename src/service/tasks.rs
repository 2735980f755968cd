//! The training tasks.

use super::adapters::missing;
use super::{Error, Service};
use crate::jobs::{JobKind, Selection};
use crate::store::{Example, Expected, MAX_EXAMPLES, Page, PageRequest, StoreError, TaskRecord, examples_digest};
use crate::task::Description;

/// A task to register.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// Its name.
    pub name: String,
    /// One or more wordings.
    pub descriptions: Vec<String>,
    /// Its examples, all of one kind.
    pub examples: Vec<Example>,
}

/// What registering a task does to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was none of its name.
    New,
    /// The store holds it as it is.
    None,
    /// Another one had its name.
    Replaced,
}

impl NewTask {
    /// What registering it does where this task has its name.
    ///
    /// # Errors
    /// Where it cannot be registered, as [`Service::put_task`] and [`Service::put_examples`].
    pub fn change(&self, known: Option<&TaskRecord>) -> Result<Change, Error> {
        let descriptions = self.checked()?;
        let Some(known) = known else { return Ok(Change::New) };
        let digest = examples_digest(&self.examples).map_err(Error::internal)?;
        let same = known.descriptions == descriptions && known.examples_digest == digest;
        Ok(if same { Change::None } else { Change::Replaced })
    }

    /// The descriptions as they are stored, where all of it can be.
    fn checked(&self) -> Result<Vec<String>, Error> {
        check_name(&self.name)?;
        check_examples(&self.examples)?;
        checked_descriptions(&self.descriptions)
    }
}

impl Service {
    /// Makes the task, or changes its descriptions; says whether it is new.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field, [`Error::Task`] the description; [`Error::Store`] where the task is not as
    /// expected.
    pub async fn put_task(
        &self,
        name: &str,
        descriptions: Vec<String>,
        expected: &Expected,
    ) -> Result<(TaskRecord, bool), Error> {
        check_name(name)?;
        let checked = checked_descriptions(&descriptions)?;
        let new = self.known_task(name).await?.is_none();
        Ok((self.store.put_task(name, &checked, expected, (self.clock)()).await?, new))
    }

    /// Replaces the task's examples.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] names an example that is empty or of another kind than the others;
    /// [`Error::Store`] too many, or that the task is not as expected.
    pub async fn put_examples(
        &self,
        name: &str,
        examples: Vec<Example>,
        expected: &Expected,
    ) -> Result<TaskRecord, Error> {
        check_examples(&examples)?;
        let put = self.store.put_examples(name, &examples, expected, (self.clock)());
        put.await.map_err(|e| missing(e, "task", name))
    }

    /// What registering this task would do. Nothing is stored.
    ///
    /// # Errors
    /// As [`Self::import_task`].
    pub async fn plan_import(&self, task: &NewTask) -> Result<Change, Error> {
        task.change(self.known_task(&task.name).await?.as_ref())
    }

    /// Registers a task with its examples, whole or not at all; one of the name is replaced.
    ///
    /// # Errors
    /// As [`Self::put_task`] and [`Self::put_examples`].
    pub async fn import_task(&self, task: &NewTask) -> Result<TaskRecord, Error> {
        let descriptions = task.checked()?;
        Ok(self.store.import_task(&task.name, (&descriptions, &task.examples), (self.clock)()).await?)
    }

    async fn known_task(&self, name: &str) -> Result<Option<TaskRecord>, Error> {
        match self.store.task(name).await {
            Ok(task) => Ok(Some(task)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The task.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn task(&self, name: &str) -> Result<TaskRecord, Error> {
        self.store.task(name).await.map_err(|e| missing(e, "task", name))
    }

    /// The tasks by name.
    ///
    /// # Errors
    /// [`Error::Store`] with an invalid cursor.
    pub async fn list_tasks(&self, page: &PageRequest) -> Result<Page<TaskRecord>, Error> {
        Ok(self.store.list_tasks(page).await?)
    }

    /// Removes the task and its examples.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Store`] where the task is not as expected.
    pub async fn delete_task(&self, name: &str, expected: &Expected) -> Result<(), Error> {
        self.store.delete_task(name, expected).await.map_err(|e| missing(e, "task", name))
    }

    /// Refuses a job over tasks that are not there, or have no examples.
    pub(super) async fn check_tasks(&self, kind: &JobKind) -> Result<(), Error> {
        let names: Vec<&str> = match kind {
            JobKind::Adapter(job) => vec![&job.task],
            JobKind::Generator(job) => match &job.tasks {
                Selection::All(_) => Vec::new(),
                Selection::Names(names) => names.iter().map(String::as_str).collect(),
            },
        };
        let field = if matches!(kind, JobKind::Adapter(_)) { "task" } else { "tasks" };
        for name in names {
            if self.task(name).await?.train_count == 0 {
                let problem = format!("{name} has no examples to train on: send some with PUT /tasks/{name}/examples");
                return Err(Error::Invalid { field, problem });
            }
        }
        Ok(())
    }
}

/// A task's descriptions in their normal form, each once.
fn checked_descriptions(descriptions: &[String]) -> Result<Vec<String>, Error> {
    if descriptions.is_empty() {
        let problem = "a task needs at least one description".to_owned();
        return Err(Error::Invalid { field: "descriptions", problem });
    }
    let mut checked: Vec<String> =
        descriptions.iter().map(|text| Ok(Description::new(text)?.into())).collect::<Result<_, Error>>()?;
    let mut seen = std::collections::HashSet::new();
    checked.retain(|text| seen.insert(text.clone()));
    Ok(checked)
}

/// Refuses examples that nothing can be learnt of, that are of both kinds, or too many.
fn check_examples(examples: &[Example]) -> Result<(), Error> {
    if examples.len() > MAX_EXAMPLES {
        return Err(StoreError::TooManyExamples { count: examples.len(), limit: MAX_EXAMPLES }.into());
    }
    let kind = |example: &Example| if example.is_text() { "a plain text" } else { "an input with its output" };
    for (index, example) in examples.iter().enumerate() {
        let problem = match example {
            _ if example.is_text() != examples[0].is_text() => format!(
                "example {index} is {}, the first is {}: send examples of one kind",
                kind(example),
                kind(&examples[0])
            ),
            Example::Answered { output, .. } if output.accepted().is_empty() => {
                format!("example {index} has no output")
            }
            Example::Text { text, .. } if text.trim().is_empty() => format!("example {index} is an empty text"),
            _ => continue,
        };
        return Err(Error::Invalid { field: "examples", problem });
    }
    Ok(())
}

/// A name is 1 to 128 letters, digits and `._-`.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let fits = (1..=128).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if fits {
        return Ok(());
    }
    let problem = "must be 1 to 128 letters, digits, dots, hyphens or underscores".to_owned();
    Err(Error::Invalid { field: "name", problem })
}
