//! A model's `tokenizer.json` from its metadata.

mod byte_level;
mod sentencepiece;
mod special;
mod vocabulary;

pub use special::SpecialTokens;

use super::{Error, Metadata};
use serde_json::{Map, Value, json};
use vocabulary::{TokenKind, Vocabulary};

/// The key of the tokens' texts.
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";

pub(super) fn tokenizer(metadata: &Metadata) -> Result<Value, Error> {
    let refuse = |problem| Error::Key { key: MODEL.to_owned(), problem };
    let model = metadata.text(MODEL).ok_or_else(|| refuse("is missing, or is no text"))?;
    let parts = match model {
        "gpt2" => byte_level::parts as fn(&Metadata, &Vocabulary<'_>) -> Result<Parts, Error>,
        "llama" => sentencepiece::parts,
        other => {
            let known = "gpt2, llama".to_owned();
            return Err(Error::Unsupported { what: "tokenizer", value: other.to_owned(), known });
        }
    };
    let vocabulary = Vocabulary::read(metadata)?;
    special::check(metadata, vocabulary.tokens.len())?;
    let parts = parts(metadata, &vocabulary)?;
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added_tokens(metadata, &vocabulary),
        "normalizer": parts.normalizer, "pre_tokenizer": parts.pre_tokenizer,
        "post_processor": null, "decoder": parts.decoder,
        "model": model_json(&vocabulary, parts.model),
    }))
}

/// What the two kinds of tokenizers differ in.
struct Parts {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Model,
}

/// What the two kinds of byte pair encoding differ in.
struct Model {
    unknown: Option<String>,
    /// Whether what no token stands for is written byte by byte.
    byte_fallback: bool,
    /// Whether a word that is a token is taken whole, whatever the merges make of it.
    whole_words: bool,
    merges: Vec<Value>,
}

fn model_json(vocabulary: &Vocabulary<'_>, model: Model) -> Value {
    let ids = vocabulary.tokens.iter().enumerate();
    let vocab: Map<String, Value> = ids.map(|(id, token)| (token.clone(), json!(id))).collect();
    // Entries of the model are moved, not copied: they are most of the file.
    let mut json = json!({
        "type": "BPE", "dropout": null, "unk_token": model.unknown, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": model.byte_fallback, "byte_fallback": model.byte_fallback,
        "ignore_merges": model.whole_words,
    });
    json["vocab"] = Value::Object(vocab);
    json["merges"] = Value::Array(model.merges);
    json
}

/// The tokens that are found in a text before anything else. They have their ids from the vocabulary.
fn added_tokens(metadata: &Metadata, vocabulary: &Vocabulary<'_>) -> Value {
    // Phi 3's special tokens take the white space behind them; files do not say so, and llama.cpp
    // tells them by the model's name, too.
    let name = metadata.text("general.name").unwrap_or_default().to_lowercase();
    let strips = name.contains("phi-3") || name.contains("phi3");
    let kept = ["<unk>", "<s>", "<|endoftext|>"];
    let added = vocabulary.tokens.iter().enumerate().filter_map(|(id, token)| {
        let special = match vocabulary.kind(id) {
            TokenKind::Control | TokenKind::Unknown => true,
            TokenKind::UserDefined => false,
            TokenKind::Normal | TokenKind::Unused | TokenKind::Byte => return None,
        };
        Some(json!({
            "id": id, "content": token, "single_word": false, "lstrip": false,
            "rstrip": strips && !kept.contains(&token.as_str()), "normalized": false, "special": special,
        }))
    });
    Value::Array(added.collect())
}

#[cfg(test)]
#[path = "../tokenizer_tests.rs"]
pub(super) mod tests;
