//! The repository traits. Their futures are boxed, so that a store can be an `Arc<dyn Store>`.
//!
//! Every method may fail with `Busy`, `DiskFull`, `NulCharacter` or `Database`; its own section names the errors beyond
//! those. A method that fails has changed nothing (a server that goes away in the middle of a commit may have made it).

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use futures::stream::BoxStream;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::backup::RowBatch;
use super::error::StoreError;
use super::page::{Page, PageRequest};
use super::records::*;

/// What a store's method gives.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Changes to jobs as they happen. The stream does not end, and may leave changes out.
pub type JobChanges = BoxStream<'static, JobChange>;

/// Something that happened to a job, in whatever process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobChange {
    /// Which job.
    pub job: String,
    /// Whether it came (back) into the queue, so that a worker may take it.
    pub arrived: bool,
}

/// All repositories of one database.
pub trait Store: AdapterStore + TaskStore + GeneratorStore + JobStore + KeyStore {
    /// The digests of all artifacts that a record names; the others may be collected.
    fn referenced_digests(&self) -> StoreFuture<'_, BTreeSet<String>>;

    /// The number of the schema that the database has.
    fn schema(&self) -> StoreFuture<'_, i64>;

    /// Sends all rows of all tables as they are at one moment, in the order of [`TABLES`](super::backup::TABLES) and of
    /// their keys; ends early where nobody takes them.
    fn dump_rows(&self, to: mpsc::Sender<RowBatch>) -> StoreFuture<'_, ()>;

    /// Writes these rows, parents before their children, all of them or none.
    ///
    /// # Errors
    /// `NotEmpty` where there are rows already, also where none are given; `Row` where one does not fit its table; the
    /// stream's own.
    fn fill_rows<'a>(&'a self, rows: BoxStream<'a, Result<RowBatch, StoreError>>) -> StoreFuture<'a, ()>;
}

/// The adapters of each tenant.
pub trait AdapterStore: Send + Sync {
    /// Stores the adapter where nobody has it and lists it for the tenant. The first published bytes stand; the
    /// name, where the record has one, becomes this adapter's also if the tenant had it unnamed.
    ///
    /// # Errors
    /// `NameTaken` with [`OnNameTaken::Refuse`].
    fn publish_adapter<'a>(
        &'a self,
        tenant: &'a str,
        record: &'a AdapterRecord,
        taken: OnNameTaken,
    ) -> StoreFuture<'a, Published>;

    /// Publishes the adapter, as [`AdapterStore::publish_adapter`] does, unless this key published one before: then that
    /// is given as it is now, and nothing changes. A key goes when its adapter is taken from the tenant's list.
    ///
    /// # Errors
    /// `IdempotencyMismatch` where the key came with another request; `NameTaken` with [`OnNameTaken::Refuse`].
    fn publish_adapter_once<'a>(
        &'a self,
        tenant: &'a str,
        record: &'a AdapterRecord,
        taken: OnNameTaken,
        key: &'a RequestKey,
    ) -> StoreFuture<'a, Published>;

    /// The tenant's adapter with this id.
    ///
    /// # Errors
    /// `NotFound`, also where only another tenant has it.
    fn adapter<'a>(&'a self, tenant: &'a str, id: &'a str) -> StoreFuture<'a, AdapterRecord>;

    /// The tenant's adapter with this name.
    ///
    /// # Errors
    /// `NotFound`.
    fn adapter_by_name<'a>(&'a self, tenant: &'a str, name: &'a str) -> StoreFuture<'a, AdapterRecord>;

    /// The tenant's adapters, the newest first.
    ///
    /// # Errors
    /// `InvalidCursor`.
    fn list_adapters<'a>(
        &'a self,
        tenant: &'a str,
        filter: &'a AdapterFilter,
        page: &'a PageRequest,
    ) -> StoreFuture<'a, Page<AdapterRecord>>;

    /// Gives the adapter this name, or none.
    ///
    /// # Errors
    /// `NotFound`; `NameTaken` with [`OnNameTaken::Refuse`].
    fn rename_adapter<'a>(
        &'a self,
        tenant: &'a str,
        id: &'a str,
        name: Option<&'a str>,
        taken: OnNameTaken,
    ) -> StoreFuture<'a, AdapterRecord>;

    /// Takes the adapter from the tenant's list; with its last tenant the adapter is gone.
    ///
    /// # Errors
    /// `NotFound`.
    fn unlist_adapter<'a>(&'a self, tenant: &'a str, id: &'a str) -> StoreFuture<'a, Unlisted>;
}

