//! Fact tables: what the model knows of the world, each a skill of its own.
//!
//! A source is text: rows separated by commas, columns by `=`; `-` is an empty cell. One source serves several facts.

mod countries;
mod everyday;
mod translations;
mod verbs;

use std::sync::Arc;

use super::input::Entries;
use super::words::rank;

/// One fact about each key of a source.
pub(super) struct Fact {
    /// The op's name.
    pub(super) name: &'static str,
    pub(super) family: &'static str,
    /// What a key is called in a description.
    pub(super) object: &'static str,
    pub(super) source: &'static str,
    /// The columns of the key and of the answer.
    pub(super) columns: (usize, usize),
    /// Read by `Phrases::parse`.
    pub(super) phrases: &'static str,
    /// Sentences that state the fact; `K` is the key and `V` the answer.
    pub(super) sentences: &'static [&'static str],
}

/// Every fact.
pub(super) fn all() -> impl Iterator<Item = &'static Fact> {
    [countries::FACTS, everyday::FACTS, translations::FACTS, verbs::FACTS].into_iter().flatten()
}

impl Fact {
    /// Keys and answers, in the source's order.
    pub(super) fn pairs(&self) -> Vec<(&'static str, &'static str)> {
        let (key, value) = self.columns;
        let rows = self.source.split(',').map(|row| row.trim().split('=').collect::<Vec<_>>());
        rows.filter_map(|row| Some((*row.get(key)?, *row.get(value)?)))
            .filter(|&(key, value)| !key.is_empty() && key != "-" && value != "-")
            .collect()
    }

    /// The keys, a quarter of them (by the rank of their hash) for the test; two of a table as small as a calendar.
    pub(super) fn entries(&self) -> Arc<Entries> {
        let mut keys: Vec<&'static str> = self.pairs().into_iter().map(|(key, _)| key).collect();
        keys.sort_by_key(|key| rank(key));
        let tested = if keys.len() <= 12 { 2 } else { keys.len() / 4 };
        let train = keys.split_off(tested);
        Arc::new(Entries { object: self.object, train, test: keys })
    }
}
