//! `tojson` as chat templates know it: Python's `json.dumps`, with nothing escaped for HTML.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};

use super::error::Nesting;

/// The deepest nesting of a value that is written.
const MAX_DEPTH: usize = 64;

/// The widest indentation of one level, in characters.
const MAX_INDENT: usize = 64;

/// `value | tojson(ensure_ascii=false, indent=none, separators=none, sort_keys=false)`.
pub(super) fn to_json(
    state: &State<'_, '_>,
    value: &Value,
    ensure_ascii: Option<bool>,
    options: Kwargs,
) -> Result<String, Error> {
    let indent = indent(&options.get::<Option<Value>>("indent")?.unwrap_or_default())?;
    let (item, key) = match options.get::<Option<Value>>("separators")?.filter(|value| !value.is_none()) {
        Some(pair) => (text_at(&pair, 0)?, text_at(&pair, 1)?),
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
    };
    let named = options.get::<Option<bool>>("ensure_ascii")?;
    let style = Style {
        indent,
        item,
        key,
        ascii: named.or(ensure_ascii).unwrap_or(false),
        sorted: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    let mut writer = Writer { out: String::new(), charged: 0, style, state };
    writer.value(value, 0)?;
    Ok(writer.out)
}

/// How it is written.
struct Style {
    indent: Option<String>,
    item: String,
    key: String,
    ascii: bool,
    sorted: bool,
}

struct Writer<'a, 'b, 'c> {
    out: String,
    /// How much of `out` has been paid for.
    charged: usize,
    style: Style,
    state: &'a State<'b, 'c>,
}

impl Writer<'_, '_, '_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::InvalidOperation, "nested too deeply for JSON").with_source(Nesting));
        }
        self.charge()?;
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value),
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Map => self.map(value, depth)?,
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth)?,
            kind => return Err(Error::new(ErrorKind::BadSerialization, format!("{kind} is not JSON serializable"))),
        }
        Ok(())
    }

    /// Pays for what was written since the last call, and one unit for the value to come.
    fn charge(&mut self) -> Result<(), Error> {
        let bytes = self.out.len() - self.charged;
        self.charged = self.out.len();
        self.state.consume_fuel(1 + bytes as u64 / 64)
    }

    fn number(&mut self, value: &Value) {
        let text = value.to_string();
        self.out.push_str(match text.as_str() {
            "nan" => "NaN",
            "inf" => "Infinity",
            "-inf" => "-Infinity",
            other => other,
        });
    }

    /// JSON's own escapes are what `json.dumps` writes; beyond ASCII only where it is asked for.
    fn text(&mut self, text: &str) {
        let quoted = serde_json::Value::from(text).to_string();
        if !self.style.ascii {
            self.out.push_str(&quoted);
            return;
        }
        for c in quoted.chars() {
            if c.is_ascii() && c != '\u{7f}' {
                self.out.push(c);
            } else {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| self.out.push_str(&format!("\\u{unit:04x}")));
            }
        }
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut empty = true;
        self.out.push('[');
        for item in value.try_iter()? {
            self.begin_item(empty, depth);
            empty = false;
            self.value(&item, depth + 1)?;
        }
        self.end(empty, depth);
        self.out.push(']');
        Ok(())
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys = Vec::new();
        for key in value.try_iter()? {
            self.charge()?;
            keys.push(key);
        }
        if self.style.sorted {
            keys.sort();
        }
        self.out.push('{');
        for (i, key) in keys.iter().enumerate() {
            self.begin_item(i == 0, depth);
            match key.kind() {
                ValueKind::None => self.out.push_str("\"null\""),
                ValueKind::Bool => self.out.push_str(if key.is_true() { "\"true\"" } else { "\"false\"" }),
                ValueKind::String => self.text(key.as_str().unwrap_or_default()),
                _ => self.text(&key.to_string()),
            }
            self.out.push_str(&self.style.key);
            self.value(&value.get_item(key)?, depth + 1)?;
        }
        self.end(keys.is_empty(), depth);
        self.out.push('}');
        Ok(())
    }

    fn begin_item(&mut self, first: bool, depth: usize) {
        if !first {
            self.out.push_str(&self.style.item);
        }
        self.new_line(depth + 1);
    }

    fn end(&mut self, empty: bool, depth: usize) {
        if !empty {
            self.new_line(depth);
        }
    }

    fn new_line(&mut self, depth: usize) {
        if let Some(indent) = &self.style.indent {
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str(indent));
        }
    }
}

/// `indent`: a number of spaces, or the text of one level.
fn indent(value: &Value) -> Result<Option<String>, Error> {
    let text = match value.kind() {
        ValueKind::None | ValueKind::Undefined => return Ok(None),
        ValueKind::String => value.as_str().unwrap_or_default().to_owned(),
        _ => " ".repeat(value.as_i64().unwrap_or(0).clamp(0, 1 + MAX_INDENT as i64).unsigned_abs() as usize),
    };
    if text.len() > MAX_INDENT {
        return Err(Error::new(ErrorKind::InvalidOperation, "the indent of tojson is too wide"));
    }
    Ok(Some(text))
}

fn text_at(pair: &Value, index: usize) -> Result<String, Error> {
    let part = pair.get_item_by_index(index)?;
    match part.as_str() {
        Some(text) if text.len() <= MAX_INDENT => Ok(text.to_owned()),
        _ => Err(Error::new(ErrorKind::InvalidOperation, "the separators of tojson must be two short texts")),
    }
}