/// The training tasks.
pub trait TaskStore: Send + Sync {
    /// Makes the task, or changes its descriptions.
    ///
    /// # Errors
    /// `Changed` where the task is not as expected.
    fn put_task<'a>(
        &'a self,
        name: &'a str,
        descriptions: &'a [String],
        expected: &'a Expected,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, TaskRecord>;

    /// Replaces the task's examples.
    ///
    /// # Errors
    /// `NotFound`; `Changed` where the task is not as expected; `TooManyExamples` above [`MAX_EXAMPLES`].
    fn put_examples<'a>(
        &'a self,
        name: &'a str,
        examples: &'a [Example],
        expected: &'a Expected,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, TaskRecord>;

    /// Makes the task or replaces it, descriptions and examples together.
    ///
    /// # Errors
    /// `TooManyExamples` above [`MAX_EXAMPLES`].
    fn import_task<'a>(
        &'a self,
        name: &'a str,
        content: (&'a [String], &'a [Example]),
        now: OffsetDateTime,
    ) -> StoreFuture<'a, TaskRecord>;

    /// The task.
    ///
    /// # Errors
    /// `NotFound`.
    fn task<'a>(&'a self, name: &'a str) -> StoreFuture<'a, TaskRecord>;

    /// The task's examples, in their order.
    ///
    /// # Errors
    /// `NotFound`.
    fn examples<'a>(&'a self, name: &'a str) -> StoreFuture<'a, Vec<Example>>;

    /// The tasks by name.
    ///
    /// # Errors
    /// `InvalidCursor`.
    fn list_tasks<'a>(&'a self, page: &'a PageRequest) -> StoreFuture<'a, Page<TaskRecord>>;

    /// Removes the task and its examples.
    ///
    /// # Errors
    /// `NotFound`; `Changed` where the task is not as expected.
    fn delete_task<'a>(&'a self, name: &'a str, expected: &'a Expected) -> StoreFuture<'a, ()>;
}

/// The generators.
pub trait GeneratorStore: Send + Sync {
    /// Stores the generator, inactive, where its id is new; gives the stored one. A record that says `stale` is
    /// stored as ready: staleness is in the eye of the loaded base.
    ///
    /// # Errors
    /// None of its own.
    fn insert_generator<'a>(&'a self, record: &'a GeneratorRecord) -> StoreFuture<'a, GeneratorRecord>;

    /// Makes the generator the one that serves its base model, in one step: no reader sees two or none.
    ///
    /// # Errors
    /// `NotFound`, `NotReady`.
    fn activate_generator<'a>(&'a self, id: &'a str) -> StoreFuture<'a, GeneratorRecord>;

    /// The generator.
    ///
    /// # Errors
    /// `NotFound`.
    fn generator<'a>(&'a self, id: &'a str) -> StoreFuture<'a, GeneratorRecord>;

    /// The generator that serves this base model, if one does.
    ///
    /// # Errors
    /// None of its own.
    fn active_generator<'a>(&'a self, base_digest: &'a str) -> StoreFuture<'a, Option<GeneratorRecord>>;

    /// All generators, the newest first.
    ///
    /// # Errors
    /// `InvalidCursor`.
    fn list_generators<'a>(&'a self, page: &'a PageRequest) -> StoreFuture<'a, Page<GeneratorRecord>>;
}

