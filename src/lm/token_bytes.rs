//! The exact bytes that each token stands for in a text.
//!
//! A tokenizer's decoder joins tokens as characters. Whoever looks at a text byte by byte (a
//! grammar, a stop sequence) needs what each token adds, so the steps of the decoder are applied to
//! one token at a time here. What a decoder does to the beginning of a whole text (dropping the
//! first space) is left out: it is no token's own.

use super::Error;
use super::tokenizer::byte_char;
use serde_json::Value;
use std::collections::HashMap;

/// One step of a decoder that changes what a token stands for.
enum Step {
    /// GPT-2's table, backwards: each character is a byte.
    ByteLevel(HashMap<char, u8>),
    /// SentencePiece's `▁`, mostly.
    Replace { from: String, to: String },
    /// `<0x0A>` is the byte 10.
    ByteFallback,
}

/// The bytes of the tokens `0..vocabulary`; none for special tokens and for ids that no token has.
///
/// # Errors
/// [`Error::Unsupported`] where the decoder is none whose tokens have bytes of their own.
pub(super) fn token_bytes(tokenizer: &tokenizers::Tokenizer, vocabulary: usize) -> Result<Vec<Option<Vec<u8>>>, Error> {
    let decoder = serde_json::to_value(tokenizer.get_decoder())
        .map_err(|e| Error::Tokenizer { reason: format!("its decoder cannot be read: {e}") })?;
    let mut steps = Vec::new();
    read_steps(&decoder, &mut steps)?;
    let added = tokenizer.get_added_vocabulary().get_added_tokens_decoder();
    let bytes = |id: usize| {
        let id = u32::try_from(id).ok()?;
        if added.get(&id).is_some_and(|token| token.special) {
            return None;
        }
        Some(decoded(&steps, tokenizer.id_to_token(id)?))
    };
    Ok((0..vocabulary).map(bytes).collect())
}

/// Appends the steps of a decoder as `tokenizer.json` has it.
fn read_steps(decoder: &Value, steps: &mut Vec<Step>) -> Result<(), Error> {
    let kind = decoder["type"].as_str().unwrap_or("none");
    let unsupported = || Error::Unsupported { what: "decoder of a tokenizer, for guided text", value: kind.to_owned() };
    match kind {
        "Sequence" => {
            for inner in decoder["decoders"].as_array().into_iter().flatten() {
                read_steps(inner, steps)?;
            }
        }
        "ByteLevel" => steps.push(Step::ByteLevel((0..=255u8).map(|byte| (byte_char(byte), byte)).collect())),
        "Metaspace" => {
            let from = decoder["replacement"].as_str().ok_or_else(unsupported)?.to_owned();
            steps.push(Step::Replace { from, to: " ".to_owned() });
        }
        "Replace" => {
            let from = decoder["pattern"]["String"].as_str().ok_or_else(unsupported)?.to_owned();
            let to = decoder["content"].as_str().ok_or_else(unsupported)?.to_owned();
            steps.push(Step::Replace { from, to });
        }
        "ByteFallback" => steps.push(Step::ByteFallback),
        "Fuse" | "Strip" => {}
        _ => return Err(unsupported()),
    }
    Ok(())
}

fn decoded(steps: &[Step], mut token: String) -> Vec<u8> {
    for step in steps {
        match step {
            Step::Replace { from, to } => token = token.replace(from, to),
            Step::ByteFallback => {
                if let Some(byte) = fallback_byte(&token) {
                    return vec![byte];
                }
            }
            // A token with characters outside the table is an added one and stands as it is.
            Step::ByteLevel(table) => {
                if let Some(bytes) = token.chars().map(|c| table.get(&c).copied()).collect() {
                    return bytes;
                }
            }
        }
    }
    token.into_bytes()
}

fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use crate::lm::{Tokenizer, byte_level_tokenizer_json};
    use std::path::Path;

    fn fixture(name: &str) -> Tokenizer {
        let file = format!("{}/tests/fixtures/tokenizers/{name}/tokenizer.json", env!("CARGO_MANIFEST_DIR"));
        Tokenizer::from_file(Path::new(&file)).expect("a fixture")
    }

    #[test]
    fn the_bytes_of_a_text_s_tokens_are_the_text() {
        for name in ["bpe_llama3", "bpe_qwen", "phi3", "spm_gemma", "spm_llama"] {
            let tokenizer = fixture(name);
            let bytes = tokenizer.token_bytes(tokenizer.vocab_size()).expect("a known decoder");
            for text in ["{\"a b\": [1, 2.5e3]}\n", "  two  spaces", "über € 汉字 🦀\t\u{7f}", "the quick <0x41>"]
            {
                let tokens = tokenizer.encode(text).expect("any text");
                let joined: Vec<u8> =
                    tokens.iter().flat_map(|id| bytes[*id as usize].clone().expect("no special token")).collect();
                let joined = String::from_utf8(joined).expect("whole characters");
                let decoded = tokenizer.decode(&tokens).expect("its own tokens");
                let begun = joined.strip_suffix(decoded.as_str()).expect("the decoder's text");
                assert!(matches!(begun, "" | " "), "{name}: only the decoder may drop a first space: {joined:?}");
                assert!(joined.ends_with(text), "{name}: {joined:?}");
            }
        }
    }

    #[test]
    fn special_tokens_and_ids_without_a_token_have_no_bytes() {
        let json = byte_level_tokenizer_json(&["<bos>", "<eos>"]).to_string();
        let bytes = Tokenizer::from_bytes(json.as_bytes()).expect("our own file").token_bytes(300).expect("byte level");
        assert_eq!(bytes.len(), 300);
        assert_eq!(bytes[0], Some(vec![0]));
        assert_eq!(bytes[255], Some(vec![255]));
        assert!(bytes[256..].iter().all(Option::is_none));
        let llama = fixture("spm_llama").token_bytes(479).expect("a known decoder");
        assert_eq!((&llama[0], &llama[1]), (&None, &None));
        assert_eq!(llama[3], Some(vec![0]));
    }

    #[test]
    fn a_decoder_whose_tokens_have_no_bytes_of_their_own_is_refused_by_name() {
        let mut json = byte_level_tokenizer_json(&[]);
        json["decoder"] = serde_json::json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
        let tokenizer = Tokenizer::from_bytes(json.to_string().as_bytes()).expect("loads");
        let error = tokenizer.token_bytes(256).expect_err("words are joined by spaces");
        assert!(error.to_string().contains("WordPiece"), "{error}");
    }
}
