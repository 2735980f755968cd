//! Lists in pages: a limit, and a cursor that says where the last page ended.
//!
//! A cursor is the name of its list and the sort key of the last row, so rows that come or go between two pages neither
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

    /// The sort key of the last row before this page of the list; none on the first page.
    pub(crate) fn after(&self, list: List) -> Result<Option<SortKey>, StoreError> {
        self.cursor.as_deref().map(|cursor| SortKey::decode(cursor, list)).transpose()
    }
}

impl<T> Page<T> {
    /// The page of these rows, of which one may be too many.
    pub(crate) fn cut(mut rows: Vec<T>, request: &PageRequest, list: List, key: impl Fn(&T) -> SortKey) -> Self {
        let more = rows.len() > request.rows();
        rows.truncate(request.rows());
        let next_cursor = rows.last().filter(|_| more).map(|row| key(row).encode(list));
        Self { data: rows, next_cursor }
    }
}

/// Which list. A cursor of one is none of another, whose rows it would pass over without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Adapters,
    Tasks,
    Generators,
    Jobs,
    Keys,
}

impl List {
    fn letter(self) -> char {
        match self {
            Self::Adapters => 'a',
            Self::Tasks => 't',
            Self::Generators => 'g',
            Self::Jobs => 'j',
            Self::Keys => 'k',
        }
    }
}

/// What a list is ordered by: a time in milliseconds, then an id (or a name, with time 0).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SortKey {
    pub(crate) at_ms: i64,
    pub(crate) id: String,
}

impl SortKey {
    /// Before all rows of a list that begins with the newest.
    pub(crate) fn newest() -> Self {
        Self { at_ms: i64::MAX, id: String::new() }
    }

    fn encode(&self, list: List) -> String {
        super::artifacts::hex(format!("{}{}:{}", list.letter(), self.at_ms, self.id).as_bytes())
    }

    fn decode(cursor: &str, list: List) -> Result<Self, StoreError> {
        let invalid = || StoreError::InvalidCursor;
        let digits = cursor.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes = digits.collect::<Option<Vec<u8>>>().ok_or_else(invalid)?;
        let text = String::from_utf8(bytes).map_err(|_| invalid())?;
        let (at_ms, id) = text.strip_prefix(list.letter()).and_then(|key| key.split_once(':')).ok_or_else(invalid)?;
        let key = Self { at_ms: at_ms.parse().map_err(|_| invalid())?, id: id.to_owned() };
        // No id has a NUL, which Postgres takes in no text; and what was given out is written in one way alone.
        if id.contains('\0') || key.encode(list) != cursor { Err(invalid()) } else { Ok(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_cursor_makes_reading_panic_and_a_good_one_is_written_in_one_way(cursor in "([0-9a-f]{0,40}|.{0,20})") {
            if let Ok(key) = SortKey::decode(&cursor, List::Tasks) {
                prop_assert_eq!(key.encode(List::Tasks), cursor);
            }
        }

        #[test]
        fn every_cursor_survives_its_text_form(at_ms in any::<i64>(), id in "[^\0]{0,20}") {
            let key = SortKey { at_ms, id };
            prop_assert_eq!(SortKey::decode(&key.encode(List::Jobs), List::Jobs).unwrap(), key);
        }
    }

    #[test]
    fn a_cursor_survives_its_text_form() {
        let key = SortKey { at_ms: 1_700_000_000_123, id: "täsk:1".to_owned() };
        assert_eq!(SortKey::decode(&key.encode(List::Jobs), List::Jobs).unwrap(), key);
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let key = SortKey { at_ms: 5, id: "a".to_owned() };
        for list in [List::Adapters, List::Tasks, List::Generators] {
            let other = SortKey::decode(&key.encode(List::Jobs), list);
            assert!(matches!(other, Err(StoreError::InvalidCursor)), "{list:?}");
        }
    }

    #[test]
    fn a_made_up_cursor_is_refused() {
        // The last are "j1:\0", "j+1:" and "j1:J" in capitals.
        for cursor in ["", "zz", "abc", "6a3132", "+1+2", "ü", "313a", "6a313a00", "6a2b313a", "6A313A4A"] {
            let decoded = SortKey::decode(cursor, List::Jobs);
            assert!(matches!(decoded, Err(StoreError::InvalidCursor)), "{cursor}: {decoded:?}");
        }
        let no_id = SortKey { at_ms: 1, id: String::new() };
        assert_eq!(SortKey::decode("6a313a", List::Jobs).unwrap(), no_id);
    }

    #[test]
    fn a_limit_of_zero_still_gives_a_row() {
        assert_eq!(PageRequest { limit: 0, cursor: None }.rows(), 1);
    }
}
