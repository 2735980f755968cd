//! `rank_pattern` and `alpha_pattern`: values of single modules, by regular expressions.

use crate::lora::Error;
use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Map, Value};

/// The most keys that one pattern has: more than a model has linear layers.
const MAX_KEYS: usize = 2048;
/// What one compiled expression may take, in bytes.
const MAX_COMPILED: usize = 1 << 16;

/// Expressions in the file's order, each with its value.
#[derive(Debug)]
pub(super) struct Patterns<T>(Vec<(Regex, T)>);

impl<T: Copy> Patterns<T> {
    /// Compiles the keys of `field`; `value` tells what its values may be.
    pub(super) fn new(
        field: &'static str,
        entries: Option<&Map<String, Value>>,
        value: impl Fn(&Value) -> Option<T>,
    ) -> Result<Self, Error> {
        let entries = entries.into_iter().flatten();
        if entries.clone().count() > MAX_KEYS {
            let problem = format!("there are more than {MAX_KEYS} keys");
            return Err(Error::Pattern { field, key: "…".to_owned(), problem });
        }
        let compiled = entries.map(|(key, given)| {
            let refused = |problem: String| Error::Pattern { field, key: key.clone(), problem };
            let regex = compile(key).map_err(|error| refused(error.to_string()))?;
            let value =
                value(given).ok_or_else(|| refused(format!("the value {given} is not one that it can have")))?;
            Ok((regex, value))
        });
        Ok(Self(compiled.collect::<Result<_, Error>>()?))
    }

    /// The value of the first expression that hits the module of this path.
    pub(super) fn value_of(&self, path: &str) -> Option<T> {
        self.0.iter().find(|(regex, _)| regex.is_match(path.as_bytes())).map(|(_, value)| *value)
    }
}

/// peft's `re.match(rf"(.*\.)?({key})$", path)`: the path is the key, or ends in it after a dot.
fn compile(key: &str) -> Result<Regex, regex::Error> {
    // Paths are ASCII, so that classes need not be Unicode's, which are large.
    RegexBuilder::new(&format!(r"^(?:(.*\.)?({key})$)"))
        .unicode(false)
        .size_limit(MAX_COMPILED)
        .dfa_size_limit(MAX_COMPILED)
        .nest_limit(32)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PATH: &str = "model.layers.11.self_attn.q_proj";

    fn patterns(entries: Value) -> Result<Patterns<u64>, Error> {
        Patterns::new("rank_pattern", entries.as_object(), Value::as_u64)
    }

    /// Expected: `re.match` of Python 3.11 with peft's expression.
    #[test]
    fn a_key_is_an_expression_that_stands_for_the_path_s_end() {
        for (key, hits) in [
            ("q_proj", true),
            ("proj", false),
            ("self_attn.q_proj", true),
            (r"self_attn\.[qk]_proj", true),
            (r".*\.11\..*", true),
            (r"layers\.1\.self_attn\.q_proj", false),
            (r"^model\.layers\.11\.self_attn\.q_proj$", true),
            (r"^layers\.11\.self_attn\.q_proj", false),
            (r"model\.layers\.\d+\.self_attn\.(q|v)_proj", true),
            ("Q_PROJ", false),
        ] {
            let found = patterns(json!({ key: 2 })).unwrap().value_of(PATH);
            assert_eq!(found.is_some(), hits, "{key}");
        }
    }

    #[test]
    fn the_first_key_of_the_file_wins() {
        let both = serde_json::from_str(r#"{"q_proj": 3, ".*q_proj": 5}"#).unwrap();
        assert_eq!(patterns(both).unwrap().value_of(PATH), Some(3));
        let turned = serde_json::from_str(r#"{".*q_proj": 5, "q_proj": 3}"#).unwrap();
        assert_eq!(patterns(turned).unwrap().value_of(PATH), Some(5));
    }

    #[test]
    fn what_is_no_expression_or_a_huge_one_is_refused_by_its_key() {
        let many: Map<String, Value> = (0..=MAX_KEYS).map(|n| (n.to_string(), json!(1))).collect();
        for (entries, words) in [
            (json!({ "q_(proj": 2 }), "q_(proj"),
            (json!({ "(?=q)q_proj": 2 }), "look-around"),
            (json!({ "(a{1000}){1000}": 2 }), "size limit"),
            (json!({ "q_proj": "two" }), "two"),
            (Value::Object(many), "more than"),
        ] {
            let error = patterns(entries).unwrap_err().to_string();
            assert!(error.contains("rank_pattern") && error.contains(words), "{error}");
        }
    }
}
