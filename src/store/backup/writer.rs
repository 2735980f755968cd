//! Writes a backup's file, on a thread that may wait for the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;

use super::Part;
use super::error::BackupError;
use super::format::{Counting, HEAD, Head, MANIFEST, Manifest};

/// Writes the parts as they come. `None` where they end before their end: nothing is left behind then.
///
/// # Errors
/// `Exists`, `File`.
pub(super) fn write(
    path: &Path,
    head: &Head,
    mut parts: mpsc::Receiver<Part>,
) -> Result<Option<Manifest>, BackupError> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(BackupError::Exists { path: path.to_owned() });
    }
    let at = |source| BackupError::File { path: path.to_owned(), source };
    let (unfinished, file) = Unfinished::beside(path).map_err(at)?;
    let mut entries = Entries(Builder::new(GzEncoder::new(BufWriter::new(file), Compression::fast())));
    let (mut counting, mut number) = (Counting::default(), 0);
    entries.json(HEAD, head).map_err(at)?;
    loop {
        match parts.blocking_recv() {
            Some(Part::Rows(batch)) => {
                counting.rows(&batch);
                let name = format!("rows/{}/{number:06}.jsonl", batch.table());
                entries.append(&name, batch.lines()).map_err(at)?;
                number += 1;
            }
            Some(Part::Artifact { digest, bytes }) => {
                counting.artifact(&digest, bytes.len() as u64);
                entries.append(&format!("artifacts/{digest}"), &bytes).map_err(at)?;
            }
            Some(Part::End) => break,
            None => return Ok(None),
        }
    }
    let manifest = counting.finish();
    entries.json(MANIFEST, &manifest).map_err(at)?;
    entries.finish().and_then(|()| unfinished.publish(path)).map_err(at)?;
    Ok(Some(manifest))
}

struct Entries(Builder<GzEncoder<BufWriter<File>>>);

impl Entries {
    fn json(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.append(name, &serde_json::to_vec_pretty(value)?)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        self.0.append_data(&mut header, name, bytes)
    }

    /// All bytes are on the disk afterwards.
    fn finish(self) -> io::Result<()> {
        let mut file = self.0.into_inner()?.finish()?;
        file.flush()?;
        file.get_ref().sync_all()
    }
}

/// A file that is being written. It goes with this value, unless it was published.
struct Unfinished(PathBuf);

impl Unfinished {
    /// A new file in the same folder, which others on the machine cannot read: it holds what tenants said.
    fn beside(path: &Path) -> io::Result<(Self, File)> {
        let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
        name.push(format!(".{}.unfinished", std::process::id()));
        let path = path.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        Ok((Self(path), file))
    }

    fn publish(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.0, path)?;
        // The rename itself is on the disk only when its folder is. Some systems cannot do that for a folder.
        match path.parent() {
            Some(folder) if cfg!(unix) => {
                let here = Path::new(".");
                File::open(if folder.as_os_str().is_empty() { here } else { folder })?.sync_all()
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After a publication there is nothing to remove.
        let _ = fs::remove_file(&self.0);
    }
}
