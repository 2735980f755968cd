//! What can go wrong with guided text.

/// An error of a guide.
#[derive(Debug, thiserror::Error)]
pub enum GuideError {
    /// The tokenizer has no bytes for its tokens.
    #[error("the base's tokenizer cannot be guided: {source}")]
    Tokenizer {
        /// Why.
        source: super::super::Error,
    },
    /// The vocabulary is beyond what the token trie can hold.
    #[error("the base's vocabulary cannot be guided: {what} is {found}, at most {limit}")]
    Vocabulary {
        /// What is too much.
        what: &'static str,
        /// What was found.
        found: usize,
        /// The most that there may be.
        limit: usize,
    },
    /// No token ends an answer, or one that would is none of the vocabulary.
    #[error("guided text needs tokens that end an answer, below {vocabulary}: {ends:?}")]
    Ends {
        /// The tokens that were given.
        ends: Vec<u32>,
        /// Rows of the logits.
        vocabulary: usize,
    },
    /// The schema is invalid, says something that is not supported, or nothing fits it.
    #[error("the JSON schema cannot be followed: {reason}")]
    Schema {
        /// What is wrong with it.
        reason: String,
    },
    /// The schema is larger than a guide may be.
    #[error("the JSON schema is too large: {what} is above {limit}; split it, or leave parts out")]
    SchemaTooLarge {
        /// What is too much.
        what: &'static str,
        /// The most that there may be.
        limit: u64,
    },
    /// The schema's grammar takes more work than a guide may take.
    #[error("the JSON schema is too complex: {reason}; use fewer or simpler patterns and alternatives")]
    SchemaTooComplex {
        /// Which limit it met.
        reason: String,
    },
    /// The next token takes more work than one token may take.
    #[error("the JSON schema is too complex to go on with this answer: {reason}")]
    StepTooComplex {
        /// Which limit it met.
        reason: String,
    },
    /// No token of the vocabulary goes on with the text.
    #[error("no token of the vocabulary can go on with the guided text")]
    DeadEnd,
    /// A token was taken that the mask rules out.
    #[error("token {token} cannot come next in the guided text")]
    Token {
        /// The token.
        token: u32,
    },
    /// Logits of another vocabulary.
    #[error("{found} logits were given, the guide is for {expected}")]
    Logits {
        /// How many came.
        found: usize,
        /// Rows of the guide's vocabulary.
        expected: usize,
    },
    /// The library failed, or the system gave no thread to build in.
    #[error("guiding failed: {reason}")]
    Failed {
        /// What it says.
        reason: String,
    },
}
