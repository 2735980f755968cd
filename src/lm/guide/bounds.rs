//! How large a schema may be, before a grammar is made of it.
//!
//! The library bounds its grammar and the work on it, but not what it copies while it resolves a
//! schema: `anyOf` beside other keywords copies these once for each alternative, and nested, or through
//! `$ref`, the copies multiply. So a schema is measured first, as if everything that is joined were
//! written out, and one that would be too large is refused.

use super::GuideError;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// JSON values in a schema.
const VALUES: u64 = 5_000;
/// Bytes of all its keys and strings.
const TEXT_BYTES: u64 = 256 * 1024;
/// Levels of nesting.
const DEPTH: u64 = 64;
/// `pattern`, `format` and entries of `patternProperties`, each a regular expression.
const PATTERNS: u64 = 200;
/// Entries of one `patternProperties`: each is held against each.
const PATTERN_PROPERTIES: u64 = 16;
/// Alternatives of one `oneOf`: each is held against each.
const ONE_OF: u64 = 64;
/// Different targets of `$ref`.
const REFERENCES: u64 = 256;
/// Subschemas when everything that is joined is written out.
const EXPANDED: u64 = 20_000;
/// What a regular expression weighs among subschemas.
const PATTERN_WEIGHT: u64 = 16;

const NOT_CONSTRAINING: [&str; 15] = [
    "$anchor",
    "$defs",
    "definitions",
    "$schema",
    "$id",
    "id",
    "$comment",
    "title",
    "description",
    "default",
    "readOnly",
    "writeOnly",
    "examples",
    "contentMediaType",
    "contentEncoding",
];
const JOINED: [&str; 6] = ["const", "enum", "allOf", "anyOf", "oneOf", "$ref"];

/// Whether a grammar may be made of this schema.
///
/// # Errors
/// [`GuideError::SchemaTooLarge`] with the bound that it passes, [`GuideError::Schema`] where a recursive
/// `$ref` stands beside other keywords, which never ends.
pub(super) fn check(schema: &Value) -> Result<(), GuideError> {
    Text::default().count(schema, 0)?;
    let mut expansion = Expansion { root: schema, visits: 0, open: HashSet::new(), references: HashSet::new() };
    let mut total = expansion.measure(schema, Refs::Named)?.weight;
    let mut done = HashSet::new();
    while let Some(reference) = expansion.references.difference(&done).next().copied() {
        done.insert(reference);
        within("the number of targets of $ref", done.len() as u64, REFERENCES)?;
        if let Some(target) = expansion.target(reference) {
            total += expansion.measure(target, Refs::Named)?.weight;
        }
        within("the number of subschemas", total, EXPANDED)?;
    }
    Ok(())
}

fn within(what: &'static str, found: u64, limit: u64) -> Result<(), GuideError> {
    if found > limit { Err(GuideError::SchemaTooLarge { what, limit }) } else { Ok(()) }
}

/// What can be counted in a schema as it is written.
#[derive(Default)]
struct Text {
    values: u64,
    bytes: u64,
    patterns: u64,
}

impl Text {
    fn count(&mut self, value: &Value, depth: u64) -> Result<(), GuideError> {
        within("its nesting", depth, DEPTH)?;
        self.values += 1;
        within("the number of its values", self.values, VALUES)?;
        match value {
            Value::String(text) => self.bytes += text.len() as u64,
            Value::Array(items) => items.iter().try_for_each(|item| self.count(item, depth + 1))?,
            Value::Object(map) => {
                for (key, inner) in map {
                    self.bytes += key.len() as u64;
                    self.patterns(key, inner)?;
                    self.count(inner, depth + 1)?;
                }
            }
            _ => {}
        }
        within("its text in bytes", self.bytes, TEXT_BYTES)
    }

