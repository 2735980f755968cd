//! How descriptions, demonstrations and inputs are put before the model: in training and in use alike.
//!
//! A prompt is a *prefix* (the description and the demonstrations) and a *piece* (the input and its
//! answer). They are tokenised apart and joined as tokens, so that a prefix is one and the same
//! whatever follows it.

use super::Example;
use crate::lm::{Error, Piece, Tokenizer};
use serde::{Deserialize, Serialize};

/// The base's input template, kept beside the base as `attune.json` and part of its digest.
/// `{}` stands for the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputTemplate {
    /// The line of the description.
    pub description: String,
    /// The line of the input, up to where the answer begins.
    pub input: String,
    /// What ends a demonstration's answer.
    pub demonstration_end: String,
}

impl Default for InputTemplate {
    fn default() -> Self {
        Self { description: "# {}\n".into(), input: "> {}\n= ".into(), demonstration_end: "\n".into() }
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
    bos: Option<u32>,
    eos: u32,
}

impl Prompter {
    /// The prompter of a base. `eos` ends every answer in training.
    pub fn new(tokenizer: Tokenizer, template: InputTemplate, bos: Option<u32>, eos: u32) -> Self {
        Self { tokenizer, template, bos, eos }
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
        let mut tokens: Vec<u32> = self.bos.into_iter().collect();
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
