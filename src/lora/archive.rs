//! An adapter's files in a tar, a gzipped tar or a zip, unpacked in memory.
//!
//! An archive is a stranger's: no declared size is believed, nothing is written to disk, and what an
//! adapter has no use for (links, paths that lead elsewhere, a second file of a name) is refused.

mod error;
mod gathered;

pub use error::ArchiveError;

use super::{Error, PeftFiles};
use flate2::read::MultiGzDecoder;
use gathered::Gathered;
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// The most entries of an archive: an adapter has two files, and a few that are for people.
const MAX_ENTRIES: usize = 64;
/// What a tar's headers and padding may add to its files.
const TAR_OVERHEAD: u64 = 1 << 20;

/// Reads `adapter_config.json` and `adapter_model.safetensors` from the root or the one folder of a tar,
/// a gzipped tar or a zip; its first bytes tell which it is. Other files are passed over. `limit` is the
/// most bytes that the two may have unpacked.
///
/// # Errors
/// [`Error::Archive`] says what is wrong with it; [`Error::Pickle`] where the weights are a pickle.
pub fn read_archive(bytes: &[u8], limit: u64) -> Result<PeftFiles, Error> {
    match bytes {
        [0x1f, 0x8b, ..] => {
            // All that comes out is counted, also what is passed over.
            let mut unpacked = MultiGzDecoder::new(bytes).take(limit.saturating_add(TAR_OVERHEAD));
            let files = read_tar(&mut unpacked, limit);
            if unpacked.limit() == 0 {
                return Err(ArchiveError::TooLarge { limit }.into());
            }
            files
        }
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => read_zip(bytes, limit),
        _ if bytes.get(257..262) == Some(b"ustar") => read_tar(bytes, limit),
        _ => Err(ArchiveError::Unknown.into()),
    }
}

fn read_tar(reader: impl Read, limit: u64) -> Result<PeftFiles, Error> {
    let mut gathered = Gathered::new(limit);
    let mut archive = tar::Archive::new(reader);
    for entry in archive.entries().map_err(ArchiveError::damaged)? {
        let mut entry = entry.map_err(ArchiveError::damaged)?;
        let kind = entry.header().entry_type();
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if kind.is_pax_global_extensions() {
            continue;
        }
        if !kind.is_file() && !kind.is_dir() {
            return Err(ArchiveError::Special { name }.into());
        }
        let size = entry.size();
        if let Some(file) = gathered.place(&name, kind.is_dir())? {
            gathered.read(file, &mut entry, Some(size))?;
        }
    }
    // What follows the last entry is read too: a gzip's checksum stands at its end.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(ArchiveError::damaged)?;
    gathered.files()
}

fn read_zip(bytes: &[u8], limit: u64) -> Result<PeftFiles, Error> {
    // The library reads the whole directory before it can be counted, so its entries are counted first; weights
    // hold these four bytes by chance too, so that a few more are let through.
    if bytes.windows(4).filter(|window| *window == b"PK\x01\x02").count() > 2 * MAX_ENTRIES {
        return Err(ArchiveError::ManyEntries { limit: MAX_ENTRIES }.into());
    }
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.has_duplicate_names() {
        return Err(ArchiveError::Repeated { name: "a file".to_owned() }.into());
    }
    let mut gathered = Gathered::new(limit);
    for index in 0..archive.len() {
        let (name, is_dir, is_link, encrypted) = {
            let entry = archive.by_index_data(index).map_err(damaged)?;
            let name = entry.name().map_err(damaged)?.into_owned();
            (name, entry.is_dir(), entry.is_symlink(), entry.encrypted())
        };
        if is_link {
            return Err(ArchiveError::Special { name }.into());
        }
        if encrypted {
            return Err(ArchiveError::Encrypted { name }.into());
        }
        if let Some(file) = gathered.place(&name, is_dir)? {
            gathered.read(file, &mut archive.by_index(index).map_err(damaged)?, None)?;
        }
    }
    gathered.files()
}

fn damaged(error: ZipError) -> ArchiveError {
    ArchiveError::Damaged { reason: error.to_string() }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
