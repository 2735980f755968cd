//! Marks, words and letters added before or after.

use super::super::input::Takes;
use super::super::op::{Follows, Op};

type Row = (&'static str, &'static str, &'static str);

const MARKS_AFTER: &[Row] = &[
    ("exclaim", "an exclamation mark", "!"),
    ("question", "a question mark", "?"),
    ("full_stop", "a full stop", "."),
    ("comma_after", "a comma", ","),
    ("dots_after", "three dots", "..."),
    ("colon_after", "a colon", ":"),
];

const MARKS_BEFORE: &[Row] = &[
    ("dash_before", "a dash", "- "),
    ("hash_before", "a hash sign", "#"),
    ("at_before", "an at sign", "@"),
    ("dollar_before", "a dollar sign", "$"),
    ("arrow_before", "an arrow", "> "),
];

const WORDS_BEFORE: &[Row] = &[
    ("the_before", "the word the", "the "),
    ("my_before", "the word my", "my "),
    ("no_before", "the word no", "no "),
    ("a_before", "the word a", "a "),
    ("very_before", "the word very", "very "),
    ("oh_before", "the word oh", "oh "),
];

const WORDS_AFTER: &[Row] = &[
    ("too_after", "the word too", " too"),
    ("now_after", "the word now", " now"),
    ("again_after", "the word again", " again"),
];

const LETTERS_BEFORE: &[Row] = &[("un_before", "the letters un", "un"), ("re_before", "the letters re", "re")];

const LETTERS_AFTER: &[Row] = &[
    ("s_after", "the letter s", "s"),
    ("ing_after", "the letters ing", "ing"),
    ("er_after", "the letters er", "er"),
    ("ly_after", "the letters ly", "ly"),
    ("y_after", "the letter y", "y"),
];

const BEFORE: &str = "put @ before {} / add @ before {} / write @ before {} / place @ before {} / put @ in front of {}
    / add @ in front of {} / write @ in front of {} / start {} with @ / begin {} with @ / let @ come before {}
    / write {} after @ / put {} after @";

const AFTER: &str = "put @ after {} / add @ after {} / write @ after {} / place @ after {} / add @ to the end of {}
    / end {} with @ / finish {} with @ / let @ follow {} / put @ at the end of {} / write {} followed by @
    / write {} before @ / put {} before @";

pub(super) fn ops() -> Vec<Op> {
    let before = |rows: &'static [Row], family, follows| {
        rows.iter().map(move |&(name, what, text)| {
            Op::new(name, family, Takes::Word, &said(BEFORE, what), move |w| format!("{text}{w}")).following(follows)
        })
    };
    let after = |rows: &'static [Row], family, follows| {
        rows.iter().map(move |&(name, what, text)| {
            Op::new(name, family, Takes::Word, &said(AFTER, what), move |w| format!("{w}{text}")).following(follows)
        })
    };
    after(MARKS_AFTER, "marks", Follows::Texts)
        .chain(before(MARKS_BEFORE, "marks", Follows::Texts))
        .map(Op::never_first)
        .chain(before(WORDS_BEFORE, "words_added", Follows::Texts))
        .chain(after(WORDS_AFTER, "words_added", Follows::Texts))
        .chain(before(LETTERS_BEFORE, "letters_added", Follows::Words))
        .chain(after(LETTERS_AFTER, "letters_added", Follows::Words))
        .collect()
}

fn said(phrases: &str, what: &str) -> String {
    phrases.replace('@', what)
}
