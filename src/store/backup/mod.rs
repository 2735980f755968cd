//! A whole instance in one file, and back: the rows of every table and all artifacts that they name, from and to whichever
//! database and place for artifacts.
//!
//! ```text
//! FILE, a gzipped tar
//!   attune-backup.json              format, version of attune, schema
//!   rows/adapters/000000.jsonl      rows as JSON objects, some 1 MiB an entry, parents before their children
//!   …
//!   artifacts/abcdef…               whole artifacts by their digest
//!   manifest.json                   how much of each there is, and its digest
//! ```
//!
//! - The rows are those of one moment: one transaction reads them all. The artifacts are read afterwards; one whose record
//!   goes meanwhile stays there for the grace period of collections.
//! - Neither direction holds more than a few entries in memory. Files are read and written by a thread of their own, which
//!   the database and the artifacts meet at a bounded channel.
//! - A backup is written beside its file and renamed when all of it is on the disk. A restore reads the file to its end and
//!   puts the artifacts before it writes a row, and writes all rows in one transaction: a damaged file leaves no record behind.
//! - Checkpoints of running jobs and trajectories are not in it: both are made anew.

mod error;
mod format;
mod reader;
mod rows;
mod writer;

pub use error::{BackupError, Damage};
pub use format::{Contents, Head, Manifest, Tally};
#[cfg(test)]
pub(in crate::store) use rows::PASSING;
pub use rows::{RowBatch, TABLES};

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::artifacts::{ArtifactError, Artifacts};
use super::error::StoreError;
use super::repository::Store;
use format::FORMAT;
use reader::Wanted;

/// Artifacts that are read or put at once: on S3 each takes some tens of milliseconds.
const AT_ONCE: usize = 4;
/// Parts that wait between the file and the stores.
const WAITING: usize = 2;

/// What a backup is made of.
#[derive(Debug)]
enum Part {
    Rows(RowBatch),
    Artifact {
        digest: String,
        bytes: Bytes,
    },
    /// All was sent. Without it the writer gives up.
    End,
}

/// The parts of a file that is read.
type Parts = ReceiverStream<Result<Part, BackupError>>;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is being done: `rows` or `artifacts`.
    pub phase: &'static str,
    /// How many of them are done.
    pub done: u64,
    /// How many there are; 0 where that is not known.
    pub total: u64,
}

/// Is told how far it is, now and then.
pub type Progress<'a> = &'a (dyn Fn(Step) + Send + Sync);

/// Writes all that the two stores hold into a new file, while others may go on reading and writing.
///
/// # Errors
/// `Exists`; `File`; those of the stores.
pub async fn backup(
    (store, artifacts): (&dyn Store, &Artifacts),
    file: &Path,
    created_at: OffsetDateTime,
    progress: Progress<'_>,
) -> Result<Manifest, BackupError> {
    let attune = env!("CARGO_PKG_VERSION").to_owned();
    let head = Head { format: FORMAT, attune, schema: store.schema().await?, created_at };
    let (parts, received) = mpsc::channel(WAITING);
    let path = file.to_owned();
    let writer = tokio::task::spawn_blocking(move || writer::write(&path, &head, received));
    let sent = send_all((store, artifacts), parts, progress).await;
    let written = joined(file, writer.await)?;
    // A writer that failed is why the sending ended; where it gave up, the sending tells why.
    match (written?, sent) {
        (Some(manifest), _) => Ok(manifest),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => {
            Err(BackupError::File { path: file.to_owned(), source: std::io::ErrorKind::BrokenPipe.into() })
        }
    }
}

/// Sends rows, artifacts and the end, until nobody takes them any more.
async fn send_all(
    (store, artifacts): (&dyn Store, &Artifacts),
    parts: mpsc::Sender<Part>,
    progress: Progress<'_>,
) -> Result<(), BackupError> {
    let Some(named) = send_rows(store, &parts, progress).await? else { return Ok(()) };
    let total = named.len() as u64;
    let read = |digest: String| async {
        let bytes = artifacts.get(&digest).await?;
        Ok::<_, ArtifactError>(Part::Artifact { digest, bytes })
    };
    let mut read = stream::iter(named).map(read).buffered(AT_ONCE).enumerate();
    while let Some((index, part)) = read.next().await {
        if parts.send(part?).await.is_err() {
            return Ok(());
        }
        progress(Step { phase: "artifacts", done: index as u64 + 1, total });
    }
    // Whether anybody takes it, the writer says.
    let _ = parts.send(Part::End).await;
    Ok(())
}

