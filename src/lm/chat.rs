//! Chat templates: messages to the text that the model was trained on.
//!
//! A template is a Jinja program that comes with the tokenizer, so it is data from elsewhere: it runs without
//! access to files or time (but for the clock it is given), within a budget of work, memory, output and depth.
//! It renders as Hugging Face's `apply_chat_template` does: `trim_blocks` and `lstrip_blocks`, loop controls,
//! Python's string methods, `raise_exception`, `strftime_now`, and a `tojson` with the options of `json.dumps`.

mod dialect;
mod error;
mod python_methods;
mod strftime;
mod to_json;
mod weight;

pub use error::Error;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use minijinja::{Environment, Value};
use serde::{Deserialize, Serialize};

/// The name of the one template of the environment, as it appears in errors.
const TEMPLATE: &str = "chat_template";

/// The longest accepted template, in bytes; the largest published ones are below 20 KiB.
const MAX_TEMPLATE_BYTES: usize = 1 << 20;

/// A template may write this much more than its messages hold.
const MAX_EXTRA_BYTES: usize = 1 << 20;

/// Stack of a rendering: see [`on_a_deep_stack`].
const STACK_BYTES: usize = 256 << 20;

/// The longest time that a rendering is waited for; honest ones take milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);

/// Reads the time for `strftime_now`.
pub type Clock = fn() -> time::OffsetDateTime;

/// A message of a chat.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who speaks: `system`, `user` or `assistant`, or what else the template knows.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// The texts of the special tokens that a template may name, as `bos_token` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Specials {
    /// `bos_token`: begins a text.
    pub bos: Option<String>,
    /// `eos_token`: ends a text or a turn.
    pub eos: Option<String>,
    /// `unk_token`: stands for what the vocabulary lacks.
    pub unk: Option<String>,
    /// `pad_token`: fills a row.
    pub pad: Option<String>,
}

/// Whether the text ends with the opening of the assistant's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GenerationPrompt {
    /// It does: the model is to answer next.
    Add,
    /// It ends with the last message.
    Omit,
}

/// A compiled chat template; a clone shares the program.
#[derive(Clone)]
pub struct ChatTemplate {
    environment: Arc<Environment<'static>>,
    specials: Specials,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("specials", &self.specials).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// The template of a tokenizer's files, or none where they have none. `chat_template.jinja` wins over the
    /// `chat_template` of `tokenizer_config.json`, which is a text or a list of `{name, template}`, of which
    /// `default` counts.
    ///
    /// # Errors
    /// [`Error::Config`] and [`Error::NoDefault`] for a config of another form, else as [`ChatTemplate::new`].
    pub fn from_files(
        config: Option<&serde_json::Value>,
        jinja: Option<&str>,
        clock: Clock,
    ) -> Result<Option<Self>, Error> {
        let specials = config.map(Specials::from_config).transpose()?.unwrap_or_default();
        let source = match (jinja, config) {
            (Some(jinja), _) => Some(jinja),
            (None, Some(config)) => template_of(config)?,
            (None, None) => None,
        };
        source.map(|source| Self::with_clock(source, specials, clock)).transpose()
    }

    /// Compiles a template.
    ///
    /// # Errors
    /// [`Error::Syntax`] with the line, [`Error::TooLarge`].
    pub fn new(source: &str, specials: Specials) -> Result<Self, Error> {
        Self::with_clock(source, specials, time::OffsetDateTime::now_utc)
    }

