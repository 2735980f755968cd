//! Lists in pages: a limit, and a cursor that says where the last page ended.
//!
//! A cursor is the sort key of the last row, so rows that come or go between two pages neither
//! repeat nor hide others. To the caller it is an opaque string.

use serde::Serialize;

use super::error::StoreError;

/// The most rows of a page.
pub const MAX_LIMIT: u32 = 1_000;
/// The rows of a page when the caller names no limit.
pub const DEFAULT_LIMIT: u32 = 50;

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// At most this many rows; held between 1 and [`MAX_LIMIT`].
    pub limit: u32,
    /// [`Page::next_cursor`] of the page before; `None` is the first page.
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, cursor: None }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next_cursor: Option<String>,
}

impl PageRequest {
    /// The rows wanted, held to what may be asked.
    pub(crate) fn rows(&self) -> usize {
        self.limit.clamp(1, MAX_LIMIT) as usize
    }

    /// How many rows to fetch: one more than wanted shows whether another page follows.
    pub(crate) fn fetch(&self) -> i64 {
        self.rows() as i64 + 1
    }

    /// The sort key of the last row before this page.
    pub(crate) fn after(&self) -> Result<Option<SortKey>, StoreError> {
        self.cursor.as_deref().map(SortKey::decode).transpose()
    }
}

impl<T> Page<T> {
    /// The page of these rows, of which one may be too many.
    pub(crate) fn cut(mut rows: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> SortKey) -> Self {
        let more = rows.len() > request.rows();
        rows.truncate(request.rows());
        let next_cursor = rows.last().filter(|_| more).map(|row| key(row).encode());
        Self { data: rows, next_cursor }
    }
}

/// What a list is ordered by: a time in milliseconds, then an id (or a name, with time 0).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SortKey {
    pub(crate) at_ms: i64,
    pub(crate) id: String,
}

impl SortKey {
    fn encode(&self) -> String {
        super::artifacts::hex(format!("{}:{}", self.at_ms, self.id).as_bytes())
    }

    fn decode(cursor: &str) -> Result<Self, StoreError> {
        let invalid = || StoreError::InvalidCursor;
        let digits = cursor.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes = digits.collect::<Option<Vec<u8>>>().ok_or_else(invalid)?;
        let text = String::from_utf8(bytes).map_err(|_| invalid())?;
        let (at_ms, id) = text.split_once(':').ok_or_else(invalid)?;
        Ok(Self { at_ms: at_ms.parse().map_err(|_| invalid())?, id: id.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text_form() {
        let key = SortKey { at_ms: 1_700_000_000_123, id: "täsk:1".to_owned() };
        assert_eq!(SortKey::decode(&key.encode()).unwrap(), key);
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        for cursor in ["", "zz", "abc", "3132", "+1+2", "ü", "313a"] {
            let decoded = SortKey::decode(cursor);
            let expected_ok = cursor == "313a"; // "1:", an empty id
            assert_eq!(decoded.is_ok(), expected_ok, "{cursor}: {decoded:?}");
        }
    }

    #[test]
    fn a_limit_of_zero_still_gives_a_row() {
        assert_eq!(PageRequest { limit: 0, cursor: None }.rows(), 1);
    }
}
