//! Words spelled out, with something between the letters.

use super::super::input::Takes;
use super::super::op::{Follows, Op};

const BETWEEN: &[(&str, &str, &str)] = &[
    ("spell_spaces", "spaces", " "),
    ("spell_hyphens", "hyphens", "-"),
    ("spell_commas", "commas", ","),
    ("spell_dots", "dots", "."),
    ("spell_plus", "plus signs", "+"),
];

const PHRASES: &str = "put @ between the letters of {} / spell {} out with @ / spell {} with @ between the letters
    / write the letters of {} with @ between / separate the letters of {} with @ / split {} into letters with @
    / write {} letter by letter with @ / break {} into letters with @ / write @ between all letters of {}
    / add @ between the letters of {} / space the letters of {} out with @ / join the letters of {} with @";

pub(super) fn ops() -> Vec<Op> {
    let spell = |&(name, what, between): &(&str, &str, &'static str)| {
        Op::new(name, "spelled_out", Takes::Word, &PHRASES.replace('@', what), move |w| {
            w.chars().map(String::from).collect::<Vec<_>>().join(between)
        })
        .following(Follows::Words)
    };
    BETWEEN.iter().map(spell).collect()
}
