//! Methods of Python's strings that templates call, beyond those of the engine's own compatibility layer.

use minijinja::value::{Value, from_args};
use minijinja::{Error, ErrorKind, State};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::weight;

/// The widest field of `str.format`, in digits: the engine makes a field of any width at once.
const MAX_WIDTH_DIGITS: usize = 4;

/// Calls a method by its Python name.
pub(super) fn call(state: &mut State<'_, '_>, value: &Value, method: &str, args: &[Value]) -> Result<Value, Error> {
    if method == "format" {
        args.iter().try_for_each(|value| weight::pay(state, value))?;
        check_widths(value.as_str().unwrap_or_default())?;
    }
    match unknown_method_callback(state, value, method, args) {
        Err(error) if error.kind() == ErrorKind::UnknownMethod => match value.as_str() {
            Some(text) => string_method(text, method, args),
            None => Err(error),
        },
        result => result,
    }
}

fn check_widths(format: &str) -> Result<(), Error> {
    let mut numbers = format.split(|c: char| !c.is_ascii_digit());
    match numbers.any(|number| number.len() > MAX_WIDTH_DIGITS) && format.contains('{') {
        true => Err(Error::new(ErrorKind::InvalidOperation, "a number in the format is too large")),
        false => Ok(()),
    }
}

fn string_method(text: &str, method: &str, args: &[Value]) -> Result<Value, Error> {
    match method {
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            Ok(parts(text.split_once(not_empty(separator)?), [text, "", ""], separator))
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            Ok(parts(text.rsplit_once(not_empty(separator)?), ["", "", text], separator))
        }
        "rsplit" => {
            let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
            rsplit(text, separator, most)
        }
        "isspace" => Ok(Value::from(!text.is_empty() && text.chars().all(char::is_whitespace))),
        _ => Err(Error::from(ErrorKind::UnknownMethod)),
    }
}

/// Python's triple: what is before, the separator, what is behind; or the whole where it is not found.
fn parts(found: Option<(&str, &str)>, whole: [&str; 3], separator: &str) -> Value {
    let parts = found.map_or(whole, |(before, behind)| [before, separator, behind]);
    Value::from(parts.map(Value::from).to_vec())
}

/// Splits from the right, at most `most` times; at runs of white space where there is no separator.
fn rsplit(text: &str, separator: Option<&str>, most: Option<i64>) -> Result<Value, Error> {
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX).saturating_add(1);
    let mut found: Vec<&str> = match separator {
        Some(separator) => text.rsplitn(most, not_empty(separator)?).collect(),
        None => rsplit_space(text, most),
    };
    found.reverse();
    Ok(Value::from(found.into_iter().map(Value::from).collect::<Vec<_>>()))
}

fn rsplit_space(text: &str, most: usize) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        match rest.rfind(char::is_whitespace) {
            Some(at) if found.len() + 1 < most => {
                let word = at + rest[at..].chars().next().map_or(0, char::len_utf8);
                found.push(&rest[word..]);
                rest = rest[..at].trim_end();
            }
            _ => {
                found.push(rest.trim_start_matches(|c: char| c.is_whitespace() && most > 1));
                break;
            }
        }
    }
    found
}

fn not_empty(separator: &str) -> Result<&str, Error> {
    match separator {
        "" => Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        text => Ok(text),
    }
}
