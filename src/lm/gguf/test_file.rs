//! Writes small GGUF files for tests.

use super::{Error, GgufFile};
use std::io::Cursor;

/// A value to write.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    U32(u32),
    F32(f32),
    Flag(bool),
    Text(String),
    Texts(Vec<String>),
    U32s(Vec<u32>),
    F32s(Vec<f32>),
    Flags(Vec<bool>),
    /// A type and its bytes, whatever they are.
    Raw(u32, Vec<u8>),
}

impl From<&str> for Entry {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u32> for Entry {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<f32> for Entry {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<bool> for Entry {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

/// A tensor to write, its dimensions in ggml's order. Its data is zeros.
#[derive(Clone, Debug)]
pub(super) struct TestTensor {
    pub(super) name: String,
    pub(super) dimensions: Vec<u64>,
    pub(super) code: u32,
    pub(super) bytes: usize,
    /// In place of the place where its data is.
    pub(super) offset: Option<u64>,
}

/// A file to write.
#[derive(Clone, Debug)]
pub(super) struct TestFile {
    pub(super) version: u32,
    pub(super) alignment: usize,
    pub(super) entries: Vec<(String, Entry)>,
    pub(super) tensors: Vec<TestTensor>,
}

impl TestFile {
    pub(super) fn new(architecture: &str) -> Self {
        let entries = vec![("general.architecture".to_owned(), architecture.into())];
        Self { version: 3, alignment: 32, entries, tensors: Vec::new() }
    }

    /// Adds or replaces an entry.
    pub(super) fn with(mut self, key: &str, entry: impl Into<Entry>) -> Self {
        self.entries.retain(|(other, _)| other != key);
        self.entries.push((key.to_owned(), entry.into()));
        self
    }

    pub(super) fn without(mut self, key: &str) -> Self {
        self.entries.retain(|(other, _)| other != key);
        self
    }

    /// Adds a tensor of F32.
    pub(super) fn tensor(self, name: &str, dimensions: &[u64]) -> Self {
        self.typed_tensor(name, dimensions, (0, dimensions.iter().product::<u64>() as usize * 4))
    }

    /// Adds a tensor of a type's number and its bytes.
    pub(super) fn typed_tensor(mut self, name: &str, dimensions: &[u64], (code, bytes): (u32, usize)) -> Self {
        let (name, dimensions) = (name.to_owned(), dimensions.to_vec());
        self.tensors.push(TestTensor { name, dimensions, code, bytes, offset: None });
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.entries.len() as u64).to_le_bytes());
        for (key, entry) in &self.entries {
            write_text(&mut out, key);
            entry.write(&mut out);
        }
        let mut data = 0usize;
        for tensor in &self.tensors {
            write_text(&mut out, &tensor.name);
            out.extend((tensor.dimensions.len() as u32).to_le_bytes());
            tensor.dimensions.iter().for_each(|size| out.extend(size.to_le_bytes()));
            out.extend(tensor.code.to_le_bytes());
            out.extend(tensor.offset.unwrap_or(data as u64).to_le_bytes());
            data = (data + tensor.bytes).next_multiple_of(self.alignment);
        }
        out.resize(out.len().next_multiple_of(self.alignment) + data, 0);
        out
    }

    pub(super) fn parse(&self) -> Result<GgufFile, Error> {
        parse(&self.bytes())
    }

    /// What a file that must be refused says.
    pub(super) fn refusal(&self) -> String {
        self.parse().expect_err("a file that must be refused").to_string()
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<GgufFile, Error> {
    GgufFile::parse(Cursor::new(bytes), bytes.len() as u64)
}

pub(super) fn texts(texts: &[&str]) -> Entry {
    Entry::Texts(texts.iter().map(|text| (*text).to_owned()).collect())
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn write_array(out: &mut Vec<u8>, code: u32, count: usize) {
    out.extend(9u32.to_le_bytes());
    out.extend(code.to_le_bytes());
    out.extend((count as u64).to_le_bytes());
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        let scalar = |out: &mut Vec<u8>, code: u32, bytes: &[u8]| {
            out.extend(code.to_le_bytes());
            out.extend(bytes);
        };
        match self {
            Self::U32(value) => scalar(out, 4, &value.to_le_bytes()),
            Self::F32(value) => scalar(out, 6, &value.to_le_bytes()),
            Self::Flag(value) => scalar(out, 7, &[u8::from(*value)]),
            Self::Raw(code, bytes) => scalar(out, *code, bytes),
            Self::Text(text) => {
                out.extend(8u32.to_le_bytes());
                write_text(out, text);
            }
            Self::Texts(texts) => {
                write_array(out, 8, texts.len());
                texts.iter().for_each(|text| write_text(out, text));
            }
            Self::U32s(values) => {
                write_array(out, 4, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            Self::F32s(values) => {
                write_array(out, 6, values.len());
                values.iter().for_each(|value| out.extend(value.to_le_bytes()));
            }
            Self::Flags(values) => {
                write_array(out, 7, values.len());
                out.extend(values.iter().map(|value| u8::from(*value)));
            }
        }
    }
}
