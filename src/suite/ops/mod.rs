//! All atomic ops, one file for each group of families.

mod affixes;
mod case;
mod facts;
mod formats;
mod held_out;
mod letters;
mod lists;
mod numbers;
mod phrases;
mod repetition;
mod replacement;
mod spelling;
mod wrapping;
mod yes_no;

use super::op::Op;

pub(super) use held_out::FAMILIES as HELD_OUT_FAMILIES;

/// Every op, those of the held-out families among them.
pub(super) fn all() -> Vec<Op> {
    [
        letters::ops(),
        case::ops(),
        repetition::ops(),
        wrapping::ops(),
        affixes::ops(),
        spelling::ops(),
        replacement::ops(),
        lists::ops(),
        phrases::ops(),
        numbers::ops(),
        yes_no::ops(),
        formats::ops(),
        facts::ops(),
        held_out::ops(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The text with its first letter as a capital.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// The first `count` letters, or all where there are fewer.
fn start(text: &str, count: usize) -> &str {
    text.get(..count).unwrap_or(text)
}

/// The last `count` letters, or all where there are fewer.
fn end(text: &str, count: usize) -> &str {
    &text[text.len().saturating_sub(count)..]
}
