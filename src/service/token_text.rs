//! What one token is in a text.
//!
//! A tokenizer decodes whole texts. A token alone may be a part of a character, or lose the space before it; the
//! bytes that it stands for say what it is.

use super::Service;
use crate::engine::TokenLogprob;

/// A token as text and as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenText {
    /// Its text; where its bytes are a part of a character, the character that stands for what cannot be read.
    pub text: String,
    /// Its bytes; `None` where it has none, as a token that ends an answer.
    pub bytes: Option<Vec<u8>>,
}

/// The bytes of all tokens; `None` for a tokenizer whose tokens have none of their own.
pub(super) type Vocabulary = Option<Vec<Option<Vec<u8>>>>;

impl Service {
    /// What a token that the engine told of is in a text.
    pub fn token_text(&self, token: &TokenLogprob) -> TokenText {
        let bytes = match self.vocabulary() {
            Some(vocabulary) => vocabulary.get(token.id as usize).cloned().flatten(),
            None => Some(token.text.clone().into_bytes()).filter(|bytes| !bytes.is_empty()),
        };
        let text = match &bytes {
            Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            None => self.base.prompter().tokenizer().token(token.id).unwrap_or_default(),
        };
        TokenText { text, bytes }
    }

    fn vocabulary(&self) -> &Vocabulary {
        self.vocabulary.get_or_init(|| {
            let bytes = self.base.prompter().tokenizer().token_bytes(self.base.model().config().vocab_size);
            bytes.inspect_err(|error| tracing::warn!(%error, "tokens are told by their decoded texts")).ok()
        })
    }
}
