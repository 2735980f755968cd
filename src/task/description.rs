//! What a caller sends of a task, validated and normalised.

use super::Example;
use serde::{Deserialize, Serialize};

/// The longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 2000;
/// The most demonstrations.
pub const MAX_DEMONSTRATIONS: usize = 32;

/// Why a task is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing but white space.
    #[error("the description is empty: say in a sentence what the task does to its input")]
    EmptyDescription,
    /// Too many characters.
    #[error("the description has {chars} characters, at most {MAX_DESCRIPTION_CHARS} are accepted: shorten it")]
    LongDescription {
        /// How many it has.
        chars: usize,
    },
    /// Too many demonstrations.
    #[error("{count} demonstrations, at most {MAX_DEMONSTRATIONS} are accepted: send fewer")]
    ManyDemonstrations {
        /// How many there are.
        count: usize,
    },
    /// A demonstration of another kind than the first.
    #[error("demonstration {index} is of another kind than the first: send inputs with outputs, or texts, not both")]
    MixedKinds {
        /// Which one, from 0.
        index: usize,
    },
    /// A text of white space.
    #[error("demonstration {index} is an empty text")]
    EmptyText {
        /// Which one, from 0.
        index: usize,
    },
    /// A demonstration without an output.
    #[error("demonstration {index} has no output")]
    NoOutput {
        /// Which one, from 0.
        index: usize,
    },
}

/// A description: its white space is normalised, so that one text has one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Description(String);

impl Description {
    /// Normalises and checks a text.
    ///
    /// # Errors
    /// [`Error::EmptyDescription`] and [`Error::LongDescription`].
    ///
    /// ```
    /// use attune::task::Description;
    /// assert_eq!(Description::new("  Write it\n backwards. ").unwrap().as_str(), "Write it backwards.");
    /// assert!(Description::new(" ").is_err());
    /// ```
    pub fn new(text: &str) -> Result<Self, Error> {
        let chars = text.chars().count();
        if chars > MAX_DESCRIPTION_CHARS {
            return Err(Error::LongDescription { chars });
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() {
            return Err(Error::EmptyDescription);
        }
        Ok(Self(words.join(" ")))
    }

    /// The normalised text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Description {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(&text)
    }
}

impl From<Description> for String {
    fn from(description: Description) -> Self {
        description.0
    }
}

/// The examples that a caller sends along with a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demonstrations(Vec<Example>);

impl Demonstrations {
    /// Checks a list of examples; an empty one is fine.
    ///
    /// # Errors
    /// [`Error::ManyDemonstrations`], [`Error::MixedKinds`], [`Error::EmptyText`] and [`Error::NoOutput`].
    pub fn new(examples: Vec<Example>) -> Result<Self, Error> {
        if examples.len() > MAX_DEMONSTRATIONS {
            return Err(Error::ManyDemonstrations { count: examples.len() });
        }
        for (index, example) in examples.iter().enumerate() {
            match example {
                _ if example.is_text() != examples[0].is_text() => return Err(Error::MixedKinds { index }),
                Example::Text { text } if text.trim().is_empty() => return Err(Error::EmptyText { index }),
                Example::Answered { output, .. } if output.accepted().is_empty() => {
                    return Err(Error::NoOutput { index });
                }
                _ => {}
            }
        }
        Ok(Self(examples))
    }

    /// The examples.
    pub fn examples(&self) -> &[Example] {
        &self.0
    }
}
