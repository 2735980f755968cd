//! Vectors of eight lanes, as the kernels use them: written once over [`Lanes`], run on AVX2 where the build has it and on
//! plain arrays elsewhere. Both give the same bits (without a fused multiply-add in the target, the plain arrays round twice).

#[cfg(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "fma", target_feature = "f16c"))]
mod avx2;
mod portable;

pub(super) use portable::scalar_fma;

use half::{bf16, f16};

/// The fastest lanes of this build.
#[cfg(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "fma", target_feature = "f16c"))]
pub(super) type Best = avx2::Avx2;
/// The fastest lanes of this build.
#[cfg(not(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "fma", target_feature = "f16c")))]
pub(super) type Best = portable::Portable;
/// Plain arrays, which the others are held against.
#[cfg(test)]
pub(super) type Plain = portable::Portable;

/// How many numbers a vector has.
pub(super) const LANES: usize = 8;

/// What the kernels ask of a vector unit.
pub(super) trait Lanes {
    /// Eight f32.
    type Floats: Copy;
    /// Eight i32.
    type Ints: Copy;
    /// Eight pairs of i16.
    type Pairs: Copy;

    fn splat(value: f32) -> Self::Floats;
    fn load(from: &[f32; LANES]) -> Self::Floats;
    fn store(value: Self::Floats) -> [f32; LANES];
    fn widen_f16(from: &[f16; LANES]) -> Self::Floats;
    fn widen_bf16(from: &[bf16; LANES]) -> Self::Floats;
    fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `a * b + c`
    fn fma(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    /// The sum of each vector's lanes, always as `((0 + 1) + (2 + 3)) + ((4 + 5) + (6 + 7))`.
    fn sums(of: [Self::Floats; 4]) -> [f32; 4];

    fn no_ints() -> Self::Ints;
    fn add_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints;
    fn floats(of: Self::Ints) -> Self::Floats;
    /// The nearest integers, halves to the even one. The values lie within i32.
    fn nearest(of: Self::Floats) -> [i32; LANES];
    fn widen_pairs(from: &[i8; 2 * LANES]) -> Self::Pairs;
    /// One pair, packed as [`pack_pair`] does, in every lane.
    fn splat_pair(pair: i32) -> Self::Pairs;
    /// `a.0 * b.0 + a.1 * b.1` in each lane.
    fn dot_pairs(a: Self::Pairs, b: Self::Pairs) -> Self::Ints;
}

/// Two i16 in one i32, the first in the lower half.
pub(super) fn pack_pair(first: i32, second: i32) -> i32 {
    (first & 0xffff) | (second << 16)
}