/// The jobs, and who works them off. Every change of state also appends an event of kind `state`.
pub trait JobStore: WorkerStore {
    /// Queues the job, or finds the one that its idempotency key made.
    ///
    /// # Errors
    /// `IdempotencyMismatch` where the tenant's key made a job with another kind or payload, `QueueFull`.
    fn enqueue_job<'a>(&'a self, job: &'a NewJob, now: OffsetDateTime) -> StoreFuture<'a, Enqueued>;

    /// Takes the job of these kinds with the highest priority, of its equals the oldest, that waits or whose worker let its
    /// lease run out. A job that waits for its children is taken once all of them have ended, or one not well. First it settles
    /// what lost workers left: jobs to be cancelled are cancelled, jobs without attempts left have failed.
    ///
    /// # Errors
    /// None of its own.
    fn claim_job<'a>(&'a self, request: ClaimRequest<'a>, now: OffsetDateTime) -> StoreFuture<'a, Option<JobRecord>>;

    /// Makes the lease last this long from now on and says whether the job still runs or is to stop.
    ///
    /// # Errors
    /// `StaleAttempt`.
    fn renew_job<'a>(&'a self, attempt: Attempt<'a>, lease: Duration) -> StoreFuture<'a, JobState>;

    /// Records what the worker says, in the job and as an event.
    ///
    /// # Errors
    /// `StaleAttempt`.
    fn update_job<'a>(
        &'a self,
        attempt: Attempt<'a>,
        update: &'a JobUpdate,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, JobEvent>;

    /// Ends the attempt. A failure that may be retried queues the job again while attempts are left; a job that
    /// was to stop is cancelled by any outcome but success. The children of a job that has ended are cancelled.
    ///
    /// # Errors
    /// `StaleAttempt`.
    fn finish_job<'a>(
        &'a self,
        attempt: Attempt<'a>,
        outcome: &'a Outcome,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, JobRecord>;

    /// Gives the job back to the queue without counting the attempt. A job that was to stop is cancelled.
    ///
    /// # Errors
    /// `StaleAttempt`.
    fn release_job<'a>(&'a self, attempt: Attempt<'a>, now: OffsetDateTime) -> StoreFuture<'a, JobRecord>;

    /// Queues those of the children that are not there yet, with the job's own priority and time limit, and gives the job
    /// back until they have ended, without counting the attempt. A job that was to stop is cancelled instead. A child cannot
    /// have children.
    ///
    /// # Errors
    /// `StaleAttempt`.
    fn fork_job<'a>(
        &'a self,
        attempt: Attempt<'a>,
        children: &'a [NewChild],
        now: OffsetDateTime,
    ) -> StoreFuture<'a, JobRecord>;

    /// Cancels a waiting job at once and asks a running one to stop, its children too; asking again changes nothing.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyFinished`.
    fn cancel_job<'a>(&'a self, id: &'a str, now: OffsetDateTime) -> StoreFuture<'a, JobRecord>;

    /// The job.
    ///
    /// # Errors
    /// `NotFound`.
    fn job<'a>(&'a self, id: &'a str) -> StoreFuture<'a, JobRecord>;

    /// The children of the job, by their ids.
    ///
    /// # Errors
    /// None of its own.
    fn children<'a>(&'a self, parent: &'a str) -> StoreFuture<'a, Vec<JobRecord>>;

    /// A tenant's jobs, the newest first.
    ///
    /// # Errors
    /// `InvalidCursor`.
    fn list_jobs<'a>(&'a self, filter: &'a JobFilter, page: &'a PageRequest) -> StoreFuture<'a, Page<JobRecord>>;

    /// At most `limit` of the job's events after this one, in order; 0 is before the first.
    ///
    /// # Errors
    /// `NotFound` where there is no such job.
    fn job_events<'a>(&'a self, id: &'a str, after: u64, limit: u32) -> StoreFuture<'a, Vec<JobEvent>>;

    /// How many jobs have not ended, and how old the oldest is that waits.
    ///
    /// # Errors
    /// None of its own.
    fn open_jobs(&self) -> StoreFuture<'_, OpenJobs>;

    /// Listens to what happens to jobs from now on. `None` where the database does not tell what other processes do;
    /// where it does, a change may still be left out, so whoever waits looks from time to time.
    fn job_changes(&self) -> Option<JobChanges>;
}

