//! Text to tokens and back.

use super::Error;
use serde_json::json;
use std::path::Path;

/// A Hugging Face tokenizer.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Rows of the model's embedding, where it is known.
    vocabulary: Option<usize>,
}

impl Tokenizer {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where the file is missing or does not load.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        Self::from_bytes(&bytes)
    }

    /// Reads the text of a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where it does not load.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| Error::Tokenizer { reason: e.to_string() })?;
        Ok(Self { inner, vocabulary: None })
    }

    /// The tokens of a text, without special ones.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where the library refuses the text, [`Error::TokenBeyondVocabulary`] where the model has no
    /// embedding for it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self.inner.encode_fast(text, false).map_err(|e| Error::Tokenizer { reason: e.to_string() })?;
        let ids = encoding.get_ids().to_vec();
        match (self.vocabulary, ids.iter().max()) {
            (Some(vocabulary), Some(id)) if *id as usize >= vocabulary => {
                Err(Error::TokenBeyondVocabulary { id: *id, vocabulary })
            }
            _ => Ok(ids),
        }
    }

    /// The same tokenizer for a model of this many embeddings: a text with a token beyond them is refused.
    #[must_use]
    pub fn with_vocabulary(self, vocabulary: usize) -> Self {
        Self { vocabulary: Some(vocabulary), ..self }
    }

    /// The text of tokens, special ones left out. Bytes that are no UTF-8 become U+FFFD.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where the library refuses a token.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, Error> {
        self.inner.decode(tokens, true).map_err(|e| Error::Tokenizer { reason: e.to_string() })
    }

    /// The text of one more token behind others; none while a character is not complete.
    fn step(&self, token: u32, stream: &mut TextStream) -> Result<Option<String>, Error> {
        let TextStream { ids, prefix, prefix_index, .. } = stream;
        tokenizers::tokenizer::step_decode_stream(&self.inner, vec![token], true, ids, prefix, prefix_index)
            .map_err(|e| Error::Tokenizer { reason: e.to_string() })
    }

    /// What the tokenizer itself puts before a text; none where it does not say.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] where the library refuses the empty text.
    pub fn beginning(&self) -> Result<Option<Vec<u32>>, Error> {
        if self.inner.get_post_processor().is_none() {
            return Ok(None);
        }
        let encoding = self.inner.encode_fast("", true).map_err(|e| Error::Tokenizer { reason: e.to_string() })?;
        Ok(Some(encoding.get_ids().to_vec()))
    }

    /// The text of a token by its id, special ones included.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The id of a token by its text.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The exact bytes that each of the tokens `0..vocabulary` adds to a text; none for special tokens and
    /// for ids that no token has.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the tokenizer's decoder is none whose tokens have bytes of their own.
    pub fn token_bytes(&self, vocabulary: usize) -> Result<Vec<Option<Vec<u8>>>, Error> {
        super::token_bytes::token_bytes(&self.inner, vocabulary)
    }

    /// Tokens in the vocabulary, special ones included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }
}

/// A text whose tokens come one at a time. It costs no more for a long text than for a short one.
#[derive(Clone, Debug, Default)]
pub struct TextStream {
    ids: Vec<u32>,
    prefix: String,
    prefix_index: usize,
    /// Tokens since the last text that was given.
    pending: usize,
}

/// So many tokens without a whole character are no character any more.
const LONGEST_CHARACTER: usize = 8;

impl TextStream {
    /// Takes a token; gives the text that is certain now.
    pub fn push(&mut self, token: u32, tokenizer: &Tokenizer) -> String {
        self.pending += 1;
        match tokenizer.step(token, self) {
            Ok(Some(text)) => {
                self.pending = 0;
                text
            }
            Ok(None) if self.pending < LONGEST_CHARACTER => String::new(),
            Ok(None) | Err(_) => self.finish(tokenizer),
        }
    }

    /// What is left when nothing more comes: bytes that are no whole character become U+FFFD.
    pub fn finish(&mut self, tokenizer: &Tokenizer) -> String {
        let decode = |ids: &[u32]| tokenizer.decode(ids).unwrap_or_default();
        let whole = decode(&self.ids);
        // A character that was given as U+FFFD may have become whole since: what differs is given anew.
        let same = whole.chars().zip(self.prefix.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        let rest = whole[same..].to_owned();
        // The last tokens stay: some decoders begin a text otherwise than they go on with it.
        self.ids.drain(..self.prefix_index.min(self.ids.len()));
        self.prefix = decode(&self.ids);
        self.prefix_index = self.ids.len();
        self.pending = 0;
        rest
    }
}

/// A `tokenizer.json` whose tokens are the 256 bytes, then `special` ones.
pub fn byte_level_tokenizer_json(special: &[&str]) -> serde_json::Value {
    let vocab: serde_json::Map<_, _> = (0..=255u8).map(|b| (byte_char(b).to_string(), json!(b))).collect();
    let added: Vec<_> = special
        .iter()
        .enumerate()
        .map(|(i, content)| {
            json!({"id": 256 + i, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        })
        .collect();
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": vocab, "merges": []}
    })
}

/// The printable character that stands for a byte in byte-level vocabularies (GPT-2's table):
/// printable Latin-1 stands for itself, the others are moved to U+0100 and up, in order.
pub(super) fn byte_char(byte: u8) -> char {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let moved = (0..byte).filter(|b| !printable(*b)).count() as u32;
    char::from_u32(0x100 + moved).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_level_tokenizer_gives_each_byte_its_own_value() {
        let json = byte_level_tokenizer_json(&["<bos>", "<eos>"]).to_string();
        let tokenizer = Tokenizer::from_bytes(json.as_bytes()).expect("our own file");
        let text = "# Über\n> a\t{}";
        let tokens = tokenizer.encode(text).expect("any text");
        assert_eq!(tokens, text.bytes().map(u32::from).collect::<Vec<_>>());
        assert_eq!(tokenizer.decode(&tokens).expect("known tokens"), text);
        assert_eq!(tokenizer.id("<eos>"), Some(257));
    }

    #[test]
    fn text_that_comes_token_by_token_loses_nothing_behind_bytes_that_are_none() {
        let json = byte_level_tokenizer_json(&["<eos>"]).to_string();
        let tokenizer = Tokenizer::from_bytes(json.as_bytes()).expect("our own file");
        let mut stream = TextStream::default();
        let bytes = [&[0x80; 7][..], "éxy".as_bytes()].concat();
        let mut text: String = bytes.iter().map(|byte| stream.push(u32::from(*byte), &tokenizer)).collect();
        text += &stream.finish(&tokenizer);
        assert!(text.ends_with("éxy"), "{text}");
    }
}
