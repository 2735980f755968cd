//! Rows of packed texts: one prefix, then independent pieces that each see only it and themselves.
//!
//! A task's description stands once before many input/output pairs; bare pairs of one adapter share
//! a row without seeing each other. So nothing is computed twice and little is padding.

use super::ops::AttentionMap;
use super::rope::Rope;
use std::sync::Arc;

/// One text of a row.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Its tokens.
    pub tokens: Vec<u32>,
    /// From this token on, each token is scored, as predicted by the token before it.
    pub score_from: usize,
}

/// A row in the making.
#[derive(Clone, Debug, Default)]
struct PackedRow {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    segments: Vec<i32>,
}

/// A token that is scored: `source` (an index into the flattened `[B·T]` tokens) predicts `target`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scored {
    /// Row of the batch.
    pub row: usize,
    /// Piece of the row, from 0.
    pub piece: usize,
    /// Token of the row whose logits predict the target.
    pub source: usize,
    /// The token that should come.
    pub target: u32,
}

/// A batch of packed rows, padded to the longest.
#[derive(Clone, Debug, Default)]
pub struct Packed {
    rows: Vec<PackedRow>,
    scored: Vec<Scored>,
}

impl Packed {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row: a prefix (which may be empty) and its pieces. Scored tokens of a piece whose
    /// predecessor would be before the row's first token are skipped.
    pub fn push_row(&mut self, prefix: &[u32], pieces: &[Piece]) {
        let row = self.rows.len();
        let mut packed = PackedRow::default();
        for (position, token) in prefix.iter().enumerate() {
            packed.push(*token, position, 0);
        }
        for (piece, Piece { tokens, score_from }) in pieces.iter().enumerate() {
            for (i, token) in tokens.iter().enumerate() {
                if i >= *score_from {
                    let source = if i == 0 { prefix.len().checked_sub(1) } else { Some(packed.tokens.len() - 1) };
                    self.scored.extend(source.map(|source| Scored { row, piece, source, target: *token }));
                }
                packed.push(*token, prefix.len() + i, piece as i32 + 1);
            }
        }
        self.rows.push(packed);
    }

    /// B
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// T, the longest row.
    pub fn tokens(&self) -> usize {
        self.rows.iter().map(|row| row.tokens.len()).max().unwrap_or(0)
    }

    /// The largest position plus one: must not pass the model's context.
    pub fn longest(&self) -> usize {
        self.rows.iter().map(PackedRow::longest).max().unwrap_or(0)
    }

    /// The scored tokens, in order of rows and pieces.
    pub fn scored(&self) -> &[Scored] {
        &self.scored
    }

    /// Indices of the scored tokens' sources into the flattened `[B·T]`.
    pub fn sources(&self) -> Vec<u32> {
        let width = self.tokens();
        self.scored.iter().map(|s| (s.row * width + s.source) as u32).collect()
    }

    /// The scored tokens' targets.
    pub fn targets(&self) -> Vec<u32> {
        self.scored.iter().map(|s| s.target).collect()
    }

    /// The tokens, `[B, T]` flattened, 0 where a row is padded.
    pub fn token_ids(&self) -> Vec<u32> {
        self.padded(|row| &row.tokens, 0)
    }

    /// Index into the flattened `[B·T]` of the last token of each piece of each row, and of the
    /// prefix tokens of each row.
    pub fn index(&self, row: usize, token: usize) -> u32 {
        (row * self.tokens() + token) as u32
    }

    pub(super) fn attention_map(&self, rope: &Rope) -> AttentionMap {
        AttentionMap {
            ropes: Arc::new(self.rows.iter().map(|row| rope.table(row.longest())).collect()),
            positions: Arc::new(self.padded(|row| &row.positions, 0)),
            segments: Arc::new(self.padded(|row| &row.segments, -1)),
            tokens: self.tokens(),
        }
    }

    fn padded<T: Copy>(&self, field: impl Fn(&PackedRow) -> &Vec<T>, fill: T) -> Vec<T> {
        let width = self.tokens();
        let mut out = Vec::with_capacity(self.rows.len() * width);
        for row in &self.rows {
            let values = field(row);
            out.extend_from_slice(values);
            out.extend(std::iter::repeat_n(fill, width - values.len()));
        }
        out
    }
}

impl PackedRow {
    /// Tokens of the longest text: prefix and piece.
    fn longest(&self) -> usize {
        self.positions.iter().max().map_or(0, |p| *p as usize + 1)
    }

    fn push(&mut self, token: u32, position: usize, segment: i32) {
        self.tokens.push(token);
        self.positions.push(position as u32);
        self.segments.push(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_restart_behind_the_prefix_and_know_what_predicts_them() {
        let mut packed = Packed::new();
        packed.push_row(
            &[1, 2],
            &[Piece { tokens: vec![3, 4], score_from: 0 }, Piece { tokens: vec![5, 6], score_from: 1 }],
        );
        packed.push_row(&[], &[Piece { tokens: vec![7], score_from: 0 }]);
        assert_eq!(packed.token_ids(), [1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0]);
        let sources: Vec<_> = packed.scored().iter().map(|s| (s.row, s.piece, s.source, s.target)).collect();
        assert_eq!(sources, [(0, 0, 1, 3), (0, 0, 2, 4), (0, 1, 4, 6)]);
        assert_eq!(packed.longest(), 4);
    }
}
