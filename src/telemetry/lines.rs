//! Log lines on standard error, as text or as JSON objects.
//!
//! A line is flat: what an event says, and beside it the fields of the spans around it, such as the request's id, its
//! tenant, its trace and its adapter; of two fields with one name the inner one's. Fields whose names begin with `otel.` or
//! `http.` are for traces alone. No line holds a body or a secret, because no event or span is given one.

use serde_json::{Map, Value};
use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// What log lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs: an object a line.
    Json,
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
}

/// The layer that writes lines.
pub struct Lines {
    json: bool,
    clock: fn() -> OffsetDateTime,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl Lines {
    /// Lines of this form on standard error, with times from this clock.
    pub fn new(format: LogFormat, clock: fn() -> OffsetDateTime) -> Self {
        // A line that cannot be written, on a full disk perhaps, is lost: to tell of that would be a panic.
        Self::to(format, clock, |line| drop(std::io::stderr().lock().write_all(line.as_bytes())))
    }

    /// Lines that are given to `write`, each with its end.
    pub fn to(format: LogFormat, clock: fn() -> OffsetDateTime, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let json = match format {
            LogFormat::Text => false,
            LogFormat::Json => true,
            LogFormat::Auto => !std::io::stderr().is_terminal(),
        };
        Self { json, clock, write: Box::new(write) }
    }

    fn line(&self, event: &Event<'_>, around: Map<String, Value>) -> String {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut fields = fields.0;
        let message = fields.shift_remove("message").unwrap_or_default();
        for (name, value) in around {
            fields.entry(name).or_insert(value);
        }
        let now = (self.clock)().format(&Rfc3339).unwrap_or_default();
        let (level, target) = (event.metadata().level().as_str(), event.metadata().target());
        if self.json {
            let mut line = Map::new();
            line.insert("time".to_owned(), now.into());
            line.insert("level".to_owned(), level.to_lowercase().into());
            line.insert("target".to_owned(), target.into());
            line.insert("message".to_owned(), message);
            line.extend(fields);
            return Value::Object(line).to_string();
        }
        let mut line = format!("{now} {level:>5} {target}: {}", printable(message.as_str().unwrap_or_default()));
        for (name, value) in &fields {
            let _ = match value {
                Value::String(text) if is_plain(text) => write!(line, " {name}={text}"),
                other => write!(line, " {name}={other}"),
            };
        }
        line
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut around = Map::new();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Fields(fields)) = span.extensions().get::<Fields>() {
                for (name, value) in fields {
                    around.entry(name.as_str()).or_insert_with(|| value.clone());
                }
            }
        }
        (self.write)(&(self.line(event, around) + "\n"));
    }
}

/// The fields of a span or an event.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        let name = field.name();
        if !name.starts_with("otel.") && !name.starts_with("http.") {
            self.0.insert(name.to_owned(), value.into());
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

/// Whether a text can stand in a line of text without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'=')
}

/// A message without what could break the line or move the terminal's cursor.
fn printable(text: &str) -> String {
    text.chars().flat_map(|char| if char.is_control() { char.escape_default().collect() } else { vec![char] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::prelude::*;

    fn lines(format: LogFormat, tell: impl FnOnce()) -> Vec<String> {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&kept);
        let lines =
            Lines::to(format, || OffsetDateTime::UNIX_EPOCH, move |line| keep.lock().unwrap().push(line.to_owned()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), tell);
        let kept = kept.lock().unwrap();
        kept.iter().map(|line| line.strip_suffix('\n').unwrap().to_owned()).collect()
    }

    fn tell() {
        let outer =
            tracing::info_span!("request", request_id = "r1", tenant = tracing::field::Empty, otel.kind = "server");
        outer.record("tenant", "acme");
        let inner = tracing::info_span!(parent: &outer, "completion", adapter = "a", request_id = "r2");
        inner.in_scope(|| tracing::info!(duration_ms = 1.5, text = "two words", "answered\n\u{1b}[2J"));
    }

    #[test]
    fn a_line_of_json_is_flat_and_carries_what_is_around_it() {
        let lines = lines(LogFormat::Json, tell);
        let line: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(line["time"], "1970-01-01T00:00:00Z");
        assert_eq!((&line["level"], &line["message"]), (&"info".into(), &"answered\n\u{1b}[2J".into()));
        assert_eq!(
            (&line["tenant"], &line["adapter"], &line["request_id"]),
            (&"acme".into(), &"a".into(), &"r2".into())
        );
        assert_eq!(line["duration_ms"], 1.5);
        assert!(line.get("otel.kind").is_none());
        assert!(!lines[0].contains('\n'));
    }

    #[test]
    fn a_line_of_text_stays_one_line() {
        let lines = lines(LogFormat::Text, tell);
        assert!(lines[0].starts_with("1970-01-01T00:00:00Z  INFO attune::telemetry::lines"), "{}", lines[0]);
        assert!(
            lines[0].contains("answered\\n\\u{1b}[2J duration_ms=1.5 text=\"two words\" adapter=a"),
            "{}",
            lines[0]
        );
        assert!(!lines[0].contains('\n'));
    }
}
