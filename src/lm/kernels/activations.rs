//! Rows of x, quantised for a product with block-quantised weights.

use super::lanes::{Best, LANES, Lanes, pack_pair};

/// Numbers of a block along K, as in ggml's Q8_0.
pub(super) const BLOCK: usize = 32;

/// A block whose numbers are all smaller than this counts as zeros: its scale would not be a normal number.
const TINY: f32 = 1e-30;

/// N rows of K numbers, each block of 32 as 8-bit integers and an f32 scale, which is the largest magnitude over 127.
///
/// Made once, they serve every matrix that the same x goes through.
#[derive(Debug)]
pub struct Activations {
    width: usize,
    blocks: Vec<ActivationBlock>,
}

/// 32 numbers of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActivationBlock {
    pub(super) scale: f32,
    /// Two quants each, widened to i16.
    pub(super) pairs: [i32; BLOCK / 2],
}

impl Activations {
    /// Quantises x `[N, K]`, rounding to the nearest integer and halves to the even one. A block with a number that is not
    /// finite makes every output of its row NaN.
    ///
    /// # Panics
    /// Where `width` is no multiple of 32 or x is no whole number of rows.
    pub fn new(x: &[f32], width: usize) -> Self {
        assert!(
            width > 0 && width.is_multiple_of(BLOCK) && x.len().is_multiple_of(width),
            "x is not made of whole rows"
        );
        Self { width, blocks: x.as_chunks().0.iter().map(quantise::<Best>).collect() }
    }

    /// K
    pub fn width(&self) -> usize {
        self.width
    }

    /// N
    pub fn rows(&self) -> usize {
        self.blocks.len() / self.blocks_a_row()
    }

    pub(super) fn row(&self, row: usize) -> &[ActivationBlock] {
        &self.blocks[row * self.blocks_a_row()..][..self.blocks_a_row()]
    }

    pub(super) fn blocks_a_row(&self) -> usize {
        self.width / BLOCK
    }
}

fn quantise<L: Lanes>(x: &[f32; BLOCK]) -> ActivationBlock {
    // As bits, so that NaN counts as larger than infinity.
    let largest = f32::from_bits(x.iter().fold(0, |largest, x| largest.max(x.abs().to_bits())));
    if !largest.is_finite() || largest < TINY {
        let scale = if largest < TINY { 0.0 } else { f32::NAN };
        return ActivationBlock { scale, pairs: [0; BLOCK / 2] };
    }
    let inverse = L::splat(127.0 / largest);
    let mut pairs = [0; BLOCK / 2];
    for (pairs, x) in pairs.as_chunks_mut::<{ LANES / 2 }>().0.iter_mut().zip(x.as_chunks().0) {
        let quants = L::nearest(L::mul(L::load(x), inverse));
        *pairs = std::array::from_fn(|i| pack_pair(quants[2 * i], quants[2 * i + 1]));
    }
    ActivationBlock { scale: largest / 127.0, pairs }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Plain;
    use super::*;

    fn unpacked(block: &ActivationBlock) -> Vec<i32> {
        block.pairs.iter().flat_map(|pair| [i32::from(*pair as i16), pair >> 16]).collect()
    }

    #[test]
    fn the_largest_becomes_127_and_halves_go_to_the_even_integer() {
        let mut x = [0.0; BLOCK];
        x[..7].copy_from_slice(&[127.0, -127.0, 0.5, 1.5, -2.5, -1.0, 63.2]);
        let block = quantise::<Best>(&x);
        assert_eq!(block.scale, 1.0);
        assert_eq!(unpacked(&block)[..8], [127, -127, 0, 2, -2, -1, 63, 0]);
        assert_eq!(unpacked(&quantise::<Plain>(&x)), unpacked(&block));
    }

    #[test]
    fn zeros_stay_zeros_and_what_is_not_finite_becomes_nan() {
        assert_eq!(quantise::<Best>(&[0.0; BLOCK]).scale, 0.0);
        for broken in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            let mut x = [1.0; BLOCK];
            x[3] = broken;
            assert!(quantise::<Best>(&x).scale.is_nan());
        }
    }
}
