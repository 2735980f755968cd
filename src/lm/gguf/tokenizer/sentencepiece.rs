//! SentencePiece's byte pair encoding (Llama 2's, Gemma's): pieces with scores, bytes for what no piece stands for.
//!
//! SentencePiece merges the two neighbours whose union has the best score, the first ones where several
//! have it. The Hugging Face form has a list of merges instead, which is derived as transformers derives
//! it: every way to make a piece of two others, the best score first, and of the same score the longer
//! left side first, which makes runs of blanks grow from the left as SentencePiece does. Files that were
//! converted without scores have the same one everywhere; their ids are in the order of the merges.
//!
//! Control tokens are made of nothing: a text that only looks like one stays text.

use super::{Error, Metadata, Model, Parts, SpecialTokens, TokenKind, Vocabulary};
use serde_json::{Value, json};
use std::cmp::{Ordering, Reverse};

/// What stands for a space inside a piece.
const SPACE: &str = "▁";
/// Ways to make a piece, for each piece of the vocabulary; real ones have about two.
const MAX_MERGES_EACH: usize = 64;
/// Bytes of merges for each byte of the vocabulary; real ones have about three.
const MAX_BYTES_EACH: usize = 16;
/// What a small vocabulary may have beyond that.
const SPARE: usize = 1 << 20;

pub(super) fn parts(metadata: &Metadata, vocabulary: &Vocabulary<'_>) -> Result<Parts, Error> {
    check_bytes(vocabulary)?;
    let begins_with_space = metadata.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
    let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": SPACE});
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": SPACE}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    let normalizer = if begins_with_space {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        json!({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": SPACE}, spaces]})
    } else {
        spaces
    };
    // Published files call it a control token as often as an unknown one; its id tells.
    let unknown = SpecialTokens::read(metadata).unk;
    Ok(Parts {
        normalizer,
        pre_tokenizer: Value::Null,
        decoder: json!({"type": "Sequence", "decoders": decoders}),
        model: Model {
            unknown: unknown.map(|id| vocabulary.tokens[id as usize].clone()),
            byte_fallback: true,
            whole_words: false,
            merges: merges_json(vocabulary, &merges(vocabulary, &scores(metadata, vocabulary)?)?),
        },
    })
}

/// Every byte needs a token; one of ASCII may be a piece of its own instead.
fn check_bytes(vocabulary: &Vocabulary<'_>) -> Result<(), Error> {
    for byte in 0..=u8::MAX {
        let is_piece = byte.is_ascii() && vocabulary.ids.contains_key(&*char::from(byte).encode_utf8(&mut [0; 4]));
        if !is_piece && !vocabulary.ids.contains_key(format!("<0x{byte:02X}>").as_str()) {
            return Err(Error::MissingByte { byte });
        }
    }
    Ok(())
}

fn scores(metadata: &Metadata, vocabulary: &Vocabulary<'_>) -> Result<Vec<f32>, Error> {
    let key = "tokenizer.ggml.scores";
    let scores = metadata.singles(key).filter(|scores| scores.len() == vocabulary.tokens.len());
    let scores = scores.filter(|scores| scores.iter().all(|score| score.is_finite()));
    scores.ok_or_else(|| Error::Key { key: key.to_owned(), problem: "is not one finite number for each token" })
}

/// One way to make a piece of two others.
struct Merge {
    piece: u32,
    left: u32,
    right: u32,
}

fn merges_json(vocabulary: &Vocabulary<'_>, merges: &[Merge]) -> Vec<Value> {
    let text = |id: u32| &vocabulary.tokens[id as usize];
    merges.iter().map(|merge| json!([text(merge.left), text(merge.right)])).collect()
}

