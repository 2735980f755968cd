//! The kinds of input that an op takes, and how an input of each kind is drawn.

use std::sync::Arc;

use super::Part;
use super::words::{part_of, word};
use crate::noise::Noise;

/// The longest input, in bytes.
pub(super) const MAX_INPUT_BYTES: usize = 24;

/// What an op reads.
#[derive(Clone)]
pub(super) enum Takes {
    /// One word of 3 to 7 letters.
    Word,
    /// Exactly two words, with a space between.
    Pair,
    /// Two or three words, with spaces between.
    Phrase,
    /// Three or four short words, with commas and spaces between.
    List,
    /// A whole number, 0 to 99.
    Number,
    /// A number of two digits.
    TwoDigits,
    /// A key of a fact table.
    Entry(Arc<Entries>),
}

/// The keys of one fact table, split.
pub(super) struct Entries {
    /// What a key is, in a description: "word", "country", ...
    pub(super) object: &'static str,
    pub(super) train: Vec<&'static str>,
    pub(super) test: Vec<&'static str>,
}

impl Takes {
    /// What the input is called in a description, without an article.
    pub(super) fn object(&self) -> &'static str {
        match self {
            Self::Word => "word",
            Self::Pair | Self::Phrase => "phrase",
            Self::List => "list",
            Self::Number | Self::TwoDigits => "number",
            Self::Entry(entries) => entries.object,
        }
    }

    /// All inputs of the part, where there are few.
    pub(super) fn pool(&self, part: Part) -> Option<Vec<String>> {
        let numbers = |from: u32| (from..100).map(|n| n.to_string()).filter(|n| part_of(n) == part).collect();
        match self {
            Self::Number => Some(numbers(0)),
            Self::TwoDigits => Some(numbers(10)),
            Self::Entry(entries) => Some(entries.of(part).iter().map(|&key| key.to_owned()).collect()),
            _ => None,
        }
    }

    /// One input of the part.
    pub(super) fn draw(&self, part: Part, noise: &mut Noise) -> String {
        match self {
            Self::Word => word(part, noise),
            Self::Pair => join(2, " ", part, noise),
            Self::Phrase => join(2 + noise.below(2), " ", part, noise),
            Self::List => join(3 + noise.below(2), ", ", part, noise),
            Self::Number => number(0, part, noise),
            Self::TwoDigits => number(10, part, noise),
            Self::Entry(entries) => (*noise.pick(entries.of(part))).to_owned(),
        }
    }
}

impl Entries {
    fn of(&self, part: Part) -> &[&'static str] {
        match part {
            Part::Train => &self.train,
            Part::Test => &self.test,
        }
    }
}

/// `count` different words of the part, within the length of an input.
fn join(count: usize, between: &str, part: Part, noise: &mut Noise) -> String {
    loop {
        let mut words: Vec<String> = Vec::with_capacity(count);
        while words.len() < count {
            let next = word(part, noise);
            if !words.contains(&next) && (count < 4 || next.len() <= 5) {
                words.push(next);
            }
        }
        let joined = words.join(between);
        if joined.len() <= MAX_INPUT_BYTES {
            return joined;
        }
    }
}

fn number(from: usize, part: Part, noise: &mut Noise) -> String {
    loop {
        let number = (from + noise.below(100 - from)).to_string();
        if part_of(&number) == part {
            return number;
        }
    }
}