/// API keys, and what they used.
pub trait KeyStore: Send + Sync {
    /// Stores a new key.
    ///
    /// # Errors
    /// None of its own.
    fn insert_key<'a>(&'a self, key: &'a KeyRecord) -> StoreFuture<'a, ()>;

    /// Whether a key was ever stored, revoked and expired ones included.
    ///
    /// # Errors
    /// None of its own.
    fn has_keys(&self) -> StoreFuture<'_, bool>;

    /// The key that begins so, whatever has become of it.
    ///
    /// # Errors
    /// None of its own.
    fn key_of_prefix<'a>(&'a self, prefix: &'a str) -> StoreFuture<'a, Option<KeyRecord>>;

    /// The keys of this tenant, or of all, the newest first.
    ///
    /// # Errors
    /// `InvalidCursor`.
    fn list_keys<'a>(&'a self, tenant: Option<&'a str>, page: &'a PageRequest) -> StoreFuture<'a, Page<KeyRecord>>;

    /// Revokes a key of this tenant, or of any; one that was revoked before stays as it was.
    ///
    /// # Errors
    /// `NotFound`.
    fn revoke_key<'a>(
        &'a self,
        tenant: Option<&'a str>,
        id: &'a str,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, KeyRecord>;

    /// Notes that the key was used, unless that was noted less than a minute ago.
    ///
    /// # Errors
    /// None of its own.
    fn touch_key<'a>(&'a self, id: &'a str, now: OffsetDateTime) -> StoreFuture<'a, ()>;

    /// Counts an adapter that the key makes on this day, a number of days since the Unix epoch, unless it has made `limit`,
    /// at least 1, already; says whether it may.
    ///
    /// # Errors
    /// None of its own.
    fn take_adapter<'a>(&'a self, key: &'a str, day: i64, limit: u32) -> StoreFuture<'a, bool>;

    /// Takes the count of an adapter back that was not made.
    ///
    /// # Errors
    /// None of its own.
    fn give_adapter_back<'a>(&'a self, key: &'a str, day: i64) -> StoreFuture<'a, ()>;

    /// How long the jobs that the key queued ran between these two moments, in milliseconds: each from the beginning of its
    /// first attempt to its end.
    ///
    /// # Errors
    /// None of its own.
    fn trained_ms<'a>(&'a self, key: &'a str, since: OffsetDateTime, now: OffsetDateTime) -> StoreFuture<'a, u64>;
}

/// The processes that work jobs off.
pub trait WorkerStore: Send + Sync {
    /// Says that the worker is there, for so long from now on.
    ///
    /// # Errors
    /// None of its own.
    fn announce_worker<'a>(&'a self, worker: &'a WorkerRecord, lease: Duration) -> StoreFuture<'a, ()>;

    /// Says that the worker is gone.
    ///
    /// # Errors
    /// None of its own.
    fn retire_worker<'a>(&'a self, name: &'a str) -> StoreFuture<'a, ()>;

    /// The workers that are there, by their names.
    ///
    /// # Errors
    /// None of its own.
    fn workers(&self) -> StoreFuture<'_, Vec<WorkerRecord>>;
}

/// A JSON object with one entry.
pub(crate) fn object(key: &str, value: impl Into<Value>) -> Value {
    Value::Object([(key.to_owned(), value.into())].into_iter().collect())
}
