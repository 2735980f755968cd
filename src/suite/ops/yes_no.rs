//! Questions about a word, answered with yes or no.

use super::super::input::Takes;
use super::super::op::Op;

/// Name, the condition with `@` for the verb ("starts" / "start"), the test.
type Row = (&'static str, &'static str, &'static str, fn(&str) -> bool);

const ROWS: &[Row] = &[
    ("starts_with_vowel", "starts with a vowel", "start with a vowel", |w| w.starts_with(vowel)),
    ("ends_with_vowel", "ends with a vowel", "end with a vowel", |w| w.ends_with(vowel)),
    ("ends_with_e", "ends with e", "end with e", |w| w.ends_with('e')),
    ("ends_with_t", "ends with t", "end with t", |w| w.ends_with('t')),
    ("starts_with_s", "starts with s", "start with s", |w| w.starts_with('s')),
    ("starts_with_b", "starts with b", "start with b", |w| w.starts_with('b')),
    ("has_a", "has the letter a", "have the letter a", |w| w.contains('a')),
    ("has_o", "has the letter o", "have the letter o", |w| w.contains('o')),
    ("has_double_e", "has a double e", "have a double e", |w| w.contains("ee")),
    ("longer_than_four", "has more than four letters", "have more than four letters", |w| w.len() > 4),
];

const PHRASES: &str = "say yes if {} @ / say whether {} @ / check if {} @ / tell me if {} @ / write yes if {} @
    / answer yes if {} @ / check whether {} @ / find out if {} @ / test if {} @ / say if {} @ / write yes or no: {} @
    / answer yes or no: {} @ / ?does {} $ / ?yes or no: does {} $ / ?is it true that {} @";

pub(super) fn ops() -> Vec<Op> {
    let op = |&(name, says, asks, test): &Row| {
        let phrases = PHRASES.replace('@', says).replace('$', asks);
        Op::new(name, "yes_no", Takes::Word, &phrases, move |w| if test(w) { "yes" } else { "no" }.to_owned())
            .balanced()
    };
    ROWS.iter().map(op).collect()
}

fn vowel(letter: char) -> bool {
    "aeiou".contains(letter)
}
