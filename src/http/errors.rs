//! The one table from the service's errors to problems. It has no wildcard: a new error needs its line.

use std::time::Duration;

use super::auth::limits;
use super::problem::{Code, Problem};
use crate::jobs::QueueError;
use crate::lora::ArchiveError;
use crate::service::Error;
use crate::store::{ArtifactError, StoreError};
use crate::{engine, lora, task};

/// A training job takes minutes, so a full queue of them is not worth a look each second.
const JOB_QUEUE_WAIT: Duration = Duration::from_secs(60);
/// A refinement takes seconds.
const REFINING_WAIT: Duration = Duration::from_secs(5);
/// An object store that is away may be back soon.
const ARTIFACTS_WAIT: Duration = Duration::from_secs(5);
/// A server of completions that was started anew loads its weights first.
const ENGINE_WAIT: Duration = Duration::from_secs(5);
/// Somebody has to make room.
const STORAGE_WAIT: Duration = Duration::from_secs(300);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Task(error) => error.into(),
            Error::Invalid { field, problem } => Self::field(Code::Invalid, field, problem),
            Error::NotFound { .. } => Self::new(Code::NotFound, detail),
            Error::NoGenerator => Self::new(Code::NoGenerator, detail),
            Error::StaleGenerator { .. } | Error::OtherEncoder { .. } => Self::new(Code::StaleGenerator, detail),
            Error::StaleAdapter { .. } => Self::new(Code::StaleAdapter, detail),
            Error::UnknownTask { score, nearest_tasks } => {
                Self::new(Code::UnknownTask, detail).naming("task").near(score, nearest_tasks)
            }
            Error::RefiningFull { .. } => Self::new(Code::QueueFull, detail).after(REFINING_WAIT),
            Error::QuotaUsed { what, wait, .. } => {
                let spent = limits::state(what, 0, wait);
                Self::new(Code::QuotaUsed, detail).after(wait).header(limits::STATE, spent)
            }
            Error::NameTaken { .. } => Self::new(Code::NameTaken, detail).naming("name"),
            Error::Engine(error) => error.into(),
            Error::AdaptersInUse { .. } | Error::LorasInUse { .. } => Self::new(Code::QueueFull, detail),
            Error::AdapterTooLarge { .. } => Self::new(Code::Invalid, detail).naming("adapter"),
            Error::Lora(error) => error.into(),
            Error::Job(error) => error.into(),
            Error::Store(error) => error.into(),
            Error::Artifact(error) => error.into(),
            Error::Internal { reason } => Self::internal(&reason),
        }
    }
}

impl From<task::Error> for Problem {
    fn from(error: task::Error) -> Self {
        let detail = error.to_string();
        match error {
            task::Error::EmptyDescription | task::Error::LongDescription { .. } => {
                Self::new(Code::Invalid, detail).naming("task")
            }
            task::Error::ManyDemonstrations { .. } => Self::new(Code::Invalid, detail).naming("examples"),
            task::Error::MixedKinds { index } => Self::new(Code::Invalid, detail).naming(&format!("examples[{index}]")),
            task::Error::EmptyText { index } => {
                Self::new(Code::Invalid, detail).naming(&format!("examples[{index}].text"))
            }
            task::Error::NoOutput { index } => {
                Self::new(Code::Invalid, detail).naming(&format!("examples[{index}].output"))
            }
        }
    }
}

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        let detail = error.to_string();
        match error {
            engine::Error::QueueFull { .. } => Self::new(Code::QueueFull, detail),
            engine::Error::Stopping => Self::new(Code::Unavailable, detail),
            engine::Error::Away { .. } => Self::new(Code::Unavailable, detail).after(ENGINE_WAIT),
            engine::Error::Refused { .. } => Self::new(Code::Invalid, detail),
            engine::Error::TooLong { .. } => Self::new(Code::TooLong, detail).naming("max_tokens"),
            engine::Error::KvCapacity { .. } => Self::new(Code::TooLong, detail).naming("max_tokens"),
            engine::Error::Expired => Self::new(Code::Timeout, detail),
            engine::Error::Unmergeable { .. } => Self::new(Code::Unmergeable, detail).naming("merge"),
            engine::Error::Guide { .. } => Self::new(Code::Invalid, detail).naming("response_format"),
            engine::Error::EmptyPrompt => Self::new(Code::Invalid, detail).naming("prompt"),
            engine::Error::Step { reason } => Self::internal(&reason),
        }
    }
}

