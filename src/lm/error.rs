//! What can go wrong with a model.

use std::path::PathBuf;

/// An error of the language model's files, shapes or arithmetic.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the model's directory is missing or cannot be read.
    #[error("cannot read {}: {source}; a base directory needs config.json, tokenizer.json and model.safetensors (or model.safetensors.index.json with its shards)", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A JSON file does not parse.
    #[error("{} is not valid: {source}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A tokenizer file does not load.
    #[error("the tokenizer does not load: {reason}")]
    Tokenizer {
        /// The library's reason.
        reason: String,
    },
    /// A value of `config.json` cannot be.
    #[error("config.json: {field} {problem}")]
    Config {
        /// The key.
        field: &'static str,
        /// What is wrong with its value.
        problem: &'static str,
    },
    /// Something that attune does not know, by name.
    #[error("unsupported {what}: {value}")]
    Unsupported {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        value: String,
    },
    /// A weight file is damaged, or is not what its header says.
    #[error("{file} {problem}")]
    Checkpoint {
        /// Its name.
        file: String,
        /// What is wrong.
        problem: String,
    },
    /// A weight that the configuration asks for is in no file.
    #[error("the checkpoint has no tensor {name}: do config.json and the weight files belong together?")]
    MissingTensor {
        /// Its name.
        name: String,
    },
    /// A weight of another shape than the configuration says.
    #[error("tensor {name} has shape {found:?}, config.json says {expected:?}: do the two belong together?")]
    TensorShape {
        /// Its name.
        name: String,
        /// What it has.
        found: Vec<usize>,
        /// What it should have.
        expected: Vec<usize>,
    },
    /// There is something where a new directory should be.
    #[error("{} exists already and is not empty: give another --out, or remove it", path.display())]
    OutputExists {
        /// Where.
        path: PathBuf,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Merging into quantised weights, which would round the adapter away.
    #[error(
        "quantised weights are never merged into: use the adapter unmerged (merge: never), or load the base unquantised"
    )]
    QuantisedMerge,
    /// A linear layer that this family does not have.
    #[error("layer {layer} of this base has no {module}")]
    NoModule {
        /// The decoder layer.
        layer: usize,
        /// The linear layer.
        module: crate::lora::Module,
    },
    /// A token that has no embedding.
    #[error("token {id} is beyond the model's {vocabulary} embeddings: do tokenizer and model belong together?")]
    TokenBeyondVocabulary {
        /// Its id.
        id: u32,
        /// Rows of the embedding.
        vocabulary: usize,
    },
    /// A sequence is longer than the model's context.
    #[error("{tokens} tokens do not fit the context of {context}")]
    TooLong {
        /// Tokens asked for.
        tokens: usize,
        /// Tokens that fit.
        context: usize,
    },
    /// A row's new tokens pass the blocks that it holds.
    #[error("{tokens} tokens do not fit the blocks for {held} tokens that the text holds")]
    KvMemory {
        /// Tokens of the text.
        tokens: usize,
        /// Tokens that its blocks hold.
        held: usize,
    },
    /// A GGUF file that cannot be.
    #[error(transparent)]
    Gguf(#[from] super::gguf::Error),
    /// A chat template, or a chat that it refuses.
    #[error(transparent)]
    Chat(#[from] super::chat::Error),
    /// A chat template that does not show what was said.
    #[error(
        "the chat template leaves out what the user or the assistant says: give the base an attune.json with its input template"
    )]
    ChatWithoutContent,
    /// A shape or arithmetic error of the tensor library.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}
