//! `If-Match`, and the tags that it names (RFC 9110, sections 8.8.3 and 13.1.1).

use axum::http::{HeaderMap, header};

use super::problem::{Code, Problem};
use crate::store::Expected;

/// What the caller expects to find; anything where the header is absent.
///
/// # Errors
/// `Malformed` where it is neither `*` nor a list of entity tags.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Expected, Problem> {
    let mut tags = Vec::new();
    let mut lines = headers.get_all(header::IF_MATCH).iter().peekable();
    if lines.peek().is_none() {
        return Ok(Expected::Any);
    }
    for line in lines {
        let line = line.to_str().map_err(|_| malformed())?.trim();
        if line == "*" {
            return Ok(Expected::Existing);
        }
        strong_tags(line, &mut tags).ok_or_else(malformed)?;
    }
    Ok(Expected::Tagged(tags))
}

/// Adds the tags of a list, without their quotes. A weak tag is passed over: it never matches strongly.
fn strong_tags(mut list: &str, tags: &mut Vec<String>) -> Option<()> {
    loop {
        let (weak, tag) = match list.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, list),
        };
        let (tag, rest) = tag.strip_prefix('"')?.split_once('"')?;
        if !weak {
            tags.push(tag.to_owned());
        }
        match rest.trim_start() {
            "" => return Some(()),
            rest => list = rest.strip_prefix(',')?.trim_start(),
        }
    }
}

fn malformed() -> Problem {
    let reason =
        "must be * or entity tags in double quotes, as in If-Match: \"0123abcd\": send the ETag as GET gave it";
    Problem::field(Code::Malformed, "If-Match", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_header_makes_reading_panic(value in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'"'), Just(b','), Just(b' ')], 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                let _ = if_match(&HeaderMap::from_iter([(header::IF_MATCH, value)]));
            }
        }

        #[test]
        fn every_list_of_tags_is_read(tags in prop::collection::vec("[!#-~]{0,8}", 1..6), gap in "[ \t]{0,3}") {
            let line = tags.iter().map(|tag| format!("\"{tag}\"")).collect::<Vec<_>>().join(&format!("{gap},{gap}"));
            prop_assert_eq!(read(&[&line]).unwrap(), Expected::Tagged(tags));
        }
    }

    fn read(lines: &[&str]) -> Result<Expected, Problem> {
        if_match(&lines.iter().map(|line| (header::IF_MATCH, line.parse().unwrap())).collect())
    }

    #[test]
    fn an_absent_header_a_star_and_lists_are_read() {
        let tagged = |tags: &[&str]| Expected::Tagged(tags.iter().map(|tag| (*tag).to_owned()).collect());
        for (lines, expected) in [
            (vec![], Expected::Any),
            (vec![" * "], Expected::Existing),
            (vec!["\"a\""], tagged(&["a"])),
            (vec!["\"a\" , \"b,c\",\"\""], tagged(&["a", "b,c", ""])),
            (vec!["\"a\"", "\"b\""], tagged(&["a", "b"])),
            (vec!["W/\"a\""], tagged(&[])),
            (vec!["W/\"a\", \"b\""], tagged(&["b"])),
        ] {
            assert_eq!(read(&lines).unwrap(), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_is_no_tag_is_named() {
        for line in ["", "a", "\"a", "\"a\" \"b\"", "\"a\",", "\"a\", b", "*, \"a\"", "w/\"a\""] {
            let problem = read(&[line]).unwrap_err();
            assert_eq!(problem.code(), Code::Malformed, "{line}");
            assert_eq!(problem.body("r").invalid_params[0].name, "If-Match");
        }
    }
}