    fn patterns(&mut self, key: &str, value: &Value) -> Result<(), GuideError> {
        let entries = match (key, value) {
            ("pattern" | "format", Value::String(_)) => 1,
            ("patternProperties", Value::Object(map)) => map.len() as u64,
            _ => 0,
        };
        within("the number of entries of a patternProperties", entries, PATTERN_PROPERTIES)?;
        self.patterns += entries;
        within("the number of patterns and formats", self.patterns, PATTERNS)
    }
}

/// Whether a `$ref` is a name for a schema that stands elsewhere, or is written out.
#[derive(Clone, Copy, PartialEq)]
enum Refs {
    Named,
    WrittenOut,
}

/// A bound on a schema with everything in its place.
#[derive(Clone, Copy)]
struct Size {
    /// Subschemas.
    weight: u64,
    /// How often a schema that is joined with this one may be copied: the alternatives on a path, multiplied.
    copies: u64,
    /// Whether parts of it apply to any property or item of what it is joined with.
    open: bool,
}

impl Size {
    const ONE: Self = Self { weight: 1, copies: 1, open: false };

    /// Both must hold.
    fn joined(self, other: Self) -> Self {
        let factor = |of: Self, by: Self| if of.open { by.weight.max(by.copies) } else { by.copies };
        let mine = self.weight.saturating_mul(factor(self, other));
        let its = other.weight.saturating_mul(factor(other, self));
        Self {
            weight: mine.saturating_add(its),
            copies: self.copies.saturating_mul(other.copies),
            open: self.open || other.open,
        }
    }
}

struct Expansion<'a> {
    root: &'a Value,
    visits: u64,
    /// Targets of `$ref` that are being written out.
    open: HashSet<&'a str>,
    /// Targets that were met as names.
    references: HashSet<&'a str>,
}

impl<'a> Expansion<'a> {
    fn measure(&mut self, schema: &'a Value, refs: Refs) -> Result<Size, GuideError> {
        self.visits += 1;
        within("the number of subschemas", self.visits, EXPANDED)?;
        let Some(map) = schema.as_object() else { return Ok(Size::ONE) };
        let parts = parts(map);
        let refs = if parts.len() > 1 { Refs::WrittenOut } else { refs };
        let mut size: Option<Size> = None;
        for part in parts {
            let part = match part {
                Part::Schema(inner) => self.measure(inner, refs)?,
                Part::Keyword(key, value) => self.applicator(key, value, refs)?,
                Part::Plain => self.plain(map, refs)?,
            };
            let joined = size.map_or(part, |size| size.joined(part));
            within("the number of subschemas", joined.weight.max(joined.copies), EXPANDED)?;
            size = Some(joined);
        }
        Ok(size.unwrap_or(Size::ONE))
    }

    fn applicator(&mut self, key: &str, value: &'a Value, refs: Refs) -> Result<Size, GuideError> {
        match (key, value) {
            ("anyOf" | "oneOf", Value::Array(options)) => {
                if key == "oneOf" {
                    within("the number of alternatives of a oneOf", options.len() as u64, ONE_OF)?;
                }
                let mut sum = Size { weight: 1, copies: 0, open: false };
                for option in options {
                    let size = self.measure(option, refs)?;
                    sum.weight = sum.weight.saturating_add(size.weight);
                    sum.copies = sum.copies.saturating_add(size.copies);
                    sum.open |= size.open;
                }
                Ok(Size { copies: sum.copies.max(1), ..sum })
            }
            ("enum", Value::Array(values)) => {
                Ok(Size { weight: count(value), copies: values.len().max(1) as u64, open: false })
            }
            ("$ref", Value::String(reference)) => self.reference(reference, refs),
            _ => Ok(Size { weight: count(value), ..Size::ONE }),
        }
    }

