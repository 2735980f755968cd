//! Why a chat template does not compile or render.

use std::error::Error as _;

/// The longest text of a template's own refusal that is passed on, in characters.
const MAX_REASON_CHARS: usize = 500;

/// An error of a chat template.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field of `tokenizer_config.json` of the wrong form.
    #[error("tokenizer_config.json: {field} must be {expected}")]
    Config {
        /// The key.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A list of templates without the one that counts.
    #[error(
        "tokenizer_config.json has the chat templates {names:?} but none named default: put the one to use into chat_template.jinja"
    )]
    NoDefault {
        /// Those that are there.
        names: Vec<String>,
    },
    /// A template that no real model has.
    #[error("the chat template has {bytes} bytes, at most {limit} are accepted")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What it may have.
        limit: usize,
    },
    /// It does not compile.
    #[error("the chat template does not compile, line {line}: {reason}")]
    Syntax {
        /// The line, counted from 1; 0 where it is not known.
        line: usize,
        /// The engine's reason.
        reason: String,
    },
    /// The template's own `raise_exception`, so the messages are at fault.
    #[error("the model's chat template refuses these messages: {reason}")]
    Refused {
        /// Its words.
        reason: String,
    },
    /// It fails.
    #[error("the chat template fails in line {line}: {reason}")]
    Render {
        /// The line, counted from 1; 0 where it is not known.
        line: usize,
        /// The engine's reason.
        reason: String,
    },
    /// More work, or more memory, than any honest template needs.
    #[error("the chat template uses more work or memory than it is granted for one chat")]
    TooCostly,
    /// It calls itself without an end.
    #[error("the chat template nests its calls or values too deeply")]
    TooDeep,
    /// More output than the messages explain.
    #[error("the chat template writes more than {limit} bytes for these messages")]
    TooLong {
        /// What it may write, in bytes.
        limit: usize,
    },
    /// The system gives no thread for the rendering.
    #[error("no thread for the chat template: {source}")]
    Thread {
        /// The system's reason.
        source: std::io::Error,
    },
    /// A fault of the engine's.
    #[error("the template engine failed on the chat template; a simpler template in chat_template.jinja avoids it")]
    Panicked,
    /// Output that is no UTF-8, which the engine's text rules out.
    #[error("the chat template's output is not text")]
    NotText,
}

impl Error {
    pub(super) fn syntax(error: &minijinja::Error) -> Self {
        Self::Syntax { line: error.line().unwrap_or(0), reason: reason(error) }
    }

    /// An error of a run: the innermost cause decides, since macros and blocks wrap it.
    pub(super) fn render(error: &minijinja::Error) -> Self {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(current) = cause {
            if let Some(refusal) = current.downcast_ref::<Refusal>() {
                return Self::Refused { reason: refusal.reason.clone() };
            }
            if let Some(engine) = current.downcast_ref::<minijinja::Error>() {
                match engine.kind() {
                    minijinja::ErrorKind::OutOfFuel => return Self::TooCostly,
                    _ if engine.detail().is_some_and(|d| d.contains("recursion limit")) => return Self::TooDeep,
                    _ if engine.source().is_some_and(|s| s.is::<Nesting>()) => return Self::TooDeep,
                    _ => {}
                }
            }
            cause = current.source();
        }
        Self::Render { line: error.line().unwrap_or(0), reason: reason(error) }
    }
}

/// Kind and detail without the engine's own mention of the template's name and line.
fn reason(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// What `raise_exception` leaves in the engine's error.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Refusal {
    reason: String,
}

impl Refusal {
    pub(super) fn new(words: &str) -> Self {
        Self { reason: words.chars().take(MAX_REASON_CHARS).collect() }
    }
}

/// A value that is nested deeper than it can be written.
#[derive(Debug, thiserror::Error)]
#[error("the value is nested too deeply")]
pub(super) struct Nesting;
