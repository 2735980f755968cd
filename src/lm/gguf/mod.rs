//! GGUF files, as llama.cpp writes them: a base model's configuration, tokenizer and tensors in one file.
//!
//! A file is hostile until it has been read: every count is checked against the bytes that are left
//! before room is made for it, and every tensor has its place in the file, alone. Versions 2 and 3,
//! little endian. Only the header is read; the tensors' data is the loader's.
//!
//! What llama.cpp's converter did is undone in three places: names and keys are turned back into
//! Hugging Face's ([`GgufFile::config`], [`GgufFile::tokenizer`]), and [`Transform`] says what was
//! done to a tensor's rows or values.

mod config;
mod error;
mod metadata;
mod names;
mod reader;
mod rope;
mod tensor;
#[cfg(test)]
mod test_file;
mod tokenizer;
mod transform;

pub use error::Error;
pub use metadata::Metadata;
pub use names::Architecture;
pub use tensor::{GgmlType, GgufTensor};
pub use tokenizer::SpecialTokens;
pub use transform::{Transform, unpermute_rows};

use reader::Reader;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use tensor::DataRegion;

/// The alignment of files that do not say.
const DEFAULT_ALIGNMENT: u64 = 32;

/// The header of a GGUF file.
#[derive(Clone, Debug)]
pub struct GgufFile {
    path: Option<PathBuf>,
    metadata: Metadata,
    tensors: Vec<GgufTensor>,
    /// Places in `tensors` by names.
    places: HashMap<String, usize>,
}

impl GgufFile {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// [`Error`] names what cannot be read, or what cannot be.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let refuse = |source| Error::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(refuse)?;
        let length = file.metadata().map_err(refuse)?.len();
        Ok(Self { path: Some(path.to_owned()), ..Self::parse(file, length)? })
    }

    /// Reads the header of a file of `length` bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn parse<R: Read + Seek>(reader: R, length: u64) -> Result<Self, Error> {
        let mut reader = Reader::new(reader, length)?;
        check_version(&mut reader)?;
        let tensor_count = reader.u64("the number of tensors")?;
        let metadata_count = reader.u64("the number of metadata entries")?;
        let metadata = Metadata::read(&mut reader, metadata_count)?;
        let mut tensors = tensor::read_tensors(&mut reader, tensor_count)?;
        let alignment = alignment(&metadata)?;
        // A position that is too large to be rounded up is beyond any file's end, as u64::MAX is.
        let begin = reader.position().checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
        let places = tensor::place_tensors(&mut tensors, &DataRegion { begin, end: length, alignment })?;
        Ok(Self { path: None, metadata, tensors, places })
    }

    /// Where the file is, if it was opened by its path.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What the file says about the model.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The model's family.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names one that is not known; [`Error::Key`] where the file names none.
    pub fn architecture(&self) -> Result<Architecture, Error> {
        Architecture::of(&self.metadata)
    }

    /// The tensors, in the file's order.
    pub fn tensors(&self) -> &[GgufTensor] {
        &self.tensors
    }

    /// A tensor by its name in the file.
    pub fn tensor_as_stored(&self, name: &str) -> Option<&GgufTensor> {
        self.places.get(name).map(|place| &self.tensors[*place])
    }

    /// A tensor by its name on the Hugging Face hub, and what must be undone to make it that.
    pub fn tensor(&self, hf_name: &str) -> Option<(&GgufTensor, Transform)> {
        let architecture = self.architecture().ok()?;
        let tensor = self.tensor_as_stored(&architecture.gguf_name(hf_name)?)?;
        Some((tensor, config::transform(&self.metadata, architecture, hf_name)?))
    }

    /// The `config.json` of the same model, as transformers 4 writes it. RoPE's scaling has two forms
    /// of its own where the file keeps it in tensors: `factors` (divisors of the frequencies in
    /// `rope_freqs.weight`) and `longrope_tensors` (in `rope_factors_short.weight` and
    /// `rope_factors_long.weight`).
    ///
    /// # Errors
    /// [`Error::Unsupported`] names an architecture that is not known; [`Error::Key`] a value that
    /// is missing or cannot be.
    pub fn config(&self) -> Result<Value, Error> {
        config::config(self)
    }

    /// The `tokenizer.json` of the same model. Nothing is added to texts: BOS is the caller's.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names a tokenizer or pre-tokenizer that is not known; [`Error::Key`],
    /// [`Error::Token`], [`Error::Merge`] and [`Error::MissingByte`] what cannot be.
    pub fn tokenizer(&self) -> Result<Value, Error> {
        tokenizer::tokenizer(&self.metadata)
    }

    /// The template of conversations.
    pub fn chat_template(&self) -> Option<&str> {
        self.metadata.text("tokenizer.chat_template")
    }

    /// The tokens that begin and end texts. Ids beyond the vocabulary are left out here;
    /// [`Self::tokenizer`] refuses them.
    pub fn special(&self) -> SpecialTokens {
        SpecialTokens::read(&self.metadata)
    }
}

fn check_version<R: Read + Seek>(reader: &mut Reader<R>) -> Result<(), Error> {
    let magic = reader.array("the magic letters")?;
    if magic != *b"GGUF" {
        return Err(Error::Magic { magic });
    }
    match reader.u32("the version")? {
        2 | 3 => Ok(()),
        // A small number whose bytes are the other way round.
        version if version != 0 && version.swap_bytes() < 1 << 16 => Err(Error::BigEndian),
        version => Err(Error::Version { version }),
    }
}

fn alignment(metadata: &Metadata) -> Result<u64, Error> {
    let key = "general.alignment";
    if !metadata.contains(key) {
        return Ok(DEFAULT_ALIGNMENT);
    }
    let alignment = metadata.whole(key).filter(|alignment| alignment.is_power_of_two());
    alignment.ok_or(Error::Key { key: key.to_owned(), problem: "is not a power of two" })
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod parse_tests;

#[cfg(test)]
#[path = "fixture_tests.rs"]
mod fixture_tests;
