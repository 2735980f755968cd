//! `attune.toml`: a flat table of options, below the flags and the environment and above the defaults.
//!
//! The module knows no command line: its reader says which keys there are and what each takes. A key that nobody
//! knows is refused, because an option that is silently ignored is found out too late.
//!
//! ```
//! use attune::config::{ConfigFile, Key, Kind};
//! let file = ConfigFile::parse("attune.toml".as_ref(), "queue = 64")?;
//! let values = file.resolve(&[Key { name: "queue".to_owned(), kind: Kind::Whole }])?;
//! assert_eq!(values["queue"], "64");
//! # Ok::<(), attune::config::ConfigError>(())
//! ```

mod error;

pub use error::ConfigError;

use figment::providers::{Format, Toml};
use figment::value::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file's name in the working directory.
pub const FILE_NAME: &str = "attune.toml";

/// A key that the file may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
}

/// What a key takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number of 0 or more.
    Whole,
    /// A number.
    Number,
    /// Text in quotes.
    Text,
    /// One of these words, in quotes.
    Choice(Vec<String>),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("true or false"),
            Self::Whole => f.write_str("a whole number of 0 or more"),
            Self::Number => f.write_str("a number"),
            Self::Text => f.write_str("text in quotes"),
            Self::Choice(words) => write!(f, "one of \"{}\"", words.join("\", \"")),
        }
    }
}

/// A file that was read; its keys are not checked yet.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, Value>,
}

impl ConfigFile {
    /// Reads the file.
    ///
    /// # Errors
    /// `Read` where there is none, `Syntax` where it is no TOML.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
    }

    /// Reads the file where there is one.
    ///
    /// # Errors
    /// `Read` and `Syntax`, as [`ConfigFile::read`].
    pub fn read_if_there(path: &Path) -> Result<Option<Self>, ConfigError> {
        match Self::read(path) {
            Err(ConfigError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// Reads the text of a file; `path` is what errors call it.
    ///
    /// # Errors
    /// `Syntax` with the line.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let values = Toml::from_str(text)
            .map_err(|source| ConfigError::Syntax { path: path.to_owned(), source: Box::new(source) })?;
        Ok(Self { path: path.to_owned(), values })
    }

    /// The values by key, each as the text that a flag would take. `keys` is everything that the file may hold.
    ///
    /// # Errors
    /// `UnknownKey`, `WrongType`.
    pub fn resolve(&self, keys: &[Key]) -> Result<BTreeMap<String, String>, ConfigError> {
        let resolve = |(name, value): (&String, &Value)| {
            let known = keys.iter().find(|key| key.name == *name).ok_or_else(|| ConfigError::UnknownKey {
                path: self.path.clone(),
                key: name.clone(),
                known: keys.iter().map(|key| key.name.clone()).collect(),
            })?;
            let text = as_text(value, &known.kind).ok_or_else(|| ConfigError::WrongType {
                path: self.path.clone(),
                key: name.clone(),
                expected: known.kind.clone(),
                found: shown(value),
            })?;
            Ok((name.clone(), text))
        };
        self.values.iter().map(resolve).collect()
    }
}

/// The value as a flag's text, where the kind takes it. Nothing is converted: `"64"` is no number.
fn as_text(value: &Value, kind: &Kind) -> Option<String> {
    let number = match value {
        Value::Num(_, number) => Some(number),
        _ => None,
    };
    match kind {
        Kind::Switch => value.to_bool().map(|on| on.to_string()),
        Kind::Whole => number?.to_i128().filter(|whole| *whole >= 0).map(|whole| whole.to_string()),
        Kind::Number => {
            let whole = number?.to_i128().map(|whole| whole.to_string());
            whole.or_else(|| number?.to_f64().map(|real| real.to_string()))
        }
        Kind::Text => value.as_str().map(str::to_owned),
        Kind::Choice(words) => value.as_str().filter(|text| words.iter().any(|word| word == text)).map(str::to_owned),
    }
}

/// The value for an error's reader.
fn shown(value: &Value) -> String {
    match value {
        Value::String(_, text) => format!("{text:?}"),
        Value::Bool(_, on) => on.to_string(),
        Value::Num(_, number) => match number.to_i128() {
            Some(whole) => whole.to_string(),
            None => number.to_f64().map_or_else(|| "a number".to_owned(), |real| real.to_string()),
        },
        Value::Array(..) => "a list".to_owned(),
        _ => "a table or a date".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<Key> {
        let words = vec!["f32".to_owned(), "f16".to_owned()];
        [
            ("listen", Kind::Text),
            ("queue", Kind::Whole),
            ("insecure", Kind::Switch),
            ("rate", Kind::Number),
            ("dtype", Kind::Choice(words)),
        ]
        .map(|(name, kind)| Key { name: name.to_owned(), kind })
        .to_vec()
    }

    fn resolve(text: &str) -> Result<BTreeMap<String, String>, ConfigError> {
        ConfigFile::parse("here.toml".as_ref(), text)?.resolve(&keys())
    }

    #[test]
    fn every_kind_is_read_as_a_flag_would_give_it() {
        let text = "listen = '0.0.0.0:80'\nqueue = 64\ninsecure = true\nrate = 1e-3\ndtype = 'f16'";
        let values = resolve(text).unwrap();
        let expected =
            [("dtype", "f16"), ("insecure", "true"), ("listen", "0.0.0.0:80"), ("queue", "64"), ("rate", "0.001")];
        assert!(values.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(expected), "{values:?}");
        assert!(resolve("# nothing but a comment").unwrap().is_empty());
        assert_eq!(resolve("rate = 1").unwrap()["rate"], "1");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_keys_that_there_are() {
        let refused = resolve("listne = '0.0.0.0:80'").unwrap_err();
        assert!(matches!(&refused, ConfigError::UnknownKey { key, .. } if key == "listne"));
        let expected = "here.toml: there is no option `listne`; the options are listen, queue, insecure, rate, dtype";
        assert_eq!(refused.to_string(), expected);
        assert!(resolve("[serve]\nlisten = 'x'").unwrap_err().to_string().contains("no option `serve`"));
    }

    #[test]
    fn a_wrong_type_is_named_by_its_key() {
        for (text, key, found) in [
            ("queue = '64'", "queue", "\"64\""),
            ("queue = -1", "queue", "-1"),
            ("queue = 1.5", "queue", "1.5"),
            ("listen = 8080", "listen", "8080"),
            ("insecure = 1", "insecure", "1"),
            ("rate = true", "rate", "true"),
            ("dtype = 'f64'", "dtype", "\"f64\""),
            ("listen = ['a']", "listen", "a list"),
            ("[listen]\nport = 1", "listen", "a table or a date"),
        ] {
            let refused = resolve(text).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("here.toml: {key} takes ")), "{refused}");
            assert!(refused.ends_with(&format!(", not {found}")), "{refused}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_with_its_line() {
        let refused = resolve("queue = 1\nlisten 3").unwrap_err().to_string();
        assert!(refused.starts_with("here.toml: ") && refused.contains("line 2"), "{refused}");
    }

    #[test]
    fn only_a_file_that_was_asked_for_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        assert!(ConfigFile::read_if_there(&path).unwrap().is_none());
        assert!(matches!(ConfigFile::read(&path).unwrap_err(), ConfigError::Read { .. }));
    }
}
