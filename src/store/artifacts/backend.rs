//! What a place for artifacts must be able to do: whole blobs by key. It knows nothing of digests.

use std::fmt;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;

use super::error::ArtifactError;

/// What a backend's method gives.
pub(super) type BackendFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ArtifactError>> + Send + 'a>>;

/// A blob that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    /// Its key: names with `/` between.
    pub(super) key: String,
    /// Its size.
    pub(super) bytes: u64,
    /// When it was written or moved last.
    pub(super) modified: SystemTime,
}

/// A place for blobs. A reader sees the whole of a blob or none of it, also after a crash of its writer. Every method may
/// fail with `DiskFull`, `Io` or `Away`; one that fails may have had its effect.
pub(super) trait Backend: fmt::Debug + Send + Sync {
    /// The blob; `None` where there is none.
    fn read<'a>(&'a self, key: &'a str) -> BackendFuture<'a, Option<Bytes>>;

    /// The blob's size; `None` where there is none.
    fn size<'a>(&'a self, key: &'a str) -> BackendFuture<'a, Option<u64>>;

    /// Stores the blob in place of any other. It is as young as one that is new, also where it was there before.
    fn write<'a>(&'a self, key: &'a str, bytes: Bytes) -> BackendFuture<'a, ()>;

    /// Moves the blob, which is new there, and says whether there was one. At no time is it in neither place.
    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> BackendFuture<'a, bool>;

    /// Removes the blob where there is one.
    fn delete<'a>(&'a self, key: &'a str) -> BackendFuture<'a, ()>;

    /// All blobs below the folder, of which `""` is the root, in any order. One that is written or deleted meanwhile may be
    /// left out.
    fn list<'a>(&'a self, folder: &'a str) -> BackendFuture<'a, Vec<Stored>>;

    /// Removes what writers that died before `before` left half written.
    fn tidy(&self, before: SystemTime) -> BackendFuture<'_, ()>;

    /// Where a blob lies, for an error's reader.
    fn place(&self, key: &str) -> String;
}
