//! An op: one atomic operation on a text, and the phrases that ask for it.

use super::input::Takes;

/// One atomic operation.
pub(super) struct Op {
    /// In `snake_case`, unique.
    pub(super) name: String,
    pub(super) family: &'static str,
    pub(super) takes: Takes,
    /// What it may follow, as the second op of a composition.
    pub(super) follows: Follows,
    /// Whether it may be the first op of a composition.
    pub(super) leads: bool,
    /// Whether its inputs are drawn so that each answer (yes or no) is as likely as the other.
    pub(super) balanced: bool,
    pub(super) phrases: Phrases,
    run: Box<dyn Fn(&str) -> String + Send + Sync>,
}

/// What an op may follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follows {
    /// No op: it is only ever a task of its own, or comes first.
    Nothing,
    /// An op whose results are single words of 3 to 8 letters.
    Words,
    /// Any op.
    Texts,
}

impl Op {
    /// An op that may come first in a composition and follows nothing. `phrases` are read by [`Phrases::parse`].
    pub(super) fn new(
        name: impl Into<String>,
        family: &'static str,
        takes: Takes,
        phrases: &str,
        run: impl Fn(&str) -> String + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            family,
            takes,
            follows: Follows::Nothing,
            leads: true,
            balanced: false,
            phrases: Phrases::parse(phrases),
            run: Box::new(run),
        }
    }

    /// The same op, allowed to follow these.
    pub(super) fn following(mut self, follows: Follows) -> Self {
        self.follows = follows;
        self
    }

    /// The same op, never the first of a composition.
    pub(super) fn never_first(mut self) -> Self {
        self.leads = false;
        self
    }

    /// The same op, with yes and no as likely as each other.
    pub(super) fn balanced(mut self) -> Self {
        self.balanced = true;
        self
    }

    /// The op's answer to this input.
    pub(super) fn run(&self, input: &str) -> String {
        (self.run)(input)
    }
}

/// How an op is asked for; `{}` stands for the object in each phrase.
pub(super) struct Phrases {
    /// "write {} backwards"
    pub(super) verbs: Vec<String>,
    /// "the first letter of {}", and whether it is plural.
    pub(super) nouns: Vec<Noun>,
    /// "does {} end with e"
    pub(super) questions: Vec<String>,
}

/// A noun phrase that names an op's answer.
pub(super) struct Noun {
    pub(super) text: String,
    pub(super) plural: bool,
}

/// The verbs that ask for what a noun phrase names.
const ASKING: &[&str] = &["give", "write", "find", "show", "return"];

impl Phrases {
    /// Reads phrases separated by `/`: a bare one is an imperative, `=` marks a noun phrase, `+` a plural one, `?` a
    /// question.
    fn parse(source: &str) -> Self {
        let mut phrases = Self { verbs: Vec::new(), nouns: Vec::new(), questions: Vec::new() };
        for phrase in source.split('/').map(str::trim).filter(|phrase| !phrase.is_empty()) {
            match phrase.split_at(1) {
                ("=", text) => phrases.nouns.push(Noun { text: text.to_owned(), plural: false }),
                ("+", text) => phrases.nouns.push(Noun { text: text.to_owned(), plural: true }),
                ("?", text) => phrases.questions.push(text.to_owned()),
                _ => phrases.verbs.push(phrase.to_owned()),
            }
        }
        phrases
    }

    /// Every imperative, those made from noun phrases among them.
    pub(super) fn imperatives(&self) -> Vec<String> {
        let asked = self.nouns.iter().flat_map(|noun| ASKING.iter().map(move |verb| format!("{verb} {}", noun.text)));
        self.verbs.iter().cloned().chain(asked).collect()
    }
}
