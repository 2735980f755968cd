//! Key-value formats.

use super::super::input::Takes;
use super::super::op::{Follows, Op};

/// Name, how the form is said, what is before and after.
const FORMATS: &[(&str, &str, &str, &str)] = &[
    ("key_word", "the key word", "word: ", ""),
    ("key_name", "the key name", "name: ", ""),
    ("key_answer", "the key answer", "answer: ", ""),
    ("key_x_equals", "the variable x", "x = ", ""),
    ("value_yes", "the value yes", "", " = yes"),
    ("value_one", "the value 1", "", ": 1"),
    ("json_word", "the JSON key word", "{\"word\":\"", "\"}"),
    ("json_name", "the JSON key name", "{\"name\":\"", "\"}"),
];

const KEY: &str = "write {} as the value of @ / give {} @ / put {} under @ / store {} under @ / save {} under @
    / set @ to {} / write {} with @ / file {} under @ / use {} as the value for @ / assign {} to @ / list {} under @
    / label {} with @";

const VALUE: &str = "give {} @ / write {} as a key with @ / set {} to @ / store @ under {} / use {} as the key for @
    / assign @ to {} / put @ under {} / save @ under {} / write {} with @ / file @ under {} / make {} a key with @
    / let {} have @";

pub(super) fn ops() -> Vec<Op> {
    let format = |&(name, said, before, after): &(&str, &str, &'static str, &'static str)| {
        let phrases = if before.is_empty() { VALUE } else { KEY }.replace('@', said);
        Op::new(name, "key_values", Takes::Word, &phrases, move |w| format!("{before}{w}{after}"))
            .following(Follows::Texts)
            .never_first()
    };
    FORMATS.iter().map(format).collect()
}
