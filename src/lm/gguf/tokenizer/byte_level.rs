//! Byte-level byte pair encoding (GPT-2's and its descendants'): texts are split into words, words
//! into bytes, and bytes are merged by a list that the file has.

use super::{Error, Metadata, Model, PRE, Parts, Vocabulary};
use serde_json::{Value, json};

/// How texts are split into words, and what else comes with it.
pub(super) struct Style {
    /// The names in `tokenizer.ggml.pre`.
    names: &'static [&'static str],
    splitting: Splitting,
    /// Whether a word that is a token is taken whole.
    whole_words: bool,
    /// Whether BOS comes before a text where the file does not say.
    pub(super) adds_bos: bool,
    /// Whether texts are composed (NFC) first.
    composes: bool,
}

/// How texts are split into words.
enum Splitting {
    /// By GPT-2's expression, which the tokenizer library has.
    Gpt2,
    /// Digits one by one, and then as GPT-2.
    Digits,
    /// By these expressions, one after the other.
    By(&'static [&'static str]),
}

// The expressions are the vocabularies' own, from their tokenizer.json; llama.cpp has the same ones.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// What llama.cpp takes where a file names nothing.
const DEFAULT: [&str; 4] = [
    r"[\p{P}\$\+<=>\^~\|]+",
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)",
    r"\p{N}+",
    r"[0-9][0-9][0-9]",
];

const fn plain(names: &'static [&'static str], splitting: Splitting) -> Style {
    Style { names, splitting, whole_words: false, adds_bos: false, composes: false }
}

static STYLES: [Style; 9] = [
    Style {
        whole_words: true,
        adds_bos: true,
        ..plain(&["llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral"], Splitting::By(&[LLAMA3]))
    },
    Style { whole_words: true, adds_bos: true, ..plain(&["tekken"], Splitting::By(&[TEKKEN])) },
    plain(&["dbrx", "smaug-bpe"], Splitting::By(&[LLAMA3])),
    Style { composes: true, ..plain(&["qwen2"], Splitting::By(&[QWEN2])) },
    plain(&["deepseek-r1-qwen", "megrez"], Splitting::By(&[QWEN2])),
    plain(&["gpt-4o"], Splitting::By(&[GPT4O])),
    plain(&["smollm", "starcoder", "refact", "command-r"], Splitting::Digits),
    plain(&["gpt-2", "phi-2", "exaone4"], Splitting::Gpt2),
    plain(&["default"], Splitting::By(&DEFAULT)),
];

/// The style of a name.
pub(super) fn style(name: &str) -> Option<&'static Style> {
    STYLES.iter().find(|style| style.names.contains(&name))
}

pub(super) fn parts(metadata: &Metadata, vocabulary: &Vocabulary<'_>) -> Result<Parts, Error> {
    let name = metadata.text(PRE).unwrap_or("default");
    let style = style(name).ok_or_else(|| {
        let known = STYLES.iter().flat_map(|style| style.names.iter().copied());
        let known = known.collect::<Vec<_>>().join(", ");
        Error::Unsupported { what: "pre-tokenizer", value: name.to_owned(), known }
    })?;
    check_bytes(vocabulary)?;
    Ok(Parts {
        normalizer: if style.composes { json!({"type": "NFC"}) } else { Value::Null },
        pre_tokenizer: style.splitting.json(),
        decoder: bytes_json(false),
        model: Model {
            unknown: None,
            byte_fallback: false,
            whole_words: style.whole_words,
            merges: merges(metadata, vocabulary)?,
        },
    })
}

impl Splitting {
    fn json(&self) -> Value {
        let sequence = |steps: Vec<Value>| json!({"type": "Sequence", "pretokenizers": steps});
        match self {
            Self::Gpt2 => bytes_json(true),
            Self::Digits => sequence(vec![json!({"type": "Digits", "individual_digits": true}), bytes_json(true)]),
            Self::By(expressions) => {
                let split = |expression: &&str| json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false});
                sequence(expressions.iter().map(split).chain([bytes_json(false)]).collect())
            }
        }
    }
}

fn bytes_json(splits: bool) -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": splits})
}

/// The merges as pairs, each of two tokens that make a third: the tokenizer library refuses others
/// without saying which.
fn merges(metadata: &Metadata, vocabulary: &Vocabulary<'_>) -> Result<Vec<Value>, Error> {
    let key = "tokenizer.ggml.merges";
    let problem = "is missing, or is no list of texts";
    let merges = metadata.texts(key).ok_or_else(|| Error::Key { key: key.to_owned(), problem })?;
    let mut joined = String::new();
    let mut pairs = Vec::with_capacity(merges.len());
    for (index, merge) in merges.iter().enumerate() {
        let refuse = |problem| Error::Merge { index, merge: merge.clone(), problem };
        let (left, right) = merge.split_once(' ').ok_or_else(|| refuse("is not two tokens with a space between"))?;
        joined.clear();
        joined.push_str(left);
        joined.push_str(right);
        if [left, right, &joined].iter().any(|part| part.is_empty() || !vocabulary.ids.contains_key(part)) {
            return Err(refuse("takes, or makes, a token that the vocabulary does not have"));
        }
        pairs.push(json!([left, right]));
    }
    Ok(pairs)
}

/// The bytes of plain text need tokens. Of others some vocabularies have none, as their training texts
/// never had them (StarCoder's has none for 0xF1): texts lose those, as they do in transformers and llama.cpp.
fn check_bytes(vocabulary: &Vocabulary<'_>) -> Result<(), Error> {
    let is_plain = |byte: &u8| matches!(byte, b'\t' | b'\n' | b' '..=b'~');
    // GPT-2's table: printable Latin-1 stands for itself, the others are moved to U+0100 and up.
    let letter = |byte: u8| if byte.is_ascii_graphic() { u32::from(byte) } else { 0x100 + u32::from(byte) };
    for byte in (0..=u8::MAX).filter(is_plain) {
        let is_token = |letter: char| vocabulary.ids.contains_key(&*letter.encode_utf8(&mut [0; 4]));
        if !char::from_u32(letter(byte)).is_some_and(is_token) {
            return Err(Error::MissingByte { byte });
        }
    }
    Ok(())
}
