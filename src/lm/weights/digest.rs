//! The base digest.

use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::{Read, Result};

/// SHA-256 over named contents, each with its name and length. Long ones are streamed.
#[derive(Clone, Debug, Default)]
pub struct BaseDigest {
    hash: Sha256,
}

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

impl BaseDigest {
    /// Adds a content that is in memory.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        self.begin(name, bytes.len() as u64);
        self.hash.update(bytes);
    }

    /// Adds a content of `length` bytes from a reader.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn add_reader(&mut self, name: &str, length: u64, mut reader: impl Read) -> Result<()> {
        self.begin(name, length);
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk)? {
                0 => return Ok(()),
                read => self.hash.update(&chunk[..read]),
            }
        }
    }

    fn begin(&mut self, name: &str, length: u64) {
        self.hash.update((name.len() as u64).to_le_bytes());
        self.hash.update(name.as_bytes());
        self.hash.update(length.to_le_bytes());
    }

    /// The digest in hexadecimal digits.
    pub fn finish(self) -> String {
        self.hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
