//! Small English: articles, what the object may be called, "its", gerunds.

use super::table::OBJECT;
use crate::noise::Noise;

/// What the input of a task may be called, each without its article; the first is the plain name.
fn names(object: &str) -> &'static [&'static str] {
    match object {
        "phrase" => &["phrase", "phrase", "expression", "text", "group of words", "input", "string"],
        "list" => &["list", "list", "sequence", "input", "comma separated list", "series"],
        "number" => &["number", "number", "figure", "value", "input"],
        "country" => &["country", "country", "nation", "place"],
        "city" => &["city", "city", "capital", "capital city"],
        "thing" => &["thing", "thing", "item", "object", "noun"],
        "animal" => &["animal", "animal", "creature", "beast"],
        "day" => &["day", "day", "weekday", "day of the week"],
        "month" => &["month", "month", "input month", "calendar month"],
        "verb" => &["verb", "verb", "action word", "input"],
        "past form" => &["past form", "past tense verb", "verb form", "past tense form"],
        "plural" => &["plural", "plural word", "plural noun", "word"],
        "adjective" => &["adjective", "adjective", "describing word", "input"],
        _ => &["word", "word", "word", "word", "term", "text", "string", "input", "input word"],
    }
}

/// One name of the object.
pub(super) fn name(object: &str, noise: &mut Noise) -> &'static str {
    noise.pick::<&str>(names(object))
}

/// The name after a determiner that is drawn: "the word", "my word", "this word".
pub(super) fn determined(name: &str, noise: &mut Noise) -> String {
    const DETERMINERS: &[&str] =
        &["the", "the", "the", "the", "the", "a", "a", "this", "the given", "my", "that", "each", "your"];
    match *noise.pick::<&str>(DETERMINERS) {
        "a" => indefinite(name),
        determiner => format!("{determiner} {name}"),
    }
}

/// "a word", "an animal".
pub(super) fn indefinite(name: &str) -> String {
    let article = if name.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" };
    format!("{article} {name}")
}

/// The phrase about this object: "the first letter of it" becomes "its first letter", "it's" becomes "its".
pub(super) fn about(phrase: &str, object: &str) -> String {
    let pronoun = ["it", "that", "this"].contains(&object);
    let mut said = phrase.to_owned();
    if object == "it" {
        said = possessive(&said).unwrap_or(said);
    }
    if pronoun {
        said = said.replace(&format!("{OBJECT}'s"), "its");
    }
    said.replace(OBJECT, object)
}

/// "the first letter of {}" as "its first letter", where the phrase has such a part, and a short one.
fn possessive(phrase: &str) -> Option<String> {
    let (before, after) = phrase.split_once(&format!(" of {OBJECT}"))?;
    if after.starts_with(" and") || after.starts_with('\'') || after.contains(OBJECT) {
        return None;
    }
    let (lead, owned) = match before.rfind(" the ") {
        Some(at) => (&before[..=at], &before[at + 5..]),
        None => ("", before.strip_prefix("the ")?),
    };
    let other = |word: &str| ["of", "for", "that", "in", "from", "with", "to", "is", "are"].contains(&word);
    let short = owned.split(' ').count() <= 4 && !owned.split(' ').any(other) && !owned.contains(OBJECT);
    short.then(|| format!("{lead}its {owned}{after}"))
}

/// The imperative as a gerund ("flip it" as "flipping it"); none where another verb may follow the first.
pub(super) fn gerund(imperative: &str) -> Option<String> {
    const DOUBLING: &[&str] = &[
        "put", "cut", "chop", "flip", "strip", "trim", "swap", "slap", "wrap", "drop", "get", "let", "set", "snip",
        "pop", "tag", "begin", "sub", "split", "clip", "skip", "stop", "run", "hit", "map", "step", "omit", "tap",
        "lop",
    ];
    let (verb, rest) = imperative.split_once(' ')?;
    let more = [", ", ": ", " and then ", " so ", " if ", " whether ", " and say ", " and answer ", " and add "];
    if more.iter().any(|part| imperative.contains(part)) || !verb.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
        return None;
    }
    let stem = match verb {
        _ if DOUBLING.contains(&verb) => format!("{verb}{}", &verb[verb.len() - 1..]),
        "tie" => "ty".to_owned(),
        _ if verb.ends_with("ee") => verb.to_owned(),
        _ => verb.strip_suffix('e').unwrap_or(verb).to_owned(),
    };
    Some(format!("{stem}ing {rest}"))
}
