//! What a caller expects to find where it changes a record.

use crate::store::error::StoreError;

/// The state in which a record may be changed: RFC 9110's `If-Match`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Any, also none.
    #[default]
    Any,
    /// Any, but there must be one.
    Existing,
    /// One that has one of these tags.
    Tagged(Vec<String>),
}

impl Expected {
    /// Holds a record against this; `tag` is the one that it has, where there is a record.
    ///
    /// # Errors
    /// `Changed`.
    pub(crate) fn check(&self, what: &'static str, id: &str, tag: Option<&str>) -> Result<(), StoreError> {
        let holds = match (self, tag) {
            (Self::Any, _) | (Self::Existing, Some(_)) => true,
            (Self::Tagged(tags), Some(tag)) => tags.iter().any(|expected| expected == tag),
            (Self::Existing | Self::Tagged(_), None) => false,
        };
        match holds {
            true => Ok(()),
            false => Err(StoreError::Changed { what, id: id.to_owned(), found: tag.map(str::to_owned) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_changed_in_the_expected_state_alone() {
        let tagged = Expected::Tagged(vec!["a".to_owned(), "b".to_owned()]);
        for (expected, tag, holds) in [
            (&Expected::Any, None, true),
            (&Expected::Any, Some("a"), true),
            (&Expected::Existing, Some("a"), true),
            (&Expected::Existing, None, false),
            (&tagged, Some("b"), true),
            (&tagged, Some("c"), false),
            (&tagged, None, false),
        ] {
            assert_eq!(expected.check("task", "t", tag).is_ok(), holds, "{expected:?} {tag:?}");
        }
        let refused = tagged.check("task", "t", Some("c")).unwrap_err().to_string();
        assert!(refused.contains("task t has changed since: its ETag is \"c\" now"), "{refused}");
    }
}
