//! Base models from the Hugging Face hub.
//!
//! [`fetch`] brings a model's files into the hub's standard cache, which huggingface_hub shares:
//!
//! ```text
//! models--org--name/
//!   refs/main                       the commit that a branch was at, when last asked
//!   blobs/<etag>                    the files' contents: sha256 of large files, git's blob id of small ones
//!   blobs/<etag>.incomplete         what there is of an interrupted download
//!   snapshots/<commit>/<file>       links to the blobs
//! ```
//!
//! Nothing that the hub says becomes a path unchecked, and weights are never pickles, which could run code.
//! Without the cargo feature `hub` the same functions answer [`Error::NotBuilt`].

mod error;
mod model;
mod options;

#[cfg(feature = "hub")]
mod cache;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod download;
#[cfg(feature = "hub")]
mod fetch;
#[cfg(feature = "hub")]
mod plan;
#[cfg(feature = "hub")]
mod retry;
#[cfg(test)]
#[cfg(feature = "hub")]
mod tests;

pub use error::Error;
pub use model::HubModel;
pub use options::HubOptions;

use std::path::PathBuf;
use std::sync::Arc;

/// What has been fetched, in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downloaded {
    /// The snapshot's folder: `config.json`, `tokenizer.json`, safetensors.
    Directory(PathBuf),
    /// One GGUF file.
    Gguf(PathBuf),
}

/// Is told how a download goes on. Files run side by side, so the calls of several files interleave.
pub trait DownloadProgress: Send + Sync {
    /// A file's transfer begins; a file that is in the cache already is not mentioned.
    fn file(&self, name: &str, bytes: Option<u64>);
    /// So many more bytes are there, of any of the files. What an earlier download left counts at once.
    fn advanced(&self, bytes: u64);
    /// A file is complete and verified.
    fn finished(&self, name: &str);
}

/// Tells nobody.
impl DownloadProgress for () {
    fn file(&self, _name: &str, _bytes: Option<u64>) {}
    fn advanced(&self, _bytes: u64) {}
    fn finished(&self, _name: &str) {}
}

/// Brings a model into the cache, or finds it there.
///
/// The hub is asked for the revision's commit each time, unless `options.offline`; files that the cache has are
/// not transferred again. Where the hub cannot be reached, a model that is wholly in the cache is used. An
/// interrupted transfer goes on where it stopped.
///
/// # Errors
/// Each variant of [`Error`] names its cause and the mend.
#[cfg(feature = "hub")]
pub async fn fetch(
    model: &HubModel,
    options: &HubOptions,
    progress: Arc<dyn DownloadProgress>,
) -> Result<Downloaded, Error> {
    fetch::fetch(model, options, &*progress).await
}

/// Answers that this build cannot.
///
/// # Errors
/// [`Error::NotBuilt`].
#[cfg(not(feature = "hub"))]
pub async fn fetch(
    _model: &HubModel,
    _options: &HubOptions,
    _progress: Arc<dyn DownloadProgress>,
) -> Result<Downloaded, Error> {
    Err(Error::NotBuilt)
}
