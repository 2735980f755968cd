//! Descriptions as people word them: other words than the ops' templates, in many styles.

mod frames;
mod table;
mod words;

#[cfg(test)]
mod tests;

use table::{Kind, OBJECT};

use super::op::Op;
use super::{Example, Part, SuiteTask};
use crate::noise::Noise;

/// The longest restyled description, in bytes.
pub const MAX_RESTYLED_BYTES: usize = 140;
/// What most are below, in bytes, before an example is added.
const SHORT_BYTES: usize = 74;

/// At the end of what is a question by its frame.
const ASKED: &str = "\u{2}";

/// Draws in search of a text that is short and none of the templates' before one of the templates' is framed.
const ATTEMPTS: usize = 24;

impl SuiteTask {
    /// A description in another wording than `descriptions`, of a style that is drawn: an order, a question, a few
    /// words in haste, two sentences; polite or not, with or without capitals, a final mark and an example (of
    /// [`Part::Train`]). Two thirds of the phrases are of a table of their own, the others are the ops' own ones.
    ///
    /// At most [`MAX_RESTYLED_BYTES`] of ASCII, never one of `unseen_descriptions` or `descriptions`. It draws from
    /// `noise` alone.
    pub fn restyled(&self, noise: &mut Noise) -> String {
        for attempt in 0..ATTEMPTS {
            let most = if attempt < ATTEMPTS / 3 { SHORT_BYTES } else { MAX_RESTYLED_BYTES };
            let text = finished(&self.said(noise), noise);
            if text.len() <= most && self.is_new(&text) {
                return self.with_example(text, noise);
            }
        }
        format!("Your task is this: {}", self.descriptions[0])
    }

    fn said(&self, noise: &mut Noise) -> String {
        match &self.steps[..] {
            [first, second, ..] => composed(first, second, noise),
            [only] => atomic(only, noise),
            [] => String::new(),
        }
    }

    fn is_new(&self, text: &str) -> bool {
        let bare = |text: &str| text.trim_end_matches(['.', '!', '?', ' ']).to_ascii_lowercase();
        let text = bare(text);
        self.descriptions.iter().chain(&self.unseen_descriptions).all(|known| bare(known) != text)
    }

    /// The text, a quarter of the time with an example after it.
    fn with_example(&self, text: String, noise: &mut Noise) -> String {
        if noise.below(4) != 0 {
            return text;
        }
        let mut example = self.example(Part::Train, noise);
        for _ in 0..4 {
            // One that changes nothing would mislead.
            if example.input != example.output {
                break;
            }
            example = self.example(Part::Train, noise);
        }
        let Example { input, output } = example;
        let joint = if text.ends_with(['.', '!', '?']) { frames::EXAMPLE_AFTER } else { frames::EXAMPLE_WITHIN };
        let quote = if noise.below(6) == 0 { "\"" } else { "" };
        let (input, output) = (format!("{quote}{input}{quote}"), format!("{quote}{output}{quote}"));
        let example = put(noise.pick::<&str>(joint), &[('I', &input), ('O', &output)]);
        if text.len() + example.len() > MAX_RESTYLED_BYTES { text } else { text + &example }
    }
}

/// One op in a frame.
fn atomic(op: &Op, noise: &mut Noise) -> String {
    let (kind, phrase) = phrase(op, noise);
    framed(kind, &phrase, op.takes.object(), noise)
}

/// A phrase for the op, its object open: two thirds of the time of the table.
fn phrase(op: &Op, noise: &mut Noise) -> (Kind, String) {
    let table = table::phrases(&op.name);
    if !table.is_empty() && noise.below(3) != 0 {
        let phrase = noise.pick(table);
        return (phrase.kind, phrase.draw(noise));
    }
    let own = &op.phrases;
    let (verbs, nouns) = (own.verbs.len(), own.nouns.len());
    let at = noise.below(verbs + nouns + own.questions.len());
    let (kind, text) = if at < verbs {
        (Kind::Imperative, &own.verbs[at])
    } else if at < verbs + nouns {
        let noun = &own.nouns[at - verbs];
        (if noun.plural { Kind::Plural } else { Kind::Noun }, &noun.text)
    } else {
        (Kind::Question, &own.questions[at - verbs - nouns])
    };
    (kind, text.replace("{}", &OBJECT.to_string()))
}

/// A phrase of one of these kinds, if one comes up soon.
fn phrase_of(op: &Op, kinds: &[Kind], noise: &mut Noise) -> Option<(Kind, String)> {
    (0..40).map(|_| phrase(op, noise)).find(|(kind, _)| kinds.contains(kind))
}

