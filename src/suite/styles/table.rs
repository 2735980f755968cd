//! The table of phrases, read once.
//!
//! A line is a head, a colon and phrases separated by ` / `; an indented line goes on with the one before. Heads:
//! `<name>` is a word list that any phrase may name; `*name` a pattern for several ops, with `@` and `$` where their
//! parameters stand; `op *name` an op of that pattern, followed by what its parameters are called (`>>` before the
//! second one's names); `op` an op's own phrases. In a phrase `{}` is the object and `[a|b]` a choice. The first
//! letter tells its kind: `=` a noun phrase, `+` a plural one, `?` a question, `~` a label, else an imperative.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::noise::Noise;

/// Stands for the object in what is drawn; no phrase has it otherwise, as a name for curly brackets has braces.
pub(super) const OBJECT: char = '\u{1}';

/// What a phrase is, grammatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// "flip the word"
    Imperative,
    /// "the mirror image of the word"
    Noun,
    /// "the initials of the phrase"
    Plural,
    /// "how long is the word"
    Question,
    /// "uppercase", "word reversed"
    Label,
}

/// One phrase, its choices open.
pub(super) struct Phrase {
    pub(super) kind: Kind,
    template: Template,
}

type Template = Vec<Piece>;

enum Piece {
    Text(String),
    OneOf(Vec<Template>),
}

/// The first has the word lists; each further one has more phrases of some of the ops, by another hand.
const SOURCES: [&str; 8] = [
    include_str!("phrases.txt"),
    include_str!("more/letters.txt"),
    include_str!("more/around.txt"),
    include_str!("more/added.txt"),
    include_str!("more/changed.txt"),
    include_str!("more/lists.txt"),
    include_str!("more/numbers.txt"),
    include_str!("more/facts.txt"),
];

/// The phrases of an op; none where the table has no entry.
pub(super) fn phrases(op: &str) -> &'static [Phrase] {
    static TABLE: LazyLock<HashMap<String, Vec<Phrase>>> = LazyLock::new(|| read(&SOURCES.concat()));
    TABLE.get(op).map_or(&[], Vec::as_slice)
}

impl Phrase {
    /// The phrase with its choices made and [`OBJECT`] where the object stands.
    pub(super) fn draw(&self, noise: &mut Noise) -> String {
        let mut text = String::new();
        write(&self.template, &mut text, noise);
        // A choice that is empty, or begins with a comma or a vowel, leaves what must be put right.
        let words: Vec<_> = text.split(' ').filter(|word| !word.is_empty()).collect();
        words.join(" ").replace(" , ", ", ").replace(" a upper", " an upper")
    }
}

fn write(template: &[Piece], text: &mut String, noise: &mut Noise) {
    for piece in template {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::OneOf(choices) => write(noise.pick::<Template>(choices), text, noise),
        }
    }
}

/// What the references of a phrase stand for.
#[derive(Default)]
struct Names {
    lists: HashMap<String, Vec<String>>,
    /// Of `@` and of `$`.
    parameters: [Vec<String>; 2],
}

fn read(source: &str) -> HashMap<String, Vec<Phrase>> {
    let mut names = Names::default();
    let mut patterns: HashMap<String, Vec<String>> = HashMap::new();
    let mut table: HashMap<String, Vec<Phrase>> = HashMap::new();
    for line in logical_lines(source) {
        let (head, body) = line.split_once(": ").unwrap_or((&line, ""));
        names.parameters = Default::default();
        if head.starts_with('<') {
            names.lists.insert(head.trim_matches(['<', '>']).to_owned(), items(body));
        } else if let Some(pattern) = head.strip_prefix('*') {
            patterns.insert(pattern.to_owned(), items(body));
        } else if let Some((op, pattern)) = head.split_once(" *") {
            let (first, second) = body.split_once(" >> ").unwrap_or((body, ""));
            names.parameters = [items(first), items(second)];
            let sources = patterns.get(pattern).map_or(&[][..], Vec::as_slice);
            table.entry(op.to_owned()).or_default().extend(sources.iter().map(|source| phrase(source, &names)));
        } else {
            table.entry(head.to_owned()).or_default().extend(items(body).iter().map(|source| phrase(source, &names)));
        }
    }
    table
}

/// The lines without comments, each with the indented ones that go on with it.
fn logical_lines(source: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for line in source.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match lines.last_mut() {
            Some(last) if line.starts_with(' ') => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines
}

fn items(body: &str) -> Vec<String> {
    body.split(" / ").map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn phrase(source: &str, names: &Names) -> Phrase {
    let kind = match source.as_bytes().first() {
        Some(b'=') => Kind::Noun,
        Some(b'+') => Kind::Plural,
        Some(b'?') => Kind::Question,
        Some(b'~') => Kind::Label,
        _ => Kind::Imperative,
    };
    let text = if kind == Kind::Imperative { source } else { &source[1..] };
    Phrase { kind, template: parse(text, names) }
}

fn parse(source: &str, names: &Names) -> Template {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['[', '<', '@', '$', '{']) {
        let (plain, marked) = rest.split_at(at);
        pieces.push(Piece::Text(plain.to_owned()));
        let (piece, length) = reference(marked, names);
        pieces.push(piece);
        rest = &marked[length..];
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

/// The piece at the start of `marked`, and how many bytes it takes; a mark that opens nothing stands for itself.
fn reference(marked: &str, names: &Names) -> (Piece, usize) {
    let verbatim =
        |options: &[String]| Piece::OneOf(options.iter().map(|option| vec![Piece::Text(option.clone())]).collect());
    if marked.starts_with("{}") {
        return (Piece::Text(OBJECT.to_string()), 2);
    }
    if let Some((choices, _)) = marked.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        return (Piece::OneOf(choices.split('|').map(|choice| parse(choice, names)).collect()), choices.len() + 2);
    }
    if let Some((list, _)) = marked.strip_prefix('<').and_then(|inner| inner.split_once('>'))
        && let Some(options) = names.lists.get(list)
    {
        return (verbatim(options), list.len() + 2);
    }
    match marked.as_bytes().first() {
        Some(b'@') if !names.parameters[0].is_empty() => (verbatim(&names.parameters[0]), 1),
        Some(b'$') if !names.parameters[1].is_empty() => (verbatim(&names.parameters[1]), 1),
        _ => (Piece::Text(marked[..1].to_owned()), 1),
    }
}