/// Sends all rows; gives the digests that they name, or nothing where nobody takes them.
async fn send_rows(
    store: &dyn Store,
    parts: &mpsc::Sender<Part>,
    progress: Progress<'_>,
) -> Result<Option<BTreeSet<String>>, BackupError> {
    let (rows, mut batches) = mpsc::channel::<RowBatch>(WAITING);
    let pass_on = async move {
        let (mut named, mut done) = (BTreeSet::new(), 0);
        while let Some(batch) = batches.recv().await {
            named.extend(batch.artifacts()?);
            done += batch.rows();
            if parts.send(Part::Rows(batch)).await.is_err() {
                return Ok(None);
            }
            progress(Step { phase: "rows", done, total: 0 });
        }
        Ok(Some(named))
    };
    let (dumped, passed) = tokio::join!(store.dump_rows(rows), pass_on);
    dumped?;
    passed
}

/// Fills the two stores from a backup. The database must be empty; artifacts may be there.
///
/// # Errors
/// `Store` with `NotEmpty`; `NotABackup`, `Format`, `Schema` and `Damaged` say what is wrong with the file; `File`; those of
/// the stores. Artifacts that were put until then stay, and are collected after a while.
pub async fn restore(
    (store, artifacts): (&dyn Store, &Artifacts),
    file: &Path,
    progress: Progress<'_>,
) -> Result<Contents, BackupError> {
    // Nothing fills an empty database alone: what is refused is refused before a long file is read.
    store.fill_rows(stream::empty().boxed()).await?;
    let schema = store.schema().await?;
    let (parts, read) = read_parts(file, Wanted::Artifacts, schema);
    let done = std::sync::atomic::AtomicU64::new(0);
    parts
        .try_for_each_concurrent(AT_ONCE, |part| async {
            let Part::Artifact { digest, bytes } = part else { return Ok(()) };
            match artifacts.put(bytes).await? {
                put if put == digest => {}
                _ => return Err(BackupError::damaged(file, Damage::Artifact { digest })),
            }
            let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            progress(Step { phase: "artifacts", done, total: 0 });
            Ok(())
        })
        .await?;
    let contents = read.await?.ok_or_else(|| BackupError::damaged(file, Damage::Short))?;
    let total = contents.manifest.rows();
    let (parts, read) = read_parts(file, Wanted::Rows, schema);
    let mut done = 0;
    let rows = parts.map_err(|error| StoreError::Rows(error.into())).try_filter_map(|part| {
        std::future::ready(Ok(match part {
            Part::Rows(batch) => Some(batch),
            Part::Artifact { .. } | Part::End => None,
        }))
    });
    let rows = rows.inspect_ok(|batch| {
        done += batch.rows();
        progress(Step { phase: "rows", done, total });
    });
    store.fill_rows(rows.boxed()).await?;
    read.await?;
    Ok(contents)
}

/// The parts of the file that are wanted, and what it says of itself once they were all taken.
fn read_parts(
    file: &Path,
    wanted: Wanted,
    schema: i64,
) -> (Parts, impl Future<Output = Result<Option<Contents>, BackupError>> + Send + use<>) {
    let (parts, received) = mpsc::channel(WAITING);
    let path = file.to_owned();
    let reading = tokio::task::spawn_blocking(move || reader::read(&path, (wanted, schema), &parts));
    let path = file.to_owned();
    (ReceiverStream::new(received), reading.map(move |read| joined(&path, read)))
}

/// What a thread gave that was neither cancelled nor panicked.
fn joined<T>(file: &Path, joined: Result<T, tokio::task::JoinError>) -> Result<T, BackupError> {
    joined.map_err(|error| BackupError::File { path: file.to_owned(), source: std::io::Error::other(error) })
}
