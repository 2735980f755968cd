//! Reads a backup's file, on a thread that may wait for the disk, and holds it against its manifest.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::Part;
use super::error::{BackupError, Damage};
use super::format::{Contents, Counting, Entry, FORMAT, HEAD, Head, Manifest};
use super::rows::RowBatch;
use crate::store::artifacts::sha256_hex;

/// Which parts are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The artifacts; and all of the file is checked.
    Artifacts,
    /// The rows, which stand before the artifacts: the rest is not read.
    Rows,
}

/// Sends the wanted parts, and the error where it ends with one. Gives what the file says of itself where it was read to
/// its end.
pub(super) fn read(
    path: &Path,
    wanted: (Wanted, i64),
    to: &mpsc::Sender<Result<Part, BackupError>>,
) -> Option<Contents> {
    match read_file(path, wanted, to) {
        Ok(contents) => contents,
        Err(error) => {
            // Where nobody listens any more, another error came first.
            let _ = to.blocking_send(Err(error));
            None
        }
    }
}

fn read_file(
    path: &Path,
    (wanted, schema): (Wanted, i64),
    to: &mpsc::Sender<Result<Part, BackupError>>,
) -> Result<Option<Contents>, BackupError> {
    let file = File::open(path).map_err(|source| BackupError::File { path: path.to_owned(), source })?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    let mut entries = Entries { path, entries: archive.entries().map_err(|_| not_a_backup(path))? };
    let head = entries.head(schema)?;
    let mut check = Check { path, counting: Counting::default(), named: BTreeSet::new() };
    while let Some((name, bytes)) = entries.next()? {
        let part = match Entry::of(&name) {
            Some(Entry::Rows(table)) => Part::Rows(check.rows(&name, RowBatch::of_lines(table, bytes))?),
            Some(Entry::Artifact(_) | Entry::Manifest) if wanted == Wanted::Rows => return Ok(None),
            Some(Entry::Artifact(digest)) => check.artifact(digest, bytes)?,
            Some(Entry::Manifest) => {
                let manifest = json(path, &name, &bytes)?;
                check.finish(&manifest)?;
                entries.end()?;
                // What follows is the checksum of the packed file.
                let rest = std::io::copy(&mut archive.into_inner(), &mut std::io::sink());
                rest.map_err(|error| BackupError::reading(path, error))?;
                return Ok(Some(Contents { head, manifest }));
            }
            None => return Err(BackupError::damaged(path, Damage::Entry { name })),
        };
        let send = match part {
            Part::Rows(_) => wanted == Wanted::Rows,
            Part::Artifact { .. } | Part::End => true,
        };
        if send && to.blocking_send(Ok(part)).is_err() {
            return Ok(None);
        }
    }
    Err(BackupError::damaged(path, Damage::Short))
}

/// The entries of an archive, each read whole.
struct Entries<'a, R: Read> {
    path: &'a Path,
    entries: tar::Entries<'a, R>,
}

impl<R: Read> Entries<'_, R> {
    /// The first entry, by which a backup is known.
    fn head(&mut self, schema: i64) -> Result<Head, BackupError> {
        let path = self.path;
        let (name, bytes) = match self.next() {
            Ok(Some(entry)) => entry,
            Err(error @ BackupError::File { .. }) => return Err(error),
            Ok(None) | Err(_) => return Err(not_a_backup(path)),
        };
        if name != HEAD {
            return Err(not_a_backup(path));
        }
        let head: Head = json(path, &name, &bytes)?;
        if head.format != FORMAT {
            return Err(BackupError::Format { found: head.format, supported: FORMAT, attune: head.attune });
        }
        if head.schema != schema {
            return Err(BackupError::Schema { found: head.schema, supported: schema, attune: head.attune });
        }
        Ok(head)
    }

    fn next(&mut self) -> Result<Option<(String, Vec<u8>)>, BackupError> {
        let read = |entry: std::io::Result<tar::Entry<'_, R>>| {
            let mut entry = entry?;
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            // What the entry says of its size is not believed: the buffer grows with what comes.
            let mut bytes = Vec::new();
            let (size, read) = (entry.size(), entry.read_to_end(&mut bytes)?);
            if read as u64 != size {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            Ok((name, bytes))
        };
        self.entries.next().map(read).transpose().map_err(|error| BackupError::reading(self.path, error))
    }

    /// Nothing comes behind the manifest.
    fn end(&mut self) -> Result<(), BackupError> {
        match self.next()? {
            None => Ok(()),
            Some((name, _)) => Err(BackupError::damaged(self.path, Damage::Entry { name })),
        }
    }
}

/// What was read so far, to be held against the manifest.
struct Check<'a> {
    path: &'a Path,
    counting: Counting,
    /// The digests that rows named and no artifact was read for.
    named: BTreeSet<String>,
}

impl Check<'_> {
    fn rows(&mut self, name: &str, batch: RowBatch) -> Result<RowBatch, BackupError> {
        let invalid = |source| BackupError::damaged(self.path, Damage::Json { name: name.to_owned(), source });
        self.named.extend(batch.artifacts().map_err(invalid)?);
        self.counting.rows(&batch);
        Ok(batch)
    }

    fn artifact(&mut self, digest: String, bytes: Vec<u8>) -> Result<Part, BackupError> {
        if sha256_hex(&bytes) != digest {
            return Err(BackupError::damaged(self.path, Damage::Artifact { digest }));
        }
        self.named.remove(&digest);
        self.counting.artifact(&digest, bytes.len() as u64);
        Ok(Part::Artifact { digest, bytes: bytes.into() })
    }

    fn finish(self, manifest: &Manifest) -> Result<(), BackupError> {
        let Self { path, counting, named } = self;
        let found = counting.finish();
        let wrong = super::TABLES.into_iter().find(|table| found.tables.get(*table) != manifest.tables.get(*table));
        let damage = match (wrong, named.into_iter().next()) {
            (Some(table), _) => Damage::Rows { table },
            (None, Some(digest)) => Damage::Missing { digest },
            (None, None) if found != *manifest => Damage::Artifacts,
            (None, None) => return Ok(()),
        };
        Err(BackupError::damaged(path, damage))
    }
}

fn not_a_backup(path: &Path) -> BackupError {
    BackupError::NotABackup { path: path.to_owned() }
}

fn json<T: DeserializeOwned>(path: &Path, name: &str, bytes: &[u8]) -> Result<T, BackupError> {
    let invalid = |source| BackupError::damaged(path, Damage::Json { name: name.to_owned(), source });
    serde_json::from_slice(bytes).map_err(invalid)
}
