//! Lanes as plain arrays, which the compiler turns into what the target has.

use super::{LANES, Lanes};
use half::{bf16, f16};
use std::array::from_fn;

/// Plain arrays.
#[cfg_attr(not(test), allow(dead_code, reason = "unused where the build has vector instructions"))]
pub(crate) struct Portable;

impl Lanes for Portable {
    type Floats = [f32; LANES];
    type Ints = [i32; LANES];
    type Pairs = [[i16; 2]; LANES];

    #[inline(always)]
    fn splat(value: f32) -> Self::Floats {
        [value; LANES]
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> Self::Floats {
        *from
    }

    #[inline(always)]
    fn store(value: Self::Floats) -> [f32; LANES] {
        value
    }

    #[inline(always)]
    fn widen_f16(from: &[f16; LANES]) -> Self::Floats {
        from.map(f16::to_f32)
    }

    #[inline(always)]
    fn widen_bf16(from: &[bf16; LANES]) -> Self::Floats {
        from.map(bf16::to_f32)
    }

    #[inline(always)]
    fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats {
        from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn fma(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
        from_fn(|i| scalar_fma(a[i], b[i], c[i]))
    }

    #[inline(always)]
    fn sums(of: [Self::Floats; 4]) -> [f32; 4] {
        of.map(|v| ((v[0] + v[1]) + (v[2] + v[3])) + ((v[4] + v[5]) + (v[6] + v[7])))
    }

    #[inline(always)]
    fn no_ints() -> Self::Ints {
        [0; LANES]
    }

    #[inline(always)]
    fn add_ints(a: Self::Ints, b: Self::Ints) -> Self::Ints {
        from_fn(|i| a[i].wrapping_add(b[i]))
    }

    #[inline(always)]
    fn floats(of: Self::Ints) -> Self::Floats {
        of.map(|i| i as f32)
    }

    #[inline(always)]
    fn nearest(of: Self::Floats) -> [i32; LANES] {
        of.map(|f| f.round_ties_even() as i32)
    }

    #[inline(always)]
    fn widen_pairs(from: &[i8; 2 * LANES]) -> Self::Pairs {
        from_fn(|i| [i16::from(from[2 * i]), i16::from(from[2 * i + 1])])
    }

    #[inline(always)]
    fn splat_pair(pair: i32) -> Self::Pairs {
        [[pair as i16, (pair >> 16) as i16]; LANES]
    }

    #[inline(always)]
    fn dot_pairs(a: Self::Pairs, b: Self::Pairs) -> Self::Ints {
        from_fn(|i| i32::from(a[i][0]) * i32::from(b[i][0]) + i32::from(a[i][1]) * i32::from(b[i][1]))
    }
}

/// Rounded once where the target can do so in one instruction: a library call would cost a hundred times as much.
#[inline(always)]
pub(crate) fn scalar_fma(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { a.mul_add(b, c) } else { a * b + c }
}
