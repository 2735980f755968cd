//! Phrases of two or three words.

use super::super::input::Takes;
use super::super::op::Op;
use super::capitalised;

type Row = (&'static str, fn() -> Takes, &'static str, fn(&[&str]) -> String);

pub(super) fn ops() -> Vec<Op> {
    let op = |&(name, takes, phrases, run): &Row| {
        let family = if name.starts_with("reverse") { "reversal" } else { "phrases" };
        Op::new(name, family, takes(), phrases, move |p| run(&p.split(' ').collect::<Vec<_>>()))
    };
    let joins = JOINS.iter().map(|&(name, what, between)| {
        Op::new(name, "phrases", Takes::Phrase, &JOIN_PHRASES.replace('@', what), move |p| p.replace(' ', between))
    });
    ROWS.iter().map(op).chain(joins).collect()
}

const ROWS: &[Row] = &[
    (
        "first_word",
        || Takes::Phrase,
        "=the first word of {} / =the word at the start of {} / =the word that {} begins with
        / keep only the first word of {} / pick the first word of {} / =the opening word of {}",
        |p| p[0].to_owned(),
    ),
    (
        "last_word",
        || Takes::Phrase,
        "=the last word of {} / =the word at the end of {} / =the word that {} ends with
        / keep only the last word of {} / pick the last word of {} / =the final word of {}",
        |p| p[p.len() - 1].to_owned(),
    ),
    (
        "second_word",
        || Takes::Phrase,
        "=the second word of {} / =word two of {} / =word number two of {} / keep only the second word of {}
        / pick the second word of {}",
        |p| p[1].to_owned(),
    ),
    (
        "without_first_word",
        || Takes::Phrase,
        "={} without its first word / remove the first word of {} / drop the first word of {}
        / =all but the first word of {}
        / delete the first word of {} / leave out the first word of {}",
        |p| p[1..].join(" "),
    ),
    (
        "without_last_word",
        || Takes::Phrase,
        "={} without its last word / remove the last word of {} / drop the last word of {}
        / =all but the last word of {}
        / delete the last word of {} / leave out the last word of {}",
        |p| p[..p.len() - 1].join(" "),
    ),
    (
        "initials",
        || Takes::Phrase,
        "+the initials of {} / +the first letters of the words of {} / =the first letter of each word of {}
        / shorten {} to its initials / keep only the initials of {} / =a short form of {} from its first letters",
        |p| p.iter().map(|word| &word[..1]).collect(),
    ),
    (
        "initials_dots",
        || Takes::Phrase,
        "+the initials of {} with dots / =the first letter of each word of {} with a dot after it
        / shorten {} to initials with dots / write a dot after each initial of {} / +the dotted initials of {}",
        |p| p.iter().map(|word| format!("{}.", &word[..1])).collect(),
    ),
    (
        "title",
        || Takes::Phrase,
        "put a capital on each word of {} / capitalise each word of {} / write {} as a title / turn {} into a title
        / write {} with a capital on every word / start each word of {} with a capital / make {} look like a title
        / give each word of {} a capital / begin every word of {} with a capital / set {} as a title
        / write each word of {} with a capital / make the first letter of each word of {} big",
        |p| p.iter().map(|word| capitalised(word)).collect::<Vec<_>>().join(" "),
    ),
    (
        "camel",
        || Takes::Phrase,
        "write {} in camel case / put {} in camel case / turn {} into camel case / ={} in camel case
        / join the words of {} in camel case / change {} to camel case / make {} camel case / set {} in camel case",
        |p| {
            let rest: String = p[1..].iter().map(|word| capitalised(word)).collect();
            format!("{}{rest}", p[0])
        },
    ),
    (
        "reverse_words",
        || Takes::Pair,
        "write the words of {} in reverse order / reverse the order of the words of {} / put the last word of {} first
        / write the second word of {} before the first / reverse the words of {} / turn the two words of {} around
        / =the words of {} in reverse order / flip the two words of {}",
        |p| format!("{} {}", p[1], p[0]),
    ),
    (
        "word_count",
        || Takes::Phrase,
        "count the words of {} / =the number of words in {} / say how many words {} has / ?how many words does {} have
        / =the count of words in {}",
        |p| p.len().to_string(),
    ),
];

const JOINS: &[(&str, &str, &str)] = &[
    ("words_joined", "nothing", ""),
    ("words_hyphens", "hyphens", "-"),
    ("words_underscores", "underscores", "_"),
    ("words_dots", "dots", "."),
    ("words_slashes", "slashes", "/"),
    ("words_commas", "commas", ", "),
];

const JOIN_PHRASES: &str =
    "write {} with @ in place of the spaces / join the words of {} with @ between / link the words of {} with @
    / put @ between the words of {} / replace the spaces of {} with @ / connect the words of {} with @
    / turn the spaces of {} into @ / write the words of {} with @ between / change the spaces of {} to @
    / glue the words of {} together with @ / join the words of {} with @ / write @ between the words of {}";