/// Every way to make a piece of two others, in their order.
///
/// The pieces that a piece begins with are those before it in the alphabet that it goes on from; the
/// pieces that it ends with are the same of the letters read backwards. So no piece is looked up by its
/// parts, and the work grows with the vocabulary's bytes and not with their square.
fn merges(vocabulary: &Vocabulary<'_>, scores: &[f32]) -> Result<Vec<Merge>, Error> {
    let tokens = vocabulary.tokens;
    let takes_part = |id: &u32| {
        let kind = vocabulary.kind(*id as usize);
        !tokens[*id as usize].is_empty()
            && matches!(kind, TokenKind::Normal | TokenKind::UserDefined | TokenKind::Unused)
    };
    let mut pieces: Vec<u32> = (0..tokens.len() as u32).filter(takes_part).collect();
    let begins = Beginnings::of(tokens, &mut pieces)?;
    let vocabulary_bytes: usize = tokens.iter().map(String::len).sum();
    let mut room = Room { merges: MAX_MERGES_EACH * tokens.len(), bytes: MAX_BYTES_EACH * vocabulary_bytes }.spare();

    pieces.sort_unstable_by(|a, b| bytes(tokens, *a).rev().cmp(bytes(tokens, *b).rev()));
    let mut merges = Vec::new();
    let mut ends: Vec<u32> = Vec::new();
    for &piece in &pieces {
        let text = &tokens[piece as usize];
        ends.retain_prefixes(|end| text.ends_with(&tokens[end as usize]));
        // Longer ends leave shorter beginnings: the one list is walked up, the other one down.
        let mut left = begins.of_piece(piece).iter().rev().peekable();
        for &end in &ends {
            let rest = text.len() - tokens[end as usize].len();
            while left.next_if(|begin| tokens[**begin as usize].len() > rest).is_some() {}
            if let Some(&begin) = left.next_if(|begin| tokens[**begin as usize].len() == rest) {
                room.take(piece, text)?;
                merges.push(Merge { piece, left: begin, right: end });
            }
        }
        ends.push(piece);
    }
    let rank = ranks(vocabulary, scores);
    let letters: Vec<usize> = tokens.iter().map(|token| token.chars().count()).collect();
    let letters = |id: u32| Reverse(letters[id as usize]);
    merges.sort_unstable_by_key(|merge| {
        (rank[merge.piece as usize], letters(merge.left), letters(merge.right), merge.piece)
    });
    Ok(merges)
}

/// The place of every token's score among all scores, the best one first; the ids, where all are the same.
fn ranks(vocabulary: &Vocabulary<'_>, scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let is_text = |id: &usize| vocabulary.kind(*id) == TokenKind::Normal;
    let mut of_texts = order.iter().filter(|id| is_text(id)).map(|id| scores[*id]);
    let first = of_texts.next();
    if of_texts.all(|score| Some(score) == first) {
        return order;
    }
    order.sort_unstable_by(|a, b| scores[*b].partial_cmp(&scores[*a]).unwrap_or(Ordering::Equal));
    let mut ranks = vec![0; scores.len()];
    for pair in order.windows(2) {
        ranks[pair[1]] = ranks[pair[0]] + usize::from(scores[pair[1]] < scores[pair[0]]);
    }
    ranks
}

fn bytes(tokens: &[String], id: u32) -> impl DoubleEndedIterator<Item = &u8> {
    tokens[id as usize].as_bytes().iter()
}

/// For every piece the pieces that it begins with, itself left out, the shortest first.
struct Beginnings {
    pieces: Vec<u32>,
    /// Where a piece's list begins and ends in `pieces`, by the piece's id.
    ranges: Vec<(usize, usize)>,
}

impl Beginnings {
    /// Sorts the pieces by the alphabet on the way.
    fn of(tokens: &[String], pieces: &mut [u32]) -> Result<Self, Error> {
        pieces.sort_unstable_by(|a, b| tokens[*a as usize].cmp(&tokens[*b as usize]));
        let mut room = Room { merges: MAX_MERGES_EACH * tokens.len(), bytes: usize::MAX - SPARE }.spare();
        let mut found = Self { pieces: Vec::new(), ranges: vec![(0, 0); tokens.len()] };
        let mut open: Vec<u32> = Vec::new();
        for &piece in &*pieces {
            let text = &tokens[piece as usize];
            open.retain_prefixes(|begin| text.starts_with(&tokens[begin as usize]));
            let begin = found.pieces.len();
            for &shorter in &open {
                room.take(piece, text)?;
                found.pieces.push(shorter);
            }
            found.ranges[piece as usize] = (begin, found.pieces.len());
            open.push(piece);
        }
        Ok(found)
    }

    fn of_piece(&self, piece: u32) -> &[u32] {
        let (begin, end) = self.ranges[piece as usize];
        &self.pieces[begin..end]
    }
}

/// A stack of pieces of which each one continues the one below.
trait RetainPrefixes {
    /// Takes pieces off the top until one fits; those below it do, too.
    fn retain_prefixes(&mut self, fits: impl Fn(u32) -> bool);
}

impl RetainPrefixes for Vec<u32> {
    fn retain_prefixes(&mut self, fits: impl Fn(u32) -> bool) {
        while self.pop_if(|top| !fits(*top)).is_some() {}
    }
}

/// What the merges may still take: a hostile vocabulary has many times its own size of them.
struct Room {
    merges: usize,
    bytes: usize,
}

impl Room {
    fn spare(self) -> Self {
        Self { merges: self.merges + SPARE, bytes: self.bytes + SPARE }
    }

    fn take(&mut self, piece: u32, text: &str) -> Result<(), Error> {
        let problem = "can be made in more ways than a real vocabulary's pieces";
        let refuse = || Error::Token { id: piece as usize, token: text.chars().take(32).collect(), problem };
        self.merges = self.merges.checked_sub(1).ok_or_else(refuse)?;
        self.bytes = self.bytes.checked_sub(text.len()).ok_or_else(refuse)?;
        Ok(())
    }
}
