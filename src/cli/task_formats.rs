//! The formats that tasks come in, each read from its text. Errors name the line.

use crate::store::{Example, Output};
use anyhow::Context;
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// What the caller says a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Told from the content
    Auto,
    /// An example a line
    Jsonl,
    /// Super-NaturalInstructions
    NaturalInstructions,
    /// Plain text
    Text,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An example a line.
    Lines,
    /// Super-NaturalInstructions.
    NaturalInstructions,
    /// Plain text.
    Text,
    /// JSON that is no task.
    OtherJson,
}

/// The fields by which a Super-NaturalInstructions file is known.
const DEFINITION: &str = "Definition";
const INSTANCES: &str = "Instances";

/// What a file is, by what the caller says or by its text.
///
/// # Errors
/// Where it must be JSON, by its name or its fields, and is not.
pub(super) fn kind(text: &str, (path, format): (&Path, Format)) -> anyhow::Result<Kind> {
    match format {
        Format::Jsonl => return Ok(Kind::Lines),
        Format::NaturalInstructions => return Ok(Kind::NaturalInstructions),
        Format::Text => return Ok(Kind::Text),
        Format::Auto => {}
    }
    let ending = path.extension().is_some_and(|ending| ending == "json" || ending == "jsonl");
    if !text.trim_start().starts_with(['{', '[']) && !ending {
        return Ok(Kind::Text);
    }
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let whole = serde_json::from_str::<Value>(text);
    match (whole, serde_json::from_str::<Value>(first)) {
        (Ok(Value::Object(object)), _) if object.contains_key(DEFINITION) && object.contains_key(INSTANCES) => {
            Ok(Kind::NaturalInstructions)
        }
        // One example, or several; or a first line that is whole and others that are not, which are to be told.
        (Ok(Value::Object(object)), _) if ["input", "output", "text"].iter().any(|key| object.contains_key(*key)) => {
            Ok(Kind::Lines)
        }
        (Err(_), Ok(Value::Object(_))) => Ok(Kind::Lines),
        (Ok(Value::Object(_) | Value::Array(_)), _) => Ok(Kind::OtherJson),
        _ if path.extension().is_some_and(|ending| ending == "jsonl") => Ok(Kind::Lines),
        (Err(error), _) if ending || text.contains("\"Definition\"") => anyhow::bail!(located(&error)),
        // Text that begins with a bracket.
        _ => Ok(Kind::Text),
    }
}

/// An example a line; empty lines are passed over.
///
/// # Errors
/// Names the line.
pub(super) fn read_lines(text: &str) -> anyhow::Result<Vec<Example>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let examples: Vec<Example> = lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| anyhow::anyhow!("line {}: {}", index + 1, reason(&error)))
        })
        .collect::<anyhow::Result<_>>()?;
    anyhow::ensure!(!examples.is_empty(), "holds no example");
    Ok(examples)
}

/// A Super-NaturalInstructions file: the definition's wordings, the examples, and how many instances had no output.
///
/// # Errors
/// Names the line.
pub(super) fn read_natural_instructions(text: &str) -> anyhow::Result<(Vec<String>, Vec<Example>, usize)> {
    let read: NaturalInstructions = serde_json::from_str(text).map_err(|error| anyhow::anyhow!(located(&error)))?;
    let definition: Vec<String> = read.definition.accepted().iter().filter(|d| !d.trim().is_empty()).cloned().collect();
    let count = read.instances.len();
    let some = read.instances.into_iter().filter(|instance| !instance.output.accepted().is_empty());
    let examples: Vec<Example> =
        some.map(|i| Example::Answered { input: i.input, output: i.output, split: None }).collect();
    anyhow::ensure!(!examples.is_empty(), "holds no instance with an output");
    let empty = count - examples.len();
    Ok((definition, examples, empty))
}

/// The descriptions that a `manifest.json` beside the file has for this task; none where there is no manifest, or none
/// of it in it.
///
/// # Errors
/// Where the manifest is not what it should be.
pub(super) fn manifest_descriptions(path: &Path, name: &str) -> anyhow::Result<Vec<String>> {
    let manifest = path.with_file_name("manifest.json");
    if !manifest.is_file() {
        return Ok(Vec::new());
    }
    let text = std::fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
    let entries: Vec<Described> = serde_json::from_str(&text)
        .map_err(|error| anyhow::anyhow!("the descriptions in {}, {}", manifest.display(), located(&error)))?;
    let entry = entries.into_iter().find(|entry| entry.task == name);
    Ok(entry.map(|entry| entry.definition.accepted().to_vec()).unwrap_or_default())
}

/// A description of at most so many characters, cut behind a sentence, or behind a word where the first sentence is
/// longer; `None` where it is short enough.
pub(super) fn shortened(text: &str, most: usize) -> Option<String> {
    let (end, _) = text.char_indices().nth(most)?;
    let kept = &text[..end];
    let ends = |(at, mark): (usize, char)| {
        let next = text[at + mark.len_utf8()..].chars().next();
        (matches!(mark, '.' | '!' | '?') && next.is_none_or(char::is_whitespace)).then_some(at + mark.len_utf8())
    };
    let sentence = kept.char_indices().filter_map(ends).next_back();
    let cut = sentence.or_else(|| kept.rfind(char::is_whitespace)).filter(|cut| *cut > 0).unwrap_or(end);
    Some(kept[..cut].trim_end().to_owned())
}

#[derive(Deserialize)]
struct NaturalInstructions {
    #[serde(rename = "Definition")]
    definition: Output,
    #[serde(rename = "Instances")]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    input: String,
    output: Output,
}

#[derive(Deserialize)]
struct Described {
    task: String,
    definition: Output,
}

/// An error of a whole file, with its line first.
fn located(error: &serde_json::Error) -> String {
    format!("line {}: {}", error.line(), reason(error))
}

/// serde's text without its position, which in a line of JSON lines is not the file's.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    if text.starts_with("data did not match any variant") {
        return "a text, or a list of texts, was expected".to_owned();
    }
    text.to_owned()
}
