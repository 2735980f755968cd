//! Plain texts as trainers see them: split into halves, made into tokens, and cut into pieces.
//!
//! A text's tokens behind the base's first token (where it has one) are the sequence that is foretold: each token but
//! the first is scored, once, behind the tokens before it. Pieces overlap by what they see and do not score.

use super::Error;
use super::dataset::{Kind, TaskData};
use crate::lm::Piece;
use crate::task::{Base, Example};

/// Of every five texts one is held out, where none is marked.
const EVERY: usize = 5;
/// The held-out characters that are measured, from the first on: more would take longer than training does.
const MEASURED_CHARS: usize = 1 << 16;

/// A task's texts in halves.
#[derive(Clone, Debug, Default)]
pub struct TextHalves {
    train: Vec<Part>,
    test: Vec<Part>,
}

/// A text, or the beginning of one.
#[derive(Clone, Debug)]
struct Part {
    text: String,
    /// Whether the text ends where this ends, which the model then learns.
    whole: bool,
}

/// How texts are cut.
#[derive(Clone, Copy, Debug)]
pub struct Cutter<'a> {
    /// The base that reads them.
    pub base: &'a Base,
    /// Tokens of a piece; the base's context where that is shorter.
    pub tokens: usize,
}

impl TextHalves {
    /// Every fifth text is held out; of fewer than five, the last tenth of each.
    pub fn split(texts: Vec<String>) -> Self {
        let mut halves = Self::default();
        let few = texts.len() < EVERY;
        for (index, text) in texts.into_iter().enumerate() {
            if few {
                let (train, test) = text.split_at(last_tenth(&text));
                halves.train.push(Part { text: train.to_owned(), whole: false });
                halves.test.push(Part { text: test.to_owned(), whole: true });
            } else {
                let half = if index % EVERY == EVERY - 1 { &mut halves.test } else { &mut halves.train };
                half.push(Part { text, whole: true });
            }
        }
        halves
    }

    /// Halves that the caller chose.
    pub fn given(train: Vec<String>, test: Vec<String>) -> Self {
        let parts = |texts: Vec<String>| texts.into_iter().map(|text| Part { text, whole: true }).collect();
        Self { train: parts(train), test: parts(test) }
    }
}

impl TaskData {
    /// A task of plain texts.
    ///
    /// # Errors
    /// [`Error::NoText`] where a half has no token to score; those of the tokenizer.
    pub fn of_texts(
        name: &str,
        descriptions: Vec<String>,
        halves: TextHalves,
        cutter: &Cutter<'_>,
    ) -> Result<Self, Error> {
        let train = cutter.train(&halves.train)?;
        let (test, characters) = cutter.test(&halves.test)?;
        for (pieces, purpose) in [(&train, "train on"), (&test, "measure with")] {
            if pieces.is_empty() {
                return Err(Error::NoText { purpose });
            }
        }
        let shown = halves.train.into_iter().map(|part| Example::plain(part.text)).collect();
        Ok(Self { name: name.to_owned(), descriptions, train, test, shown, kind: Kind::Texts { characters } })
    }
}

impl Cutter<'_> {
    /// Each token is scored once, behind at least the token before it.
    fn train(&self, parts: &[Part]) -> Result<Vec<Piece>, Error> {
        let mut pieces = Vec::new();
        for part in parts {
            let mut tokens = self.base.prompter().plain(&part.text)?.tokens;
            if !part.whole {
                tokens.pop();
            }
            pieces.extend(self.cut(&tokens, 1));
        }
        Ok(pieces)
    }

    /// The pieces, and the characters that they hold. Each token but those at a text's beginning is foretold from half a
    /// piece at least; the end of a text is not scored.
    fn test(&self, parts: &[Part]) -> Result<(Vec<Piece>, usize), Error> {
        let (mut pieces, mut characters) = (Vec::new(), 0);
        for part in parts {
            let left = MEASURED_CHARS - characters;
            let end = part.text.char_indices().nth(left).map_or(part.text.len(), |(at, _)| at);
            let text = &part.text[..end];
            characters += text.chars().count();
            let mut tokens = self.base.prompter().plain(text)?.tokens;
            tokens.pop();
            pieces.extend(self.cut(&tokens, self.window() / 2));
        }
        Ok((pieces, characters))
    }

    /// The pieces of one text, each beginning `overlap` tokens before the first that it scores.
    fn cut(&self, text: &[u32], overlap: usize) -> Vec<Piece> {
        let sequence = [self.base.bos(), text].concat();
        let mut pieces = Vec::new();
        let mut scored = 1;
        while scored < sequence.len() {
            let start = if scored == 1 { 0 } else { scored - overlap };
            let end = sequence.len().min(start + self.window());
            pieces.push(Piece { tokens: sequence[start..end].to_vec(), score_from: scored - start });
            scored = end;
        }
        pieces
    }

    /// At least two tokens: one that is seen and one that is scored.
    fn window(&self) -> usize {
        self.tokens.min(self.base.model().config().context).max(2)
    }
}

