//! Why an archive is refused.

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// None of the three kinds.
    #[error("the archive is no tar, gzipped tar or zip")]
    Unknown,
    /// It cannot be unpacked.
    #[error("the archive is damaged or cut short: {reason}")]
    Damaged {
        /// The library's reason.
        reason: String,
    },
    /// It lacks a file.
    #[error("the archive has no {name}, neither at its root nor in the one folder of it")]
    Missing {
        /// Which.
        name: &'static str,
    },
    /// Two files of one name, or adapters in two places.
    #[error("the archive has {name} twice; pack one adapter alone")]
    Repeated {
        /// The file.
        name: String,
    },
    /// A path that leads out of the archive.
    #[error("the archive's entry {name} has a path that is absolute or leads out of the archive")]
    Path {
        /// The path.
        name: String,
    },
    /// A link, a device or another thing that is neither file nor folder.
    #[error("the archive's entry {name} is a link or a special file; pack files alone")]
    Special {
        /// Its path.
        name: String,
    },
    /// It needs a password.
    #[error("the archive's entry {name} is encrypted; pack it without a password")]
    Encrypted {
        /// Its path.
        name: String,
    },
    /// Too many entries.
    #[error("the archive has more than {limit} entries; pack the adapter's directory alone")]
    ManyEntries {
        /// How many are accepted.
        limit: usize,
    },
    /// Too many bytes.
    #[error("the archive unpacks to more than the {limit} bytes that are accepted")]
    TooLarge {
        /// How many are accepted.
        limit: u64,
    },
}

impl ArchiveError {
    /// An error of a reader.
    pub(super) fn damaged(error: std::io::Error) -> Self {
        Self::Damaged { reason: error.to_string() }
    }
}
