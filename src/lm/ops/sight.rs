//! Who sees whom in a packed row: what one token's attention runs over.

use super::AttentionMap;
use std::ops::Range;

/// Who sees whom in one row.
pub(super) struct Sight {
    pub(super) tokens: Vec<Seen>,
}

/// What one token sees: part of the prefix, and of its own text up to itself. Empty for padding.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) prefix: Range<usize>,
    pub(super) own: Range<usize>,
}

impl Sight {
    pub(super) fn of_row(map: &AttentionMap, window: Option<usize>, row: usize) -> Self {
        let segments = &map.segments[row * map.tokens..][..map.tokens];
        let prefix = segments.iter().take_while(|segment| **segment == 0).count();
        let window = window.unwrap_or(usize::MAX);
        let mut start = 0;
        let seen = |(t, segment): (usize, &i32)| {
            if t > 0 && segments[t - 1] != *segment {
                start = t;
            }
            match *segment {
                // The window counts positions: a text goes on where the prefix ends.
                0 => Seen { prefix: 0..0, own: (t + 1).saturating_sub(window)..t + 1 },
                1.. => {
                    let hidden = (prefix + t - start + 1).saturating_sub(window);
                    let own = start.max((t + 1).saturating_sub(window));
                    Seen { prefix: hidden.min(prefix)..prefix, own: own..t + 1 }
                }
                _ => Seen::default(),
            }
        };
        Self { tokens: segments.iter().enumerate().map(seen).collect() }
    }

    /// Whether token `t` sees token `s`.
    pub(super) fn sees(&self, t: usize, s: usize) -> bool {
        let seen = &self.tokens[t];
        seen.prefix.contains(&s) || seen.own.contains(&s)
    }

    /// The first key that any of these query tokens sees.
    pub(super) fn first_key(&self, queries: Range<usize>) -> usize {
        let first = |seen: &Seen| if seen.prefix.is_empty() { seen.own.start } else { seen.prefix.start };
        let real = |seen: &&Seen| !seen.own.is_empty();
        self.tokens[queries.clone()].iter().filter(real).map(first).min().unwrap_or(queries.start)
    }
}