    fn reference(&mut self, reference: &'a str, refs: Refs) -> Result<Size, GuideError> {
        self.references.insert(reference);
        if refs == Refs::Named {
            return Ok(Size::ONE);
        }
        let Some(target) = self.target(reference) else { return Ok(Size::ONE) };
        if !self.open.insert(reference) {
            let reason =
                format!("the recursive $ref {reference} stands where it must hold together with other keywords");
            return Err(GuideError::Schema { reason });
        }
        let size = self.measure(target, refs);
        self.open.remove(reference);
        size
    }

    /// The keywords that speak of one type's values.
    fn plain(&mut self, map: &'a Map<String, Value>, refs: Refs) -> Result<Size, GuideError> {
        if let Some(Value::Array(types)) = map.get("type") {
            let different: HashSet<_> = types.iter().filter_map(Value::as_str).collect();
            if different.len() != types.len() {
                return Err(GuideError::Schema { reason: "type must be a list of different names".to_owned() });
            }
        }
        // A pattern's schema is joined with that of each property that matches.
        let entries = |key: &str| map.get(key).and_then(Value::as_object).map_or(0, |map| map.len() as u64);
        let matched = entries("properties").max(1);
        let refs = if entries("patternProperties") > 0 { Refs::WrittenOut } else { refs };
        let types = if map.get("type").is_some_and(Value::is_string) { 1 } else { 6 };
        let mut size = Size { weight: types, ..Size::ONE };
        for (key, value) in map {
            let inner: Vec<&'a Value> = match (key.as_str(), value) {
                ("properties" | "patternProperties", Value::Object(entries)) => entries.values().collect(),
                ("prefixItems" | "items", Value::Array(entries)) => entries.iter().collect(),
                ("items" | "additionalItems" | "additionalProperties", _) => vec![value],
                ("pattern" | "format", _) => {
                    size.weight += PATTERN_WEIGHT;
                    continue;
                }
                ("required", Value::Array(names)) => {
                    size.weight += names.len() as u64;
                    continue;
                }
                _ => continue,
            };
            if key == "patternProperties" {
                size.weight += PATTERN_WEIGHT * PATTERN_WEIGHT * inner.len() as u64;
            }
            let times = if key == "patternProperties" { matched } else { 1 };
            size.open |= key != "properties" && value.is_object();
            for schema in inner {
                let inner = self.measure(schema, refs)?;
                size.weight = size.weight.saturating_add(inner.weight.saturating_mul(times));
                size.copies = size.copies.max(inner.copies);
                size.open |= inner.open;
            }
        }
        Ok(size)
    }

    /// What a `$ref` names in this document, found the library's way.
    fn target(&self, reference: &str) -> Option<&'a Value> {
        if matches!(reference, "#" | "#/") {
            return Some(self.root);
        }
        reference.strip_prefix("#/")?.split('/').try_fold(self.root, |at, segment| match at {
            Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
            _ => at.get(segment),
        })
    }
}

/// What must hold together of one schema.
enum Part<'a> {
    /// A schema of `allOf`.
    Schema(&'a Value),
    /// A keyword of [`JOINED`] with its value.
    Keyword(&'a str, &'a Value),
    /// All other keywords, as one.
    Plain,
}

fn parts(map: &Map<String, Value>) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for (key, value) in map {
        match (key.as_str(), value) {
            ("allOf", Value::Array(all)) => parts.extend(all.iter().filter(|part| constrains(part)).map(Part::Schema)),
            (key, value) if JOINED.contains(&key) => parts.push(Part::Keyword(key, value)),
            _ => {}
        }
    }
    if map.keys().any(|key| !JOINED.contains(&key.as_str()) && !NOT_CONSTRAINING.contains(&key.as_str())) {
        parts.push(Part::Plain);
    }
    parts
}

fn constrains(schema: &Value) -> bool {
    schema.as_object().is_some_and(|map| map.keys().any(|key| !NOT_CONSTRAINING.contains(&key.as_str())))
}

/// JSON values in a value.
fn count(value: &Value) -> u64 {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

#[cfg(test)]
#[path = "bounds_tests.rs"]
mod tests;