/// Where the last tenth begins: behind the last line break before it, or at its first character where the half of the
/// text before it has none.
fn last_tenth(text: &str) -> usize {
    let chars = text.chars().count();
    let byte_of = |char: usize| text.char_indices().nth(char).map_or(text.len(), |(at, _)| at);
    let (half, tenth) = (byte_of(chars / 2), byte_of(chars - chars.div_ceil(10)));
    text[half..tenth].rfind('\n').map_or(tenth, |at| half + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::test_base::base;

    fn data(halves: TextHalves, tokens: usize) -> Result<TaskData, Error> {
        TaskData::of_texts("t", vec!["Go on.".to_owned()], halves, &Cutter { base: &base(), tokens })
    }

    fn texts(halves: &[Part]) -> Vec<&str> {
        halves.iter().map(|part| part.text.as_str()).collect()
    }

    #[test]
    fn every_token_of_a_long_text_is_scored_once_behind_the_token_before_it() {
        let text = "A longer text, of some lines.\nAnd another.\n".repeat(3);
        let data = data(TextHalves::given(vec![text.clone()], vec![text.clone()]), 16).expect("a task");
        let base = base();
        let mut sequence = [base.bos(), &base.prompter().plain(&text).expect("tokens").tokens].concat();
        for (pieces, overlap) in [(&data.train, 1), (&data.test, 8)] {
            let mut scored = base.bos().to_vec();
            for (index, piece) in pieces.iter().enumerate() {
                assert!(piece.tokens.len() <= 16);
                assert_eq!(piece.score_from, if index == 0 { 1 } else { overlap });
                let seen = &piece.tokens[..piece.score_from];
                assert_eq!(seen, &scored[scored.len() - seen.len()..]);
                scored.extend(&piece.tokens[piece.score_from..]);
            }
            assert_eq!(scored, sequence);
            // The end of a text is learnt and not measured.
            sequence.pop();
        }
        assert_eq!(data.kind, Kind::Texts { characters: text.chars().count() });
    }

    #[test]
    fn every_fifth_text_is_held_out() {
        let all: Vec<String> = ["a", "b", "c", "d", "e", "f"].map(str::to_owned).into();
        let halves = TextHalves::split(all);
        assert_eq!((texts(&halves.train), texts(&halves.test)), (vec!["a", "b", "c", "d", "f"], vec!["e"]));
    }

    #[test]
    fn of_a_single_text_the_last_tenth_is_held_out_from_a_line_break_on() {
        let text = "0123456789\n".repeat(20);
        let halves = TextHalves::split(vec![text]);
        assert_eq!(texts(&halves.test), ["0123456789\n0123456789\n"]);
        assert!(!halves.train[0].whole);
        let halves = TextHalves::split(vec!["ä".repeat(20)]);
        assert_eq!((texts(&halves.train), texts(&halves.test)), (vec!["ä".repeat(18).as_str()], vec!["ää"]));
    }

    #[test]
    fn a_text_without_a_token_to_measure_with_is_refused() {
        assert!(matches!(data(TextHalves::given(vec!["a".into()], Vec::new()), 16), Err(Error::NoText { .. })));
        assert!(matches!(data(TextHalves::split(vec![String::new()]), 16), Err(Error::NoText { .. })));
    }

    #[test]
    fn a_row_of_texts_is_no_longer_than_was_asked_for() {
        let data = data(TextHalves::split(vec!["A line of a text.\n".repeat(30)]), 64).expect("a task");
        let mut noise = crate::noise::Noise::seeded(1);
        for tokens in [8, 64, 100, 200] {
            let row = data.bare_row(base().bos(), tokens, &mut noise);
            let total: usize = row.pieces.iter().map(|piece| piece.tokens.len()).sum();
            assert!(row.prefix.is_empty() && total > 1 && total <= tokens, "{total} of {tokens}");
            assert!(row.pieces.iter().all(|piece| piece.score_from < piece.tokens.len()));
        }
    }
}
