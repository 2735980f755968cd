//! The training tasks.

use super::adapters::missing;
use super::{Error, Service};
use crate::jobs::{JobKind, Selection};
use crate::store::{Example, Page, PageRequest, StoreError, TaskRecord};
use crate::task::Description;

impl Service {
    /// Makes the task, or changes its descriptions; says whether it is new.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field, [`Error::Task`] the description.
    pub async fn put_task(&self, name: &str, descriptions: Vec<String>) -> Result<(TaskRecord, bool), Error> {
        check_name(name)?;
        if descriptions.is_empty() {
            let problem = "a task needs at least one description".to_owned();
            return Err(Error::Invalid { field: "descriptions", problem });
        }
        let mut checked: Vec<String> =
            descriptions.iter().map(|text| Ok(Description::new(text)?.into())).collect::<Result<_, Error>>()?;
        let mut seen = std::collections::HashSet::new();
        checked.retain(|text| seen.insert(text.clone()));
        let new = match self.store.task(name).await {
            Ok(_) => false,
            Err(StoreError::NotFound { .. }) => true,
            Err(error) => return Err(error.into()),
        };
        Ok((self.store.put_task(name, &checked, (self.clock)()).await?, new))
    }

    /// Replaces the task's examples.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] names an example without an output; [`Error::Store`] too many.
    pub async fn put_examples(&self, name: &str, examples: Vec<Example>) -> Result<TaskRecord, Error> {
        if let Some(index) = examples.iter().position(|example| example.output.accepted().is_empty()) {
            return Err(Error::Invalid { field: "examples", problem: format!("example {index} has no output") });
        }
        self.store.put_examples(name, &examples, (self.clock)()).await.map_err(|e| missing(e, "task", name))
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
    /// [`Error::NotFound`].
    pub async fn delete_task(&self, name: &str) -> Result<(), Error> {
        self.store.delete_task(name).await.map_err(|e| missing(e, "task", name))
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
