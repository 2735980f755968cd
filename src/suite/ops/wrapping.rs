//! Brackets, quotes and other marks on both sides.

use super::super::input::Takes;
use super::super::op::{Follows, Op};

/// Name, how the marks are said, what is before and after.
const WRAPS: &[(&str, &str, &str, &str)] = &[
    ("round_brackets", "round brackets", "(", ")"),
    ("square_brackets", "square brackets", "[", "]"),
    ("curly_brackets", "curly brackets", "{", "}"),
    ("angle_brackets", "angle brackets", "<", ">"),
    ("double_quotes", "double quotes", "\"", "\""),
    ("single_quotes", "single quotes", "'", "'"),
    ("stars", "stars", "*", "*"),
    ("double_stars", "double stars", "**", "**"),
    ("dashes", "dashes", "-", "-"),
    ("bars", "bars", "|", "|"),
    ("slashes", "slashes", "/", "/"),
    ("underscores", "underscores", "_", "_"),
    ("equals", "equals signs", "=", "="),
    ("hashes", "hash signs", "#", "#"),
    ("tildes", "waves", "~", "~"),
    ("colons", "colons", ":", ":"),
];

const PHRASES: &str = "put {} in @ / put {} between @ / wrap {} in @ / set {} between @ / surround {} with @
    / enclose {} in @ / write {} inside @ / place {} between @ / write {} in @ / put @ around {} / add @ around {}
    / write @ on both sides of {}";

pub(super) fn ops() -> Vec<Op> {
    let wrap = |&(name, marks, before, after): &(&str, &str, &'static str, &'static str)| {
        let phrases = PHRASES.replace('@', marks);
        Op::new(name, "wrapping", Takes::Word, &phrases, move |w| format!("{before}{w}{after}"))
            .following(Follows::Texts)
            .never_first()
    };
    WRAPS.iter().map(wrap).collect()
}
