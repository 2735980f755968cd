//! Why a GGUF file is refused.

use std::path::PathBuf;

/// An error of a GGUF file; each names the key, the tensor or the token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The bytes cannot be read.
    #[error("cannot read the GGUF file: {source}")]
    Read {
        /// The system's reason.
        source: std::io::Error,
    },
    /// The first four bytes are others.
    #[error("this is no GGUF file: it begins with {magic:?}, not with the letters GGUF")]
    Magic {
        /// The first four bytes.
        magic: [u8; 4],
    },
    /// The file's numbers are big endian.
    #[error("big endian GGUF files are not supported: convert the model again on a little endian machine")]
    BigEndian,
    /// A version that is not known.
    #[error("GGUF version {version} is not supported (known: 2, 3): convert the model again with a current llama.cpp")]
    Version {
        /// The file's version.
        version: u32,
    },
    /// The file ends before what it announces.
    #[error("the GGUF file is cut off: {what} needs {needed} bytes and {left} are left; fetch it again")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes that it takes at the least.
        needed: u64,
        /// Bytes that the file still has.
        left: u64,
    },
    /// A name that is longer than the format allows.
    #[error("{what} has {bytes} bytes, the format allows {limit}")]
    NameLength {
        /// Whose name.
        what: &'static str,
        /// Its length.
        bytes: u64,
        /// The longest.
        limit: u64,
    },
    /// Bytes that are no UTF-8 where a text is expected.
    #[error("{what} is not UTF-8")]
    NotText {
        /// Which text.
        what: &'static str,
    },
    /// A metadata value of an unknown type.
    #[error("metadata {key} has the unknown type {code}")]
    ValueType {
        /// The key.
        key: String,
        /// The type's number.
        code: u32,
    },
    /// An array of arrays.
    #[error("metadata {key} is an array of arrays, which is not supported")]
    NestedArray {
        /// The key.
        key: String,
    },
    /// A key that comes twice.
    #[error("metadata {key} comes twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A metadata value that is missing or cannot be.
    #[error("metadata {key} {problem}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A name that comes twice.
    #[error("tensor {tensor} comes twice")]
    DuplicateTensor {
        /// The tensor.
        tensor: String,
    },
    /// A quantisation that attune cannot hold.
    #[error(
        "tensor {tensor} has type {kind}, which is not supported (known: {known}); quantise the model to one of them"
    )]
    TensorKind {
        /// The tensor.
        tensor: String,
        /// Its type's name, or number.
        kind: String,
        /// The types that are held.
        known: String,
    },
    /// A tensor whose shape or place cannot be.
    #[error("tensor {tensor} {problem}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Two tensors share bytes.
    #[error("tensors {first} and {second} overlap in the file")]
    Overlap {
        /// The one that begins first.
        first: String,
        /// The one that begins before the first has ended.
        second: String,
    },
    /// Something that attune does not know, by name.
    #[error("unsupported {what}: {value} (known: {known})")]
    Unsupported {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        value: String,
        /// The names that are known.
        known: String,
    },
    /// A token that cannot be.
    #[error("token {id} ({token:?}) {problem}")]
    Token {
        /// Its id.
        id: usize,
        /// Its text.
        token: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A byte that no token stands for.
    #[error("the vocabulary has no token for byte 0x{byte:02X}: texts with it could not be encoded")]
    MissingByte {
        /// The byte.
        byte: u8,
    },
    /// A merge that names a token that is not there.
    #[error("merge {index} ({merge:?}) {problem}")]
    Merge {
        /// Its place in the list.
        index: usize,
        /// Its text.
        merge: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Rows that cannot be put back in order.
    #[error("{bytes} bytes are not {rows} rows of {heads} heads with an even number of rows each")]
    Rows {
        /// Bytes of the tensor.
        bytes: usize,
        /// Its rows.
        rows: usize,
        /// The heads that it has.
        heads: usize,
    },
}
