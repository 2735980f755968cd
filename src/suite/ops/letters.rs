//! Letters of a word: by position, all but some, reversed, counted.

use super::super::input::Takes;
use super::super::op::{Follows, Op};
use super::{end, start};

type Row = (&'static str, Follows, &'static str, fn(&str) -> String);

pub(super) fn ops() -> Vec<Op> {
    let family = |name: &'static str, rows: &'static [Row]| {
        rows.iter()
            .map(move |&(op, follows, phrases, run)| Op::new(op, name, Takes::Word, phrases, run).following(follows))
    };
    family("letter_positions", POSITIONS)
        .chain(family("letter_removal", REMOVALS))
        .chain(family("reversal", REVERSALS))
        .chain(family("length", LENGTHS))
        .collect()
}

const POSITIONS: &[Row] = &[
    (
        "first_letter",
        Follows::Words,
        "=the first letter of {} / =the letter at the start of {} / =the letter that {} begins with
        / keep only the first letter of {} / =the opening letter of {}",
        |w| start(w, 1).to_owned(),
    ),
    (
        "last_letter",
        Follows::Words,
        "=the last letter of {} / =the letter at the end of {} / =the letter that {} ends with
        / keep only the last letter of {} / =the final letter of {}",
        |w| end(w, 1).to_owned(),
    ),
    (
        "second_letter",
        Follows::Words,
        "=the second letter of {} / =letter two of {} / =the letter after the first one of {}
        / keep only the second letter of {} / =letter number two of {}",
        |w| w[1..2].to_owned(),
    ),
    (
        "third_letter",
        Follows::Words,
        "=the third letter of {} / =letter three of {} / keep only the third letter of {}
        / =letter number three of {} / =the third character of {}",
        |w| w[2..3].to_owned(),
    ),
    (
        "next_to_last_letter",
        Follows::Nothing,
        "=the last letter but one of {} / =the letter before the last one of {} / =the next to last letter of {}
        / keep only the last letter but one of {} / =the second letter from the end of {}",
        |w| w[w.len() - 2..w.len() - 1].to_owned(),
    ),
    (
        "first_two_letters",
        Follows::Words,
        "+the first two letters of {} / +the two letters at the start of {} / +the two letters {} begins with
        / keep only the first two letters of {} / cut {} down to its first two letters",
        |w| start(w, 2).to_owned(),
    ),
    (
        "last_two_letters",
        Follows::Words,
        "+the last two letters of {} / +the two letters at the end of {} / +the two letters {} ends with
        / keep only the last two letters of {} / cut {} down to its last two letters",
        |w| end(w, 2).to_owned(),
    ),
    (
        "first_three_letters",
        Follows::Words,
        "+the first three letters of {} / +the three letters at the start of {} / +the three letters {} begins with
        / keep only the first three letters of {} / cut {} down to three letters",
        |w| start(w, 3).to_owned(),
    ),
    (
        "last_three_letters",
        Follows::Nothing,
        "+the last three letters of {} / +the three letters at the end of {} / +the three letters {} ends with
        / keep only the last three letters of {} / cut {} down to its last three letters",
        |w| end(w, 3).to_owned(),
    ),
    (
        "first_and_last_letter",
        Follows::Nothing,
        "+the first and last letters of {} / +the outer two letters of {} / keep only the ends of {}
        / join the first and last letters of {} / +the letters at both ends of {}",
        |w| format!("{}{}", start(w, 1), end(w, 1)),
    ),
];

const REMOVALS: &[Row] = &[
    (
        "without_first_letter",
        Follows::Words,
        "={} without its first letter / remove the first letter of {} / drop the first letter of {}
        / delete the first letter of {} / leave out the first letter of {} / take the first letter off {}
        / cut the first letter off {} / =all but the first letter of {}",
        |w| w[1..].to_owned(),
    ),
    (
        "without_last_letter",
        Follows::Words,
        "={} without its last letter / remove the last letter of {} / drop the last letter of {}
        / delete the last letter of {} / leave out the last letter of {} / take the last letter off {}
        / cut the last letter off {} / =all but the last letter of {}",
        |w| w[..w.len() - 1].to_owned(),
    ),
    (
        "without_first_two",
        Follows::Nothing,
        "={} without its first two letters / remove the first two letters of {} / drop the first two letters of {}
        / delete the first two letters of {} / leave out the first two letters of {}
        / =all but the first two letters of {}",
        |w| w[2..].to_owned(),
    ),
    (
        "without_last_two",
        Follows::Nothing,
        "={} without its last two letters / remove the last two letters of {} / drop the last two letters of {}
        / delete the last two letters of {} / leave out the last two letters of {}
        / =all but the last two letters of {}",
        |w| w[..w.len() - 2].to_owned(),
    ),
    (
        "without_ends",
        Follows::Nothing,
        "={} without its first and last letters / remove both end letters of {} / drop the letters at both ends of {}
        / =the inside of {} / delete the first and last letters of {} / +the inner letters of {}",
        |w| w[1..w.len() - 1].to_owned(),
    ),
    (
        "without_second_letter",
        Follows::Nothing,
        "={} without its second letter / remove the second letter of {} / drop the second letter of {}
        / delete the second letter of {} / leave out the second letter of {} / =all but the second letter of {}",
        |w| format!("{}{}", &w[..1], &w[2..]),
    ),
];

const REVERSALS: &[Row] = &[(
    "reverse",
    Follows::Nothing,
    "write {} backwards / reverse the letters of {} / spell {} in reverse / reverse {} / turn {} around
        / spell {} backwards / write {} from right to left / ={} backwards / ={} in reverse
        / flip the order of the letters of {} / put the letters of {} in reverse order / write {} from end to start",
    |w| w.chars().rev().collect(),
)];

const LENGTHS: &[Row] = &[
    (
        "length",
        Follows::Words,
        "count the letters of {} / =the number of letters in {} / =the length of {} / say how long {} is
        / ?how many letters does {} have / ?how long is {} / count how many letters {} has",
        |w| w.len().to_string(),
    ),
    (
        "letters_as_dots",
        Follows::Words,
        "write a dot for each letter of {} / replace each letter of {} with a dot / turn {} into dots
        / hide {} behind dots / =a row of dots as long as {} / =one dot for each letter of {}",
        |w| ".".repeat(w.len()),
    ),
];
