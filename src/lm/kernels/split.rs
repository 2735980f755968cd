//! The columns of an output matrix, shared among the threads of the current rayon pool.

use rayon::prelude::*;
use std::ops::Range;

/// Below this many multiply-adds a part is not worth the hand-over to another thread: about 30 µs at 30 a nanosecond.
const PART: usize = 1_000_000;

/// Rows of `[N, O]` numbers and what fills them.
pub(super) struct Split<'a> {
    /// The output, `[N, O]`.
    pub(super) out: &'a mut [f32],
    /// O
    pub(super) cols: usize,
    /// A part begins at a multiple of this many columns.
    pub(super) step: usize,
    /// Multiply-adds a column, for all rows.
    pub(super) work: usize,
}

impl Split<'_> {
    /// Calls `fill` for parts that together are all columns, with the slices of each row that lie in them.
    pub(super) fn for_each(self, fill: impl Fn(Range<usize>, &mut [&mut [f32]]) + Sync) {
        if self.out.is_empty() {
            return;
        }
        let width = self.part();
        let mut parts: Vec<(Range<usize>, Vec<&mut [f32]>)> = (0..self.cols)
            .step_by(width)
            .map(|from| (from..(from + width).min(self.cols), Vec::with_capacity(self.out.len() / self.cols)))
            .collect();
        for row in self.out.chunks_exact_mut(self.cols) {
            parts.iter_mut().zip(row.chunks_mut(width)).for_each(|((_, rows), slice)| rows.push(slice));
        }
        match parts.as_mut_slice() {
            [(cols, rows)] => fill(cols.clone(), rows),
            parts => parts.par_iter_mut().for_each(|(cols, rows)| fill(cols.clone(), rows)),
        }
    }

    /// Columns a part: a few parts a thread, so that a slow one is waited for less, but none that is too small.
    fn part(&self) -> usize {
        let threads = rayon::current_num_threads();
        if threads == 1 {
            return self.cols;
        }
        let least = PART.div_ceil(self.work.max(1));
        least.max(self.cols.div_ceil(4 * threads)).next_multiple_of(self.step)
    }
}