/// The phrase in a frame of its kind that is drawn; its object is what `object` may be called.
fn framed(kind: Kind, phrase: &str, object: &str, noise: &mut Noise) -> String {
    let introduced = noise.below(4) == 0;
    let frames = match kind {
        Kind::Imperative if introduced => frames::INTRODUCED,
        Kind::Imperative if noise.below(6) == 0 && changes(phrase) => frames::RESULT,
        Kind::Imperative => frames::IMPERATIVE,
        Kind::Noun | Kind::Plural if introduced => frames::NOUN_INTRODUCED,
        Kind::Noun | Kind::Plural if noise.below(4) == 0 => frames::TERSE,
        Kind::Noun | Kind::Plural => frames::NOUN,
        Kind::Question if introduced => frames::QUESTION_INTRODUCED,
        Kind::Question => frames::QUESTION,
        Kind::Label => frames::TERSE,
    };
    let name = words::name(object, noise);
    let frame = noise.pick::<&str>(frames);
    let terse = frames == frames::TERSE;
    let said = match (frame.contains(['K', '%']), terse) {
        (_, true) => terse_about(phrase, name, noise),
        (true, _) if phrase.starts_with(OBJECT) || noise.below(4) == 0 => words::about(phrase, &format!("that {name}")),
        (true, _) => words::about(phrase, "it"),
        (false, _) => words::about(phrase, &words::determined(name, noise)),
    };
    let frame = if kind == Kind::Plural {
        frame
            .replace("what is X", "what are X")
            .replace("what's X", "what are X")
            .replace("answer is X", "answer is: X")
    } else {
        (*frame).to_owned()
    };
    sentence(&frame, &[('X', &said), ('K', name), ('%', &words::indefinite(name))])
}

/// "first letter of word", "first letter of the word"
fn terse_about(phrase: &str, name: &str, noise: &mut Noise) -> String {
    let object =
        if noise.below(2) == 0 || phrase.starts_with(OBJECT) { name.to_owned() } else { format!("the {name}") };
    words::about(phrase.strip_prefix("the ").unwrap_or(phrase), &object)
}

/// Whether the imperative asks to make something, not to tell something.
fn changes(imperative: &str) -> bool {
    const TELLING: &[&str] = &[
        "tell",
        "say",
        "answer",
        "check",
        "find",
        "test",
        "give",
        "name",
        "decide",
        "see",
        "determine",
        "figure",
        "work",
        "judge",
        "reply",
        "respond",
        "let",
        "yes",
        "return",
        "look",
        "identify",
        "write",
        "show",
        "output",
        "print",
    ];
    !TELLING.iter().any(|verb| imperative.split(' ').next() == Some(verb))
}

/// Two ops in one of the ways that tell their order.
fn composed(first: &Op, second: &Op, noise: &mut Noise) -> String {
    let said = match noise.below(10) {
        0..=3 => in_a_row(first, second, noise),
        4 | 5 => in_steps(first, second, noise),
        6 => around(first, second, noise),
        7 | 8 => nested(first, second, noise),
        _ => labels(first, second, noise),
    };
    said.unwrap_or_else(|| {
        let steps = in_a_row(first, second, noise);
        steps.unwrap_or_default()
    })
}

/// An imperative for the op: one of its own, or one that asks for what a noun phrase names.
fn imperative(op: &Op, noise: &mut Noise) -> Option<String> {
    const ASKING: &[&str] =
        &["find", "take", "get", "work out", "write down", "give me", "figure out", "write", "pick"];
    const ASKING_IT: &[&str] = &["write", "get", "give me", "return"];
    let (kind, phrase) = phrase_of(op, &[Kind::Imperative, Kind::Noun, Kind::Plural], noise)?;
    let asking = if phrase.starts_with(OBJECT) { ASKING_IT } else { ASKING };
    Some(if kind == Kind::Imperative { phrase } else { format!("{} {phrase}", noise.pick::<&str>(asking)) })
}

/// What the second step calls what the first gave.
fn result(phrase: &str, first: &Op, noise: &mut Noise) -> &'static str {
    const RESULTS: &[&str] =
        &["the result", "the result", "that", "the outcome", "what you get", "the answer", "the output"];
    let it = !first.balanced && !phrase.contains(&format!(" of {OBJECT}")) && noise.below(3) != 0;
    if it { "it" } else { noise.pick::<&str>(RESULTS) }
}

fn in_a_row(first: &Op, second: &Op, noise: &mut Noise) -> Option<String> {
    let (a, b) = (imperative(first, noise)?, imperative(second, noise)?);
    let b = words::about(&b, result(&b, first, noise));
    let both = put(noise.pick::<&str>(frames::IN_A_ROW), &[('A', &a), ('B', &b)]);
    Some(framed(Kind::Imperative, &both, first.takes.object(), noise))
}

/// The first step's imperative about the object by a name, and the second's about the result.
fn steps(first: &Op, second: &Op, noise: &mut Noise) -> Option<(String, String)> {
    let (a, b) = (imperative(first, noise)?, imperative(second, noise)?);
    let b = words::about(&b, result(&b, first, noise));
    let name = words::name(first.takes.object(), noise);
    Some((words::about(&a, &words::determined(name, noise)), b))
}

