//! Facts as plain sentences, for the base model's training text. Entries of both parts are stated.

use super::facts;
use super::number_words::in_words;

/// Every fact in several wordings.
#[must_use]
pub fn statements() -> Vec<String> {
    let facts = facts::all().flat_map(|fact| {
        let pairs = fact.pairs().into_iter();
        pairs.flat_map(|(key, value)| fact.sentences.iter().map(move |sentence| state(sentence, key, value)))
    });
    let numbers = (0..100).flat_map(|number| {
        let (digits, words, next) = (number.to_string(), in_words(number), (number + 1).to_string());
        [
            state("K in words is V.", &digits, &words),
            state("K in digits is V.", &words, &digits),
            state("The number after K is V.", &digits, &next),
            state("The number before K is V.", &next, &digits),
        ]
    });
    facts.chain(numbers).collect()
}

/// The sentence with `K` and `V` filled in where they stand as words, and a capital at its start.
fn state(sentence: &str, key: &str, value: &str) -> String {
    let fill = |word: &str| {
        let core = word.trim_end_matches(['.', ',', ';']);
        let marks = &word[core.len()..];
        match core {
            "K" => format!("{key}{marks}"),
            "V" => format!("{value}{marks}"),
            _ => word.to_owned(),
        }
    };
    let mut filled = sentence.split(' ').map(fill).collect::<Vec<_>>().join(" ");
    filled[..1].make_ascii_uppercase();
    filled
}
