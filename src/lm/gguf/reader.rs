//! Reads little endian numbers and texts, and never believes a length that the file cannot hold.

use super::Error;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

/// The room that is made before any byte of an announced list has been seen.
const FIRST_RESERVE: usize = 1 << 16;

/// A file from its first byte on, and how much of it is left.
pub(super) struct Reader<R> {
    inner: BufReader<R>,
    position: u64,
    length: u64,
}

impl<R: Read + Seek> Reader<R> {
    /// Begins at the first byte of a file of `length` bytes.
    pub(super) fn new(mut inner: R, length: u64) -> Result<Self, Error> {
        inner.seek(SeekFrom::Start(0)).map_err(|source| Error::Read { source })?;
        Ok(Self { inner: BufReader::new(inner), position: 0, length })
    }

    /// Bytes that have been read.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Checks an announced count against the bytes that are left, `each` the least that one takes.
    pub(super) fn check_count(&self, what: &'static str, count: u64, each: u64) -> Result<usize, Error> {
        let needed = count.saturating_mul(each);
        let left = self.length - self.position;
        match usize::try_from(count) {
            Ok(count) if needed <= left => Ok(count),
            _ => Err(Error::Truncated { what, needed, left }),
        }
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Error> {
        self.check_count(what, N as u64, 1)?;
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes).map_err(|source| self.cut_off(source, what, N as u64))?;
        self.position += N as u64;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, what: &'static str) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub(super) fn u64(&mut self, what: &'static str) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, what: &'static str, count: u64) -> Result<Vec<u8>, Error> {
        let size = self.check_count(what, count, 1)?;
        let mut bytes = Vec::with_capacity(size.min(FIRST_RESERVE));
        let read = self.inner.by_ref().take(count).read_to_end(&mut bytes);
        let read = read.map_err(|source| Error::Read { source })? as u64;
        self.position += read;
        match read == count {
            true => Ok(bytes),
            false => Err(Error::Truncated { what, needed: count, left: read }),
        }
    }

    /// A text behind its length.
    pub(super) fn text(&mut self, what: &'static str) -> Result<String, Error> {
        let count = self.u64(what)?;
        String::from_utf8(self.bytes(what, count)?).map_err(|_| Error::NotText { what })
    }

    /// A text of at most `limit` bytes behind its length.
    pub(super) fn name(&mut self, what: &'static str, limit: u64) -> Result<String, Error> {
        let bytes = self.u64(what)?;
        if bytes > limit {
            return Err(Error::NameLength { what, bytes, limit });
        }
        String::from_utf8(self.bytes(what, bytes)?).map_err(|_| Error::NotText { what })
    }

    /// `count` texts, each behind its length.
    pub(super) fn texts(&mut self, what: &'static str, count: u64) -> Result<Vec<String>, Error> {
        let count = self.check_count(what, count, 8)?;
        let mut texts = Vec::with_capacity(count.min(FIRST_RESERVE));
        for _ in 0..count {
            texts.push(self.text(what)?);
        }
        Ok(texts)
    }

    /// A file that is shorter than its length said is cut off, too.
    fn cut_off(&self, source: std::io::Error, what: &'static str, needed: u64) -> Error {
        match source.kind() {
            ErrorKind::UnexpectedEof => Error::Truncated { what, needed, left: 0 },
            _ => Error::Read { source },
        }
    }
}
