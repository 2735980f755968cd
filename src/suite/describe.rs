//! Descriptions: English sentences that ask for an op or for a composition of two.

use std::collections::HashSet;

use super::op::{Noun, Op};
use crate::noise::Noise;

/// The most training descriptions that one task has.
const MOST: usize = 16;
/// How many descriptions a task keeps unseen.
const UNSEEN: usize = 2;

/// A task's descriptions: those for training, then the two kept unseen.
pub(super) struct Descriptions {
    pub(super) seen: Vec<String>,
    pub(super) unseen: Vec<String>,
}

/// The descriptions of an op by itself. Its first phrase is always one for training.
pub(super) fn atomic(op: &Op, noise: &mut Noise) -> Descriptions {
    let object = op.takes.object();
    let mut all: Vec<String> = op.phrases.imperatives().iter().map(|phrase| stop(phrase)).collect();
    for noun in &op.phrases.nouns {
        all.push(ask(&noun.text, noun.plural));
        all.push(stop(&noun.text));
        if let Some(bare) = noun.text.strip_prefix("the ") {
            all.push(stop(bare));
        }
    }
    all.extend(op.phrases.questions.iter().map(|question| format!("{question}?")));
    let mut distinct = HashSet::new();
    all.retain(|phrase| distinct.insert(phrase.clone()));
    noise.shuffle(&mut all[1..]);
    all.truncate(MOST + UNSEEN);
    let said = all.iter().enumerate().map(|(index, phrase)| {
        let article = if index > 0 && noise.below(6) == 0 { "this" } else { "the" };
        capital(&fill(phrase, &format!("{article} {object}")))
    });
    split(said.collect())
}

/// The descriptions of `first`, then `second` on its result; none that is in `taken`, and each is added there.
pub(super) fn composed(first: &Op, second: &Op, taken: &mut HashSet<String>, noise: &mut Noise) -> Descriptions {
    let object = format!("the {}", first.takes.object());
    let (leading, trailing) = (first.phrases.imperatives(), second.phrases.imperatives());
    let mut said = Vec::new();
    for attempt in 0..400 {
        if said.len() == 12 + UNSEEN {
            break;
        }
        let described = if attempt % 3 == 0 && !first.phrases.nouns.is_empty() {
            nested(&fill(&noise.pick(&first.phrases.nouns).text, &object), second, noise)
        } else {
            let a = fill(noise.pick::<String>(&leading), &object);
            connected(&a, noise.pick::<String>(&trailing), noise)
        };
        // A short description is clearer, and cheaper to read.
        if described.len() <= if attempt < 200 { 72 } else { 110 } && taken.insert(described.clone()) {
            said.push(described);
        }
    }
    split(said)
}

/// The second op's phrase with what the first op gives as its object: "Put the plural of the word in brackets."
fn nested(given: &str, second: &Op, noise: &mut Noise) -> String {
    let nouns: &[Noun] = &second.phrases.nouns;
    if !nouns.is_empty() && noise.below(3) == 0 {
        let noun = noise.pick(nouns);
        return capital(&fill(&ask(&noun.text, noun.plural), given));
    }
    capital(&stop(&fill(noise.pick::<String>(&second.phrases.imperatives()), given)))
}

/// Two imperatives in a row.
fn connected(a: &str, second: &str, noise: &mut Noise) -> String {
    const PATTERNS: &[&str] = &[
        "A, then B.",
        "A, then B.",
        "first A, then B.",
        "A and B.",
        "A and then B.",
        "after you A, B.",
        "once you A, B.",
        "A. Then B.",
        "first A and then B.",
        "A; then B.",
        "A. Next, B.",
    ];
    let of_it = second.contains("of {}");
    let pronoun = if of_it || noise.below(3) == 0 { *noise.pick(&["the result", "the answer"]) } else { "it" };
    let b = fill(second, pronoun);
    let said: String = noise
        .pick(PATTERNS)
        .chars()
        .map(|letter| match letter {
            'A' => a.to_owned(),
            'B' => b.clone(),
            other => other.to_string(),
        })
        .collect();
    capital(&said)
}

fn split(mut all: Vec<String>) -> Descriptions {
    let unseen = all.split_off(all.len().saturating_sub(UNSEEN));
    Descriptions { seen: all, unseen }
}

/// The phrase about this object; "it's" becomes "its".
fn fill(phrase: &str, object: &str) -> String {
    if object == "it" { phrase.replace("{}'s", "its").replace("{}", "it") } else { phrase.replace("{}", object) }
}

fn ask(noun: &str, plural: bool) -> String {
    format!("what {} {noun}?", if plural { "are" } else { "is" })
}

fn stop(phrase: &str) -> String {
    format!("{phrase}.")
}

fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