fn in_steps(first: &Op, second: &Op, noise: &mut Noise) -> Option<String> {
    let (a, b) = steps(first, second, noise)?;
    Some(sentence(noise.pick::<&str>(frames::IN_STEPS), &[('A', &a), ('B', &b)]))
}

fn around(first: &Op, second: &Op, noise: &mut Noise) -> Option<String> {
    let (a, b) = steps(first, second, noise)?;
    let (g, h) = (words::gerund(&a)?, words::gerund(&b)?);
    Some(sentence(noise.pick::<&str>(frames::AROUND), &[('A', &a), ('B', &b), ('G', &g), ('H', &h)]))
}

/// The second op's phrase with what the first gives as its object: "slap parens around the plural of the word".
fn nested(first: &Op, second: &Op, noise: &mut Noise) -> Option<String> {
    let (_, given) = phrase_of(first, &[Kind::Noun, Kind::Plural], noise)?;
    let (kind, phrase) = phrase_of(second, &[Kind::Imperative, Kind::Noun, Kind::Plural, Kind::Question], noise)?;
    // "The plural of the word in parens" and "the last letter of the word minus its first" can be read in two ways.
    let unclear = kind != Kind::Imperative && (phrase.starts_with(OBJECT) || given.starts_with(OBJECT));
    let once = phrase.matches(OBJECT).count() == 1 && !phrase.contains(&format!("{OBJECT}'s"));
    let later = [" with ", " preceded ", " followed ", " plus "];
    // "Flank the number with a zero with stars" as well.
    let clear = !(unclear || given.starts_with(OBJECT) && later.iter().any(|part| given.contains(part)));
    (once && clear).then(|| framed(kind, &phrase.replace(OBJECT, &given), first.takes.object(), noise))
}

/// Two labels, or noun phrases without their articles.
fn labels(first: &Op, second: &Op, noise: &mut Noise) -> Option<String> {
    let (_, a) = phrase_of(first, &[Kind::Label, Kind::Label, Kind::Noun, Kind::Plural], noise)?;
    let (_, b) = phrase_of(second, &[Kind::Label], noise)?;
    let name = words::name(first.takes.object(), noise);
    let a = terse_about(a.trim_end_matches('?'), name, noise);
    let b = words::about(&b, noise.pick::<&str>(&["it", "the result", "result"]));
    let both = put(noise.pick::<&str>(frames::LABELS), &[('A', &a), ('B', &b)]);
    Some(if noise.below(5) == 0 { format!("{name}: {both}") } else { both })
}

/// The frame with what its letters stand for, without its final mark; [`ASKED`] in place of a question mark. (A
/// phrase's own final mark, as in "append ?", is another thing.)
fn sentence(frame: &str, letters: &[(char, &str)]) -> String {
    match frame.strip_suffix('?') {
        Some(body) => put(body, letters) + ASKED,
        None => put(frame.strip_suffix('.').unwrap_or(frame), letters),
    }
}

/// The frame with what its letters stand for; what is put in is not looked at again.
fn put(frame: &str, letters: &[(char, &str)]) -> String {
    let mut text = String::with_capacity(MAX_RESTYLED_BYTES);
    let (mut before, mut rest) = (' ', frame.chars().peekable());
    while let Some(letter) = rest.next() {
        // A letter stands for something only by itself: "Input" and "I'll" keep theirs.
        let alone = !before.is_ascii_alphabetic()
            && rest.peek().is_none_or(|next| !next.is_ascii_alphabetic() && *next != '\'');
        match letters.iter().find(|(name, _)| *name == letter) {
            Some((_, meant)) if alone && text.ends_with(". ") && !text.ends_with(".g. ") => {
                text.push_str(&capital(meant))
            }
            Some((_, meant)) if alone => text.push_str(meant),
            _ => text.push(letter),
        }
        before = letter;
    }
    text
}

/// The text with capitals and a final mark, or without, as people type.
fn finished(said: &str, noise: &mut Noise) -> String {
    let (body, question) = said.strip_suffix(ASKED).map_or((said, false), |body| (body, true));
    let style = noise.below(20);
    let text = if style < 10 { capital(body) } else { body.to_ascii_lowercase() };
    let stops = match style {
        0..=6 | 10..=11 => true,
        _ => question && noise.below(3) != 0,
    };
    // "End it with !" is complete.
    let marked = text.ends_with(['.', '!', '?', ',', ':', ';', '-', '+', '*', '/', '|', '=']);
    let mark = match (question, stops) {
        (true, true) => "?",
        (false, true) if !marked && noise.below(12) == 0 => "!",
        (false, true) if !marked => ".",
        _ => "",
    };
    let text = if style > 13 && noise.below(3) == 0 { text.replace("what's", "whats") } else { text };
    text + mark
}

/// The text with a capital at its start.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}