    /// As [`ChatTemplate::new`], with another clock for `strftime_now` than the system's UTC time.
    ///
    /// # Errors
    /// As [`ChatTemplate::new`].
    pub fn with_clock(source: &str, specials: Specials, clock: Clock) -> Result<Self, Error> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(Error::TooLarge { bytes: source.len(), limit: MAX_TEMPLATE_BYTES });
        }
        let mut environment = dialect::environment(clock).map_err(|error| Error::syntax(&error))?;
        environment
            .add_template_owned(TEMPLATE, dialect::without_generation_marks(source))
            .map_err(|error| Error::syntax(&error))?;
        Ok(Self { environment: Arc::new(environment), specials })
    }

    /// The text of a chat.
    ///
    /// # Errors
    /// [`Error::Refused`] where the template itself refuses the messages, [`Error::TooCostly`], [`Error::TooDeep`]
    /// and [`Error::TooLong`] where it exceeds its budget, [`Error::Render`] where it fails.
    pub fn render(&self, messages: &[ChatMessage], prompt: GenerationPrompt) -> Result<String, Error> {
        let size: usize = messages.iter().map(|m| m.role.len() + m.content.len()).sum();
        let limit = size.saturating_add(MAX_EXTRA_BYTES);
        let context = self.context(messages, prompt);
        let environment = self.environment.clone();
        let bytes = on_a_deep_stack(move || run(&environment, context, limit))?;
        String::from_utf8(bytes).map_err(|_| Error::NotText)
    }

    /// What the template sees. `tools` and `documents` are there and none, as transformers passes them.
    fn context(&self, messages: &[ChatMessage], prompt: GenerationPrompt) -> Value {
        let message = |m: &ChatMessage| {
            Value::from_pairs([("role", Value::from(m.role.as_str())), ("content", Value::from(m.content.as_str()))])
        };
        let mut pairs = vec![
            ("messages", messages.iter().map(message).collect::<Value>()),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(prompt == GenerationPrompt::Add)),
        ];
        pairs.extend(self.specials.named().filter_map(|(name, text)| Some((name, Value::from(text?)))));
        Value::from_pairs(pairs)
    }
}

impl Specials {
    /// Those of `tokenizer_config.json`, each a text, an object with `content`, or null.
    fn from_config(config: &serde_json::Value) -> Result<Self, Error> {
        let text = |field: &'static str| match &config[field] {
            serde_json::Value::Null => Ok(None),
            serde_json::Value::String(text) => Ok(Some(text.clone())),
            other => match other["content"].as_str() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(Error::Config { field, expected: "a text or an object with a text as its content" }),
            },
        };
        Ok(Self { bos: text("bos_token")?, eos: text("eos_token")?, unk: text("unk_token")?, pad: text("pad_token")? })
    }

    fn named(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        [("bos_token", &self.bos), ("eos_token", &self.eos), ("unk_token", &self.unk), ("pad_token", &self.pad)]
            .into_iter()
            .map(|(name, text)| (name, text.as_deref()))
    }
}

/// `chat_template` of `tokenizer_config.json`.
fn template_of(config: &serde_json::Value) -> Result<Option<&str>, Error> {
    let malformed =
        Error::Config { field: "chat_template", expected: "a text, or a list of objects with a name and a template" };
    match &config["chat_template"] {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(source) => Ok(Some(source)),
        serde_json::Value::Array(list) => {
            let named: Option<Vec<_>> =
                list.iter().map(|entry| Some((entry["name"].as_str()?, entry["template"].as_str()?))).collect();
            let named = named.ok_or(malformed)?;
            match named.iter().find(|(name, _)| *name == "default") {
                Some((_, source)) => Ok(Some(source)),
                None => Err(Error::NoDefault { names: named.iter().map(|(name, _)| (*name).to_owned()).collect() }),
            }
        }
        _ => Err(malformed),
    }
}

/// Runs the program. Its values are dropped here, since that takes stack.
fn run(environment: &Environment<'static>, context: Value, limit: usize) -> Result<Vec<u8>, Error> {
    let mut output = Bounded { bytes: Vec::new(), limit, exceeded: false };
    let rendered = environment
        .get_template(TEMPLATE)
        .and_then(|template| template.render_captured_to(context, &mut output).map(drop))
        .map_err(|error| Error::render(&error));
    match output.exceeded {
        true => Err(Error::TooLong { limit }),
        false => rendered.map(|()| output.bytes),
    }
}

/// Runs on a thread of its own whose stack holds the deepest value that the budget of work can build: the engine
/// drops and prints values by recursion, and an overflow would end the process. Only the pages in use take memory.
/// A few of the engine's own operations are not counted as work, hence the deadline; past it the thread is left alone.
fn on_a_deep_stack(run: impl FnOnce() -> Result<Vec<u8>, Error> + Send + 'static) -> Result<Vec<u8>, Error> {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let builder = std::thread::Builder::new().name("chat-template".into()).stack_size(STACK_BYTES);
    let thread = move || {
        // Nobody waits any more where it comes too late.
        let _ = sender.send(run());
    };
    builder.spawn(thread).map_err(|source| Error::Thread { source })?;
    match receiver.recv_timeout(DEADLINE) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(Error::TooCostly),
        Err(RecvTimeoutError::Disconnected) => Err(Error::Panicked),
    }
}

/// Output that stops the program once it is over its limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    exceeded: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if buffer.len() > self.limit - self.bytes.len() {
            self.exceeded = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "chat/chat_tests.rs"]
mod chat_tests;
