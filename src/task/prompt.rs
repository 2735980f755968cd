//! How descriptions, demonstrations and inputs are put before the model: in training and in use alike.
//!
//! A prompt is a *prefix* (the description and the demonstrations) and a *piece* (the input and its
//! answer). They are tokenised apart and joined as tokens, so that a prefix is one and the same
//! whatever follows it.

use super::Example;
use crate::lm::chat::{ChatMessage, ChatTemplate, GenerationPrompt};
use crate::lm::{Error, Piece, Tokenizer};
use serde::{Deserialize, Serialize};

/// The base's input template, part of its digest: kept beside the base as `attune.json`, or taken from its chat
/// template. `{}` stands for the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputTemplate {
    /// What every prompt begins with, special tokens by their texts. Where it is empty, a prompt begins with the
    /// token that begins a text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub begin: String,
    /// The line of the description.
    pub description: String,
    /// The line of the input, up to where the answer begins.
    pub input: String,
    /// What ends a demonstration's answer.
    pub demonstration_end: String,
}

impl Default for InputTemplate {
    fn default() -> Self {
        Self {
            begin: String::new(),
            description: "# {}\n".into(),
            input: "> {}\n= ".into(),
            demonstration_end: "\n".into(),
        }
    }
}

/// Stand in a rendered chat for what a user and an assistant say.
const USER: [&str; 2] = ["\u{2983}one\u{2984}", "\u{2983}two\u{2984}"];
const ASSISTANT: &str = "\u{2983}answer\u{2984}";

impl InputTemplate {
    /// The template of a chat model: a prompt is a chat, an input one user's turn, an answer the assistant's. The
    /// description opens the first user's turn, because many templates know no system's.
    ///
    /// # Errors
    /// [`Error::Chat`] where the template refuses the simplest chat, or does not say what it is given.
    pub fn of_chat(chat: &ChatTemplate) -> Result<Self, Error> {
        let turn = |role: &str, content: &str| ChatMessage { role: role.to_owned(), content: content.to_owned() };
        let one = chat.render(&[turn("user", USER[0])], GenerationPrompt::Add)?;
        let (begin, after) = one.split_once(USER[0]).ok_or(Error::ChatWithoutContent)?;
        let turns = [turn("user", USER[0]), turn("assistant", ASSISTANT), turn("user", USER[1])];
        let two = chat.render(&turns, GenerationPrompt::Add)?;
        let between = two.split_once(ASSISTANT).and_then(|(_, rest)| rest.split_once(USER[1]));
        let (between, _) = between.ok_or(Error::ChatWithoutContent)?;
        Ok(Self {
            begin: begin.to_owned(),
            description: "{}\n\n".to_owned(),
            input: format!("{{}}{after}"),
            demonstration_end: between.to_owned(),
        })
    }
}

/// A demonstration of plain text shows its beginning alone, this many characters and tokens at most: it is there to
/// tell what the texts are like, and would fill the context otherwise.
const EXCERPT_CHARS: usize = 400;
const EXCERPT_TOKENS: usize = 96;

/// Makes tokens of a task's parts.
#[derive(Clone, Debug)]
pub struct Prompter {
    tokenizer: Tokenizer,
    template: InputTemplate,
    begin: Vec<u32>,
    eos: u32,
}

/// The tokens that begin and end texts.
#[derive(Clone, Debug)]
pub struct Marks<'a> {
    /// What the tokenizer puts before a text.
    pub bos: &'a [u32],
    /// The tokens that end an answer.
    pub ends: &'a [u32],
}

impl Prompter {
    /// The prompter of a base. Every answer in training ends with the token that ends a turn of the template, or with
    /// the first that ends an answer.
    ///
    /// # Errors
    /// [`Error::Config`] where nothing ends an answer; those of the tokenizer.
    pub fn new(tokenizer: Tokenizer, template: InputTemplate, marks: &Marks<'_>) -> Result<Self, Error> {
        let begin = if template.begin.is_empty() { marks.bos.to_vec() } else { tokenizer.encode(&template.begin)? };
        let turn_end = tokenizer.encode(&template.demonstration_end)?.first().copied();
        let eos = turn_end.filter(|id| marks.ends.contains(id)).or(marks.ends.first().copied());
        let eos = eos.ok_or(Error::Config { field: "eos_token_id", problem: "is missing" })?;
        Ok(Self { tokenizer, template, begin, eos })
    }

    /// What stands before a bare input.
    pub fn begin(&self) -> &[u32] {
        &self.begin
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The token that ends an answer.
    pub fn eos(&self) -> u32 {
        self.eos
    }

    /// The prefix of a description (where there is one) and demonstrations.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn prefix(&self, description: Option<&str>, demonstrations: &[Example]) -> Result<Vec<u32>, Error> {
        let mut tokens = self.begin.clone();
        if let Some(description) = description {
            tokens.extend(self.tokenizer.encode(&self.template.description.replace("{}", description))?);
        }
        for example in demonstrations {
            match example {
                Example::Answered { input, output } => {
                    tokens.extend(self.question(input)?);
                    tokens.extend(self.tokenizer.encode(output.target())?);
                }
                Example::Text { text } => tokens.extend(self.excerpt(text)?),
            }
            tokens.extend(self.tokenizer.encode(&self.template.demonstration_end)?);
        }
        Ok(tokens)
    }

    /// The tokens of an input, up to where its answer begins.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn question(&self, input: &str) -> Result<Vec<u32>, Error> {
        self.tokenizer.encode(&self.template.input.replace("{}", input))
    }

    /// An input and its answer, the answer (and its end) scored.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn answered(&self, input: &str, output: &str) -> Result<Piece, Error> {
        let mut tokens = self.question(input)?;
        let score_from = tokens.len();
        tokens.extend(self.tokenizer.encode(output)?);
        tokens.push(self.eos);
        Ok(Piece { tokens, score_from })
    }

    /// The example's answer, or the whole of its text, scored.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn scored(&self, example: &Example) -> Result<Piece, Error> {
        match example {
            Example::Answered { input, output } => self.answered(input, output.target()),
            Example::Text { text } => self.plain(text),
        }
    }

    fn excerpt(&self, text: &str) -> Result<Vec<u32>, Error> {
        let end = text.char_indices().nth(EXCERPT_CHARS).map_or(text.len(), |(at, _)| at);
        let mut tokens = self.tokenizer.encode(&text[..end])?;
        tokens.truncate(EXCERPT_TOKENS);
        Ok(tokens)
    }

    /// Plain text, every token of it scored.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn plain(&self, text: &str) -> Result<Piece, Error> {
        let mut tokens = self.tokenizer.encode(text)?;
        tokens.push(self.eos);
        Ok(Piece { tokens, score_from: 0 })
    }
}
