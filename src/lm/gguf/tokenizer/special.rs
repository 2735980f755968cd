//! The tokens that begin and end texts.

use super::vocabulary::{TokenKind, kind};
use super::{Error, MODEL, Metadata, PRE, TOKENS, byte_level};
use std::collections::BTreeSet;

/// The keys of special tokens' ids.
const BOS: &str = "tokenizer.ggml.bos_token_id";
const EOS: &str = "tokenizer.ggml.eos_token_id";
const EOT: &str = "tokenizer.ggml.eot_token_id";
const EOM: &str = "tokenizer.ggml.eom_token_id";
const UNKNOWN: &str = "tokenizer.ggml.unknown_token_id";
const PADDING: &str = "tokenizer.ggml.padding_token_id";

/// The texts of control tokens that end a generation whether or not the file names them, as
/// llama.cpp has them; the last three end a file of Qwen's training.
const ENDS: [&str; 16] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<end_of_turn>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<eos>",
    "</s>",
    "<EOT>",
    "[EOS]",
    "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
];

/// Ids of special tokens, each absent where the vocabulary has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens {
    /// Begins a text.
    pub bos: Option<u32>,
    /// Ends a text.
    pub eos: Option<u32>,
    /// Ends a turn of a conversation.
    pub eot: Option<u32>,
    /// Ends a message that a tool answers.
    pub eom: Option<u32>,
    /// Stands for what no token stands for.
    pub unk: Option<u32>,
    /// Fills up rows.
    pub pad: Option<u32>,
    /// Whether the model expects BOS before a text.
    pub add_bos: bool,
    /// Whether the model expects EOS behind a text.
    pub add_eos: bool,
    /// Every token that ends a generation, ascending.
    pub end_of_generation: Vec<u32>,
}

impl SpecialTokens {
    pub(in crate::lm::gguf) fn read(metadata: &Metadata) -> Self {
        let tokens = metadata.texts(TOKENS).unwrap_or_default();
        let in_vocabulary = |id: u64| u32::try_from(id).ok().filter(|id| (*id as usize) < tokens.len());
        let id = |key: &str| metadata.whole(key).and_then(in_vocabulary);
        // SentencePiece's own ids hold where the file says nothing; byte-level vocabularies have no such.
        let is_pieces = metadata.text(MODEL) == Some("llama");
        let id_or = |key: &str, default: u64| match metadata.contains(key) {
            true => id(key),
            false => in_vocabulary(default).filter(|_| is_pieces),
        };
        let style = metadata.text(PRE).and_then(byte_level::style);
        let (eos, eot, eom) = (id_or(EOS, 2), id(EOT), id(EOM));
        let ends = end_tokens(metadata, tokens).chain([eos, eot, eom].into_iter().flatten());
        Self {
            bos: id_or(BOS, 1),
            eos,
            eot,
            eom,
            unk: id_or(UNKNOWN, 0),
            pad: id(PADDING),
            add_bos: metadata
                .flag("tokenizer.ggml.add_bos_token")
                .unwrap_or(is_pieces || style.is_some_and(|style| style.adds_bos)),
            add_eos: metadata.flag("tokenizer.ggml.add_eos_token").unwrap_or(false),
            end_of_generation: ends.collect::<BTreeSet<u32>>().into_iter().collect(),
        }
    }
}

/// The control tokens whose texts say that they end a generation.
fn end_tokens<'a>(metadata: &Metadata, tokens: &'a [String]) -> impl Iterator<Item = u32> + 'a {
    let kinds = metadata.wholes("tokenizer.ggml.token_type").unwrap_or_default();
    let ends =
        move |(id, token): &(usize, &String)| kind(&kinds, *id) == TokenKind::Control && ENDS.contains(&token.as_str());
    tokens.iter().enumerate().filter(ends).filter_map(|(id, _)| u32::try_from(id).ok())
}

/// Refuses ids of special tokens that the vocabulary does not have.
pub(super) fn check(metadata: &Metadata, tokens: usize) -> Result<(), Error> {
    for key in [BOS, EOS, EOT, EOM, UNKNOWN, PADDING] {
        let is_known = metadata.whole(key).is_some_and(|id| id < tokens as u64);
        if metadata.contains(key) && !is_known {
            return Err(Error::Key { key: key.to_owned(), problem: "is no id of the vocabulary" });
        }
    }
    Ok(())
}
