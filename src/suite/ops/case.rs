//! Capital letters.

use super::super::input::Takes;
use super::super::op::{Follows, Op};
use super::{capitalised, end, start};

pub(super) fn ops() -> Vec<Op> {
    let op = |name: &str, phrases: &str, run: fn(&str) -> String| Op::new(name, "case", Takes::Word, phrases, run);
    vec![
        op(
            "upper",
            "write {} in capital letters / put {} in capital letters / capitalise all letters of {}
        / write {} in capitals
            / put {} in capitals / turn {} into capitals / make {} all capitals / write {} in upper case
            / put {} in upper case / change {} to upper case / convert {} to capitals / make all letters of {} big",
            str::to_ascii_uppercase,
        )
        .following(Follows::Texts),
        op(
            "capitalise",
            "make the first letter of {} a capital / start {} with a capital letter / write {} with a capital
            / capitalise {} / give {} a capital letter / begin {} with a capital / make {} start with a capital
            / write {} like a name / put a capital at the start of {} / capitalise the first letter of {}
            / turn the first letter of {} into a capital / write {} with a big first letter",
            capitalised,
        )
        .following(Follows::Texts),
        op(
            "capital_last",
            "make the last letter of {} a capital / end {} with a capital letter / write {} with a capital at the end
            / capitalise the last letter of {} / make {} end with a capital
        / turn the last letter of {} into a capital
            / write {} with a big last letter / put the last letter of {} in upper case / end {} on a capital
            / change the last letter of {} to a capital / raise the last letter of {} / finish {} with a capital",
            |w| format!("{}{}", &w[..w.len() - 1], end(w, 1).to_ascii_uppercase()),
        )
        .following(Follows::Words),
        op(
            "capital_ends",
            "capitalise the first and last letters of {} / make both ends of {} capitals
            / write {} with a capital at each end / put a capital at both ends of {} / give {} capitals at its ends
            / raise the first and last letters of {} / make the outer letters of {} capitals
            / begin and end {} with a capital / write {} with big outer letters / start and end {} with a capital
            / turn the outer letters of {} into capitals / put the ends of {} in upper case",
            |w| format!("{}{}{}", capitalised(start(w, 1)), &w[1..w.len() - 1], end(w, 1).to_ascii_uppercase()),
        ),
    ]
}
