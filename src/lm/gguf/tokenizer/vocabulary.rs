//! The tokens of a file.

use super::{Error, Metadata, TOKENS};
use std::collections::HashMap;

/// The largest vocabulary that is believed.
const MAX_TOKENS: usize = 1 << 24;

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A piece of text.
    Normal,
    /// What no token stands for.
    Unknown,
    /// A mark that is no text.
    Control,
    /// A piece of text that is never split.
    UserDefined,
    /// A place that is kept free.
    Unused,
    /// One byte.
    Byte,
}

/// The tokens' texts by their ids, and the other way round.
pub(super) struct Vocabulary<'a> {
    pub(super) tokens: &'a [String],
    pub(super) ids: HashMap<&'a str, u32>,
    /// Empty where the file does not say.
    kinds: Vec<u64>,
}

impl<'a> Vocabulary<'a> {
    pub(super) fn read(metadata: &'a Metadata) -> Result<Self, Error> {
        let refuse = |key: &str, problem| Error::Key { key: key.to_owned(), problem };
        let tokens = metadata.texts(TOKENS).ok_or_else(|| refuse(TOKENS, "is missing, or is no list of texts"))?;
        if tokens.is_empty() || tokens.len() > MAX_TOKENS {
            return Err(refuse(TOKENS, "has no token, or more than any model's"));
        }
        let key = "tokenizer.ggml.token_type";
        let kinds = metadata.wholes(key).unwrap_or_default();
        if metadata.contains(key) && kinds.len() != tokens.len() {
            return Err(refuse(key, "is not one whole number for each token"));
        }
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in tokens.iter().enumerate() {
            if ids.insert(token.as_str(), id as u32).is_some() {
                return Err(Error::Token { id, token: token.clone(), problem: "comes twice in the vocabulary" });
            }
        }
        Ok(Self { tokens, ids, kinds })
    }

    pub(super) fn kind(&self, id: usize) -> TokenKind {
        kind(&self.kinds, id)
    }
}

/// The kind of a token; normal where the file does not say, or says a number that is not known.
pub(super) fn kind(kinds: &[u64], id: usize) -> TokenKind {
    match kinds.get(id) {
        Some(2) => TokenKind::Unknown,
        Some(3) => TokenKind::Control,
        Some(4) => TokenKind::UserDefined,
        Some(5) => TokenKind::Unused,
        Some(6) => TokenKind::Byte,
        _ => TokenKind::Normal,
    }
}
