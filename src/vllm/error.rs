//! Why vLLM does not do what it is asked.

use crate::engine;
use std::path::PathBuf;

/// An error of vLLM's part. Texts name no address: they are shown to callers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address.
    #[error("the address of vLLM {problem}")]
    Url {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It cannot be used now; whoever runs the servers can mend it.
    #[error("{reason}")]
    Away {
        /// Why.
        reason: String,
    },
    /// It knows no model of this name.
    #[error("vLLM knows no model of this name")]
    UnknownModel,
    /// It says no to what the caller asks for.
    #[error("vLLM refuses the request: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
    /// It does not load the adapter.
    #[error("vLLM does not load this adapter: {reason}")]
    Adapter {
        /// Its words, or what it is known not to do.
        reason: String,
    },
    /// The folder that both see.
    #[error("the folder of adapters, {}: {reason}", path.display())]
    Folder {
        /// What could not be written, read or removed.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Error {
    pub(super) fn away(reason: impl Into<String>) -> Self {
        Self::Away { reason: reason.into() }
    }

    pub(super) fn folder(path: &std::path::Path, error: &dyn std::fmt::Display) -> Self {
        Self::Folder { path: path.to_owned(), reason: error.to_string() }
    }

    /// As the error of a request to an engine.
    pub(super) fn of_request(self) -> engine::Error {
        match self {
            Self::Refused { reason } => engine::Error::Refused { reason },
            other => engine::Error::Away { reason: other.to_string() },
        }
    }
}
