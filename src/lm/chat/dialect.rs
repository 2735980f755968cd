//! The dialect of Jinja that chat templates are written in, and the limits they run within.

use std::borrow::Cow;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind};

use super::error::Refusal;
use super::{Clock, python_methods, strftime, to_json, weight};

/// Work of one rendering: a unit is about one instruction, or 64 bytes of text made on the way. Long chats
/// of real templates take some ten thousand.
const FUEL: u64 = 1_000_000;

/// Nesting of macros, loops and includes. Kept low, since a worker thread's stack is small.
const MAX_DEPTH: usize = 60;

/// Tags of transformers' own that mark what the assistant said, for training masks. Here they mean nothing.
const MARKS: [(&str, &str); 2] = [("generation", "with"), ("endgeneration", "endwith")];

/// An engine without templates.
pub(super) fn environment(clock: Clock) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(false).build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    // Else an error would hold the run's values, and so the chat.
    environment.set_debug(false);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_DEPTH);
    environment.set_unknown_method_callback(python_methods::call);
    environment.remove_global("debug");
    weight::pay_for_printing(&mut environment);
    environment.add_filter("tojson", to_json::to_json);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", move |format: &str| strftime::format(clock(), format));
    Ok(environment)
}

/// `raise_exception(message)`: the template refuses the chat.
fn raise_exception(message: &Value) -> Result<Value, Error> {
    let words = match message.kind() {
        ValueKind::String => message.as_str().unwrap_or_default(),
        _ => "the template gives no reason",
    };
    Err(Error::new(ErrorKind::InvalidOperation, "raise_exception").with_source(Refusal::new(words)))
}

/// The template with its `{% generation %}` blocks made plain scopes, which keeps lines and trimming as they are.
pub(super) fn without_generation_marks(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start + 2);
        out.push_str(before);
        let (changed, length) = plain_tag(tag);
        out.push_str(&changed);
        rest = &tag[length..];
    }
    out.push_str(rest);
    out
}

/// The text to write for a tag's beginning, and the length of what it stands for.
fn plain_tag(tag: &str) -> (Cow<'_, str>, usize) {
    let name_start = tag.find(|c: char| !matches!(c, '-' | '+') && !c.is_whitespace()).unwrap_or(tag.len());
    let name = &tag[name_start..];
    for (mark, plain) in MARKS {
        let Some(after) = name.strip_prefix(mark) else { continue };
        if after.trim_start().trim_start_matches(['-', '+']).starts_with("%}") {
            return (Cow::Owned(format!("{}{plain}", &tag[..name_start])), name_start + mark.len());
        }
    }
    (Cow::Borrowed(""), 0)
}
