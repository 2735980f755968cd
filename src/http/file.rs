//! A file in an answer: a strong `ETag`, conditional and range requests (RFC 9110, sections 13 and 14).

use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::{Code, Problem};

/// A whole file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// Its bytes.
    pub(crate) bytes: Bytes,
    /// SHA-256 of the bytes in hexadecimal.
    pub(crate) digest: String,
    /// Its media type.
    pub(crate) media_type: &'static str,
}

/// The `ETag` of bytes with this digest.
pub(crate) fn etag(digest: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

impl File {
    /// The answer to this request: all of it, a part, or that the caller's copy is good.
    pub(crate) fn answer(self, method: &Method, request: &HeaderMap) -> Response {
        let tag = etag(&self.digest);
        if is_fresh(request, &tag) {
            return self.with_headers(StatusCode::NOT_MODIFIED, Body::empty());
        }
        match wanted_range(method, request, &tag, self.bytes.len()) {
            Wanted::All => {
                let body = Body::from(self.bytes.clone());
                self.with_headers(StatusCode::OK, body)
            }
            Wanted::Part(range) => {
                let (first, last, total) = (range.start, range.end - 1, self.bytes.len());
                let body = Body::from(self.bytes.slice(range));
                let mut response = self.with_headers(StatusCode::PARTIAL_CONTENT, body);
                set(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{total}"));
                response
            }
            Wanted::Outside => {
                let total = self.bytes.len();
                let mut response = Problem::new(Code::Range, format!("the file has {total} bytes")).into_response();
                set(&mut response, header::CONTENT_RANGE, &format!("bytes */{total}"));
                response
            }
        }
    }

    fn with_headers(&self, status: StatusCode, body: Body) -> Response {
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::ETAG, etag(&self.digest));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        // Kept, but asked for each time: the adapter may have been deleted.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if status != StatusCode::NOT_MODIFIED {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        }
        response
    }
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Whether `If-None-Match` names the tag (compared weakly) or any.
pub(crate) fn is_fresh(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let sent = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    sent.flat_map(|value| value.split(','))
        .map(|one| one.trim())
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one).as_bytes() == tag.as_bytes())
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    /// Not empty, within the file.
    Part(Range<usize>),
    Outside,
}

/// What `Range` asks for. Only GET has ranges; one that is malformed, in another unit or of several parts counts for
/// nothing, and so does one whose `If-Range` is another file's.
fn wanted_range(method: &Method, request: &HeaderMap, tag: &HeaderValue, total: usize) -> Wanted {
    let same_file = request.get(header::IF_RANGE).is_none_or(|sent| sent == tag);
    let Some(range) = request.get(header::RANGE).filter(|_| method == Method::GET && same_file) else {
        return Wanted::All;
    };
    let spec = range.to_str().ok().and_then(|text| text.split_once('='));
    match spec {
        Some((unit, spec)) if unit.trim().eq_ignore_ascii_case("bytes") => parse_range(spec.trim(), total),
        _ => Wanted::All,
    }
}

/// `first-last`, `first-` or `-count`.
fn parse_range(spec: &str, total: usize) -> Wanted {
    let Some((first, last)) = spec.split_once('-') else { return Wanted::All };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Wanted::All;
    }
    // A number too large for the machine is larger than the file.
    let number = |text: &str| text.parse::<usize>().unwrap_or(usize::MAX);
    match (first, last) {
        ("", "") => Wanted::All,
        ("", count) => match number(count).min(total) {
            0 => Wanted::Outside,
            count => Wanted::Part(total - count..total),
        },
        (first, "") if number(first) < total => Wanted::Part(number(first)..total),
        (first, last) if !last.is_empty() && number(last) < number(first) => Wanted::All,
        (first, last) if number(first) < total => Wanted::Part(number(first)..number(last).min(total - 1) + 1),
        _ => Wanted::Outside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        File { bytes: Bytes::from_static(b"0123456789"), digest: "ab".to_owned(), media_type: "text/plain" }
    }

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        for (spec, wanted) in [
            ("0-3", Wanted::Part(0..4)),
            ("8-99", Wanted::Part(8..10)),
            ("8-", Wanted::Part(8..10)),
            ("-3", Wanted::Part(7..10)),
            ("-30", Wanted::Part(0..10)),
            ("9-9", Wanted::Part(9..10)),
            ("10-", Wanted::Outside),
            ("10-12", Wanted::Outside),
            ("99999999999999999999999-", Wanted::Outside),
            ("-0", Wanted::Outside),
            ("5-2", Wanted::All),
            ("0-1,3-4", Wanted::All),
            ("-", Wanted::All),
            ("x-2", Wanted::All),
            ("+1-2", Wanted::All),
        ] {
            assert_eq!(parse_range(spec, 10), wanted, "{spec}");
        }
        assert_eq!(parse_range("0-", 0), Wanted::Outside);
        assert_eq!(parse_range("-5", 0), Wanted::Outside);
    }

    #[test]
    fn a_good_copy_is_not_sent_again() {
        for (value, status) in
            [("\"ab\"", 304), ("W/\"ab\"", 304), ("\"x\", \"ab\"", 304), ("*", 304), ("\"x\"", 200), ("ab", 200)]
        {
            let response = file().answer(&Method::GET, &headers(&[(header::IF_NONE_MATCH, value)]));
            assert_eq!(response.status().as_u16(), status, "{value}");
            assert_eq!(response.headers()[header::ETAG], "\"ab\"");
        }
    }

    #[test]
    fn a_part_says_where_it_lies() {
        let part = file().answer(&Method::GET, &headers(&[(header::RANGE, "bytes=2-3")]));
        assert_eq!(
            (part.status().as_u16(), &part.headers()[header::CONTENT_RANGE]),
            (206, &"bytes 2-3/10".parse().unwrap())
        );
        let outside = file().answer(&Method::GET, &headers(&[(header::RANGE, "bytes=10-")]));
        assert_eq!(
            (outside.status().as_u16(), &outside.headers()[header::CONTENT_RANGE]),
            (416, &"bytes */10".parse().unwrap())
        );
    }

    #[test]
    fn head_and_another_version_have_no_ranges() {
        let range = (header::RANGE, "bytes=2-3");
        assert_eq!(file().answer(&Method::HEAD, &headers(std::slice::from_ref(&range))).status(), 200);
        let other = headers(&[range.clone(), (header::IF_RANGE, "\"other\"")]);
        assert_eq!(file().answer(&Method::GET, &other).status(), 200);
        assert_eq!(file().answer(&Method::GET, &headers(&[range, (header::IF_RANGE, "\"ab\"")])).status(), 206);
    }
}
