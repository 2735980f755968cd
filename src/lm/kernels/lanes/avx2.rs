//! Lanes as 256-bit registers. The build has AVX2, FMA and F16C, or this file is not compiled.

#![allow(unsafe_code, reason = "vectors are loaded from and stored to references of exactly their size")]

use super::{LANES, Lanes};
use half::{bf16, f16};
use std::arch::x86_64::*;

/// Calls intrinsics that touch registers only.
macro_rules! registers {
    ($of:expr) => {
        // SAFETY: this file is compiled only for processors that have AVX2, FMA and F16C, which is all that these
        // intrinsics ask for.
        unsafe { $of }
    };
}

/// 256-bit registers.
pub(crate) struct Avx2;

impl Lanes for Avx2 {
    type Floats = __m256;
    type Ints = __m256i;
    type Pairs = __m256i;

    #[inline(always)]
    fn splat(value: f32) -> __m256 {
        registers!(_mm256_set1_ps(value))
    }

    #[inline(always)]
    fn load(from: &[f32; LANES]) -> __m256 {
        // SAFETY: the reference covers the 32 bytes that are read; the load needs no alignment.
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(value: __m256) -> [f32; LANES] {
        let mut to = [0.0; LANES];
        // SAFETY: the array has the 32 bytes that are written; the store needs no alignment.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), value) };
        to
    }

    #[inline(always)]
    fn widen_f16(from: &[f16; LANES]) -> __m256 {
        registers!(_mm256_cvtph_ps(load_16_bytes(from)))
    }

    #[inline(always)]
    fn widen_bf16(from: &[bf16; LANES]) -> __m256 {
        registers!(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(load_16_bytes(from)))))
    }

    #[inline(always)]
    fn mul(a: __m256, b: __m256) -> __m256 {
        registers!(_mm256_mul_ps(a, b))
    }

    #[inline(always)]
    fn fma(a: __m256, b: __m256, c: __m256) -> __m256 {
        registers!(_mm256_fmadd_ps(a, b, c))
    }

    #[inline(always)]
    fn sums([a, b, c, d]: [__m256; 4]) -> [f32; 4] {
        let halves = registers!(_mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d)));
        let sums = registers!(_mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves)));
        let mut to = [0.0; 4];
        // SAFETY: the array has the 16 bytes that are written; the store needs no alignment.
        unsafe { _mm_storeu_ps(to.as_mut_ptr(), sums) };
        to
    }

    #[inline(always)]
    fn no_ints() -> __m256i {
        registers!(_mm256_setzero_si256())
    }

    #[inline(always)]
    fn add_ints(a: __m256i, b: __m256i) -> __m256i {
        registers!(_mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn floats(of: __m256i) -> __m256 {
        registers!(_mm256_cvtepi32_ps(of))
    }

    #[inline(always)]
    fn nearest(of: __m256) -> [i32; LANES] {
        let whole =
            registers!(_mm256_cvttps_epi32(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(of)));
        let mut to = [0; LANES];
        // SAFETY: the array has the 32 bytes that are written; the store needs no alignment.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), whole) };
        to
    }

    #[inline(always)]
    fn widen_pairs(from: &[i8; 2 * LANES]) -> __m256i {
        registers!(_mm256_cvtepi8_epi16(load_16_bytes(from)))
    }

    #[inline(always)]
    fn splat_pair(pair: i32) -> __m256i {
        registers!(_mm256_set1_epi32(pair))
    }

    #[inline(always)]
    fn dot_pairs(a: __m256i, b: __m256i) -> __m256i {
        registers!(_mm256_madd_epi16(a, b))
    }
}

#[inline(always)]
fn load_16_bytes<T, const N: usize>(from: &[T; N]) -> __m128i {
    const { assert!(size_of::<[T; N]>() == 16) };
    // SAFETY: the reference covers 16 bytes, as just asserted; the load needs no alignment.
    unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
}