impl From<lora::Error> for Problem {
    fn from(error: lora::Error) -> Self {
        let detail = error.to_string();
        let naming = |part: &str| Self::new(Code::InvalidAdapter, detail.as_str()).naming(part);
        match error {
            lora::Error::Json(_)
            | lora::Error::Unsupported { .. }
            | lora::Error::MissingKey { .. }
            | lora::Error::Pattern { .. }
            | lora::Error::ChangedBase { .. }
            | lora::Error::UnknownTarget { .. } => naming("adapter_config"),
            lora::Error::Safetensors { .. }
            | lora::Error::UnknownTensor { .. }
            | lora::Error::UnsupportedTensor { .. }
            | lora::Error::LayerLeftOut { .. }
            | lora::Error::OtherBase { .. }
            | lora::Error::Pickle
            | lora::Error::MissingTensor { .. }
            | lora::Error::Shape { .. }
            | lora::Error::Dtype { .. }
            | lora::Error::NotFinite { .. } => naming("adapter_model"),
            lora::Error::Rank { .. } | lora::Error::Alpha { .. } => naming("adapter_config"),
            lora::Error::Archive(ArchiveError::TooLarge { .. }) => Self::new(Code::TooLarge, detail),
            lora::Error::Archive(_) => naming("archive"),
            // No file is read for a request, and the tensors were checked before they were used.
            lora::Error::File { .. } | lora::Error::Write { .. } | lora::Error::Tensor(_) => Self::internal(&detail),
        }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Invalid(invalid) => Self::field(Code::Invalid, invalid.field, invalid.problem),
            QueueError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let detail = error.to_string();
        match error {
            StoreError::NotFound { .. } => Self::new(Code::NotFound, detail),
            StoreError::NameTaken { .. } => Self::new(Code::NameTaken, detail).naming("name"),
            StoreError::InvalidCursor => Self::new(Code::Invalid, detail).naming("cursor"),
            StoreError::TooManyExamples { .. } => Self::new(Code::Invalid, detail),
            StoreError::NotReady { .. } => Self::new(Code::GeneratorNotReady, detail),
            StoreError::IdempotencyMismatch { .. } => Self::new(Code::KeyReused, detail).naming("Idempotency-Key"),
            StoreError::Changed { what, id, .. } => Self::new(
                Code::PreconditionFailed,
                format!(
                    "{detail}. Read it again (GET /{what}s/{id}), and send the change with that ETag in If-Match; without \
                     If-Match it is made whatever is there"
                ),
            ),
            StoreError::QueueFull { .. } => Self::new(Code::QueueFull, detail).after(JOB_QUEUE_WAIT),
            StoreError::AlreadyFinished { .. } => Self::new(Code::JobFinished, detail),
            StoreError::NulCharacter => Self::new(Code::Invalid, detail),
            StoreError::Busy => Self::new(Code::Unavailable, detail),
            StoreError::DiskFull => storage_full(&detail),
            // A worker's error, and those of opening the database and of backups, never answer a request.
            StoreError::StaleAttempt { .. }
            | StoreError::InvalidUrl { .. }
            | StoreError::Connect { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::Migrate { .. }
            | StoreError::OlderSchema { .. }
            | StoreError::NoDatabase { .. }
            | StoreError::NotEmpty { .. }
            | StoreError::Row { .. }
            | StoreError::Rows(_)
            | StoreError::Directory { .. }
            | StoreError::Json(_)
            | StoreError::Database(_) => Self::internal(&detail),
        }
    }
}

impl From<ArtifactError> for Problem {
    fn from(error: ArtifactError) -> Self {
        let detail = error.to_string();
        match error {
            ArtifactError::DiskFull { .. } => storage_full(&detail),
            ArtifactError::QuotaFull { .. } => Self::new(Code::StorageFull, detail).after(STORAGE_WAIT),
            // A share that is away, a device that fails: what names it is for the log.
            ArtifactError::Away { .. } | ArtifactError::Io { .. } => {
                tracing::error!(reason = detail, "the artifact store is away");
                let told = "the store that holds the adapters' weights cannot be reached now";
                Self::new(Code::Unavailable, told).after(ARTIFACTS_WAIT)
            }
            // A record names the artifact, so that it is missing is no answer to the caller's question.
            ArtifactError::NotFound { .. } | ArtifactError::InvalidDigest { .. } | ArtifactError::Damaged { .. } => {
                Problem::internal(&detail)
            }
        }
    }
}

/// The message has a path of the server's, which is for the log.
fn storage_full(detail: &str) -> Problem {
    tracing::error!(reason = detail, "no space left");
    Problem::new(Code::StorageFull, "the server has no space left to store this").after(STORAGE_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;

    fn status_and_code(error: Error) -> (u16, &'static str) {
        let problem = Problem::from(error);
        let code = problem.code().as_str();
        (problem.into_response().status().as_u16(), code)
    }

    #[test]
    fn errors_have_the_statuses_of_the_interface() {
        let text = || String::from("x");
        for (error, status, code) in [
            (Error::NotFound { what: "adapter", id: text() }, 404, "not_found"),
            (Error::NoGenerator, 409, "no_generator"),
            (Error::StaleGenerator { made_for: text(), base: text() }, 409, "stale_generator"),
            (Error::OtherEncoder { trained_with: text(), encoder: "2" }, 409, "stale_generator"),
            (Error::StaleAdapter { id: text(), made_for: text(), base: text() }, 409, "stale_adapter"),
            (Error::NameTaken { name: text() }, 409, "name_taken"),
            (Error::UnknownTask { score: 0.1, nearest_tasks: Vec::new() }, 422, "unknown_task"),
            (Error::RefiningFull { limit: 1 }, 429, "queue_full"),
            (Error::QuotaUsed { what: "adapters", limit: 1, wait: Duration::from_secs(9) }, 429, "quota_exceeded"),
            (Error::Task(task::Error::EmptyDescription), 422, "invalid_request"),
            (Error::Engine(engine::Error::QueueFull { limit: 1 }), 429, "queue_full"),
            (Error::Engine(engine::Error::Stopping), 503, "unavailable"),
            (Error::Engine(engine::Error::Expired), 504, "timeout"),
            (Error::Engine(engine::Error::Away { reason: text() }), 503, "unavailable"),
            (Error::Engine(engine::Error::Refused { reason: text() }), 422, "invalid_request"),
            (Error::LorasInUse { limit: 1 }, 429, "queue_full"),
            (Error::Engine(engine::Error::Unmergeable { reason: text() }), 409, "unmergeable"),
            (Error::Engine(engine::Error::Step { reason: text() }), 500, "internal"),
            (Error::Lora(lora::Error::NotFinite { name: text() }), 422, "invalid_adapter"),
            (Error::Store(StoreError::InvalidCursor), 422, "invalid_request"),
            (Error::Store(StoreError::Changed { what: "task", id: text(), found: None }), 412, "precondition_failed"),
            (Error::Store(StoreError::NulCharacter), 422, "invalid_request"),
            (Error::Store(StoreError::Busy), 503, "unavailable"),
            (Error::Job(StoreError::QueueFull { limit: 1 }.into()), 429, "queue_full"),
            (Error::Artifact(ArtifactError::NotFound { digest: text() }), 500, "internal"),
            (Error::Artifact(ArtifactError::DiskFull { path: "/x".into() }), 503, "storage_full"),
            (Error::Artifact(ArtifactError::QuotaFull { quota_bytes: 1 << 20 }), 503, "storage_full"),
            (Error::Artifact(ArtifactError::Away { place: text(), reason: text() }), 503, "unavailable"),
            (
                Error::Artifact(ArtifactError::Io { path: "/x".into(), source: std::io::Error::other("eio").into() }),
                503,
                "unavailable",
            ),
        ] {
            let shown = error.to_string();
            assert_eq!(status_and_code(error), (status, code), "{shown}");
        }
    }

    #[test]
    fn a_demonstration_without_an_output_is_named_by_its_path() {
        let body = Problem::from(task::Error::NoOutput { index: 2 }).body("r");
        assert_eq!(body.invalid_params[0].name, "examples[2].output");
    }
}
