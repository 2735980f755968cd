//! Why a model cannot be had from the hub.

use std::path::PathBuf;

/// An error of the hub, of its cache, or of what it holds; each tells the mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The build left the hub out.
    #[error("this build has no Hugging Face hub: build with --features hub, or give a directory or a GGUF file")]
    NotBuilt,
    /// A name that is no model of the hub.
    #[error(
        "{text:?} is no model of the hub: {problem}; write org/name, org/name@revision, org/name/file.gguf or org/name@revision/file.gguf"
    )]
    Name {
        /// The name.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An endpoint or token that cannot be used.
    #[error("{variable} {problem}")]
    Option {
        /// The environment variable that sets it.
        variable: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No such repository.
    #[error("{endpoint} has no model {id}, or hides it: check the spelling; for a private model set HF_TOKEN")]
    NotFound {
        /// The model.
        id: String,
        /// The hub.
        endpoint: String,
    },
    /// No such branch, tag or commit.
    #[error("the model {id} has no revision {revision:?}: see {endpoint}/{id}/tree/main for its branches and tags")]
    Revision {
        /// The model.
        id: String,
        /// What was asked for.
        revision: String,
        /// The hub.
        endpoint: String,
    },
    /// A gated or private repository.
    #[error(
        "the hub denies {id} ({status}): accept its licence at {endpoint}/{id} and set HF_TOKEN to a token of that account (from {endpoint}/settings/tokens)"
    )]
    Denied {
        /// The model.
        id: String,
        /// The hub.
        endpoint: String,
        /// 401 or 403.
        status: u16,
    },
    /// A file that the repository does not have.
    #[error("the model {id} at {revision} has no file {file}; {hint}")]
    NoFile {
        /// The model.
        id: String,
        /// Its revision.
        revision: String,
        /// The file.
        file: String,
        /// What to do.
        hint: String,
    },
    /// Weights as pickles only.
    #[error(
        "the model {id} at {revision} has its weights only as pickles ({file}), which can run code and are never loaded: \
         choose a revision with safetensors (the hub's converter opens them as refs/pr/N), \
         or convert it with save_pretrained of transformers and give the directory"
    )]
    Pickle {
        /// The model.
        id: String,
        /// Its revision.
        revision: String,
        /// One of them.
        file: String,
    },
    /// A file name from an index that would lead elsewhere.
    #[error(
        "model.safetensors.index.json of {id} names {name:?}, which is no safetensors file beside it: the repository is broken or hostile"
    )]
    UnsafeName {
        /// The model.
        id: String,
        /// The name.
        name: String,
    },
    /// An index that is none.
    #[error("model.safetensors.index.json of {id} is not valid: {reason}")]
    Index {
        /// The model.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Offline, and not in the cache.
    #[error(
        "{id} at {revision} is not in the cache {} ({missing} is missing) and the hub is switched off: \
         fetch it once without HF_HUB_OFFLINE, or copy its cache folder from a machine that has it",
        cache.display()
    )]
    Offline {
        /// The model.
        id: String,
        /// Its revision.
        revision: String,
        /// The cache's folder.
        cache: PathBuf,
        /// The first file that is not there.
        missing: String,
    },
    /// The hub does not answer, or stops answering.
    #[error(
        "no connection to the hub for {url} after {attempts} attempts: {reason}; check the network, the proxy and HF_ENDPOINT, then try again: what has arrived is kept"
    )]
    Connection {
        /// What was asked for.
        url: String,
        /// How often in a row, without a byte of progress.
        attempts: u32,
        /// Why the last one failed.
        reason: String,
    },
    /// A status that is none of the above.
    #[error("the hub answers {status} for {url}: check HF_ENDPOINT")]
    Status {
        /// What was asked for.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// An answer that is not of the hub's form.
    #[error("the hub's answer for {url} makes no sense ({problem}): check HF_ENDPOINT and the proxy")]
    Answer {
        /// What was asked for.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Content that is not what the hub announced.
    #[error("{file} of {id} arrives damaged (its {what} is wrong, twice): check the proxy, then try again")]
    Damaged {
        /// The model.
        id: String,
        /// The file.
        file: String,
        /// Size or sha256.
        what: &'static str,
    },
    /// The cache's disk is full.
    #[error("the disk of {} is full: free some space or move the cache with HF_HUB_CACHE, then try again: what has arrived is kept", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// No place for the cache.
    #[error("there is no home directory for the cache: set HF_HUB_CACHE to a folder")]
    NoCache,
    /// The cache cannot be read or written.
    #[error("cannot use the cache at {}: {source}; another folder can be set with HF_HUB_CACHE", path.display())]
    Cache {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl Error {
    /// An error of a file in the cache.
    #[cfg(feature = "hub")]
    pub(super) fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match source.kind() {
            StorageFull | QuotaExceeded => Self::DiskFull { path: path.to_owned() },
            _ => Self::Cache { path: path.to_owned(), source },
        }
    }
}
