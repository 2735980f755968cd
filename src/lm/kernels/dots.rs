//! Dot products of one vector with many: a query's scores.

use super::lanes::{Best, LANES, Lanes};

/// Vectors that are read at once.
const TOGETHER: usize = 4;

/// `out[t] = q · keys[t]` for q `[E]`, keys `[T, E]` and out `[T]`. Each is summed in the same order, wherever it stands.
///
/// # Panics
/// Where the sizes do not fit each other.
pub fn dots(q: &[f32], keys: &[f32], out: &mut [f32]) {
    assert_eq!(Some(keys.len()), q.len().checked_mul(out.len()), "the output has another size");
    if q.is_empty() {
        return out.fill(0.0);
    }
    let groups = keys.chunks(TOGETHER * q.len()).zip(out.chunks_mut(TOGETHER));
    for (keys, out) in groups {
        match out {
            [_, _, _, _] => {
                let (a, rest) = keys.split_at(q.len());
                let (b, rest) = rest.split_at(q.len());
                let (c, d) = rest.split_at(q.len());
                out.copy_from_slice(&four::<Best>(q, [a, b, c, d]));
            }
            few => {
                for (key, out) in keys.chunks_exact(q.len()).zip(few) {
                    *out = four::<Best>(q, [key; TOGETHER])[0];
                }
            }
        }
    }
}

#[inline(always)]
fn four<L: Lanes>(q: &[f32], keys: [&[f32]; TOGETHER]) -> [f32; TOGETHER] {
    let (q, q_rest) = q.as_chunks::<LANES>();
    let keys = keys.map(|key| key.as_chunks::<LANES>());
    let mut sums = [L::splat(0.0); TOGETHER];
    for (i, q) in q.iter().enumerate() {
        let q = L::load(q);
        for (sum, (key, _)) in sums.iter_mut().zip(&keys) {
            *sum = L::fma(q, L::load(&key[i]), *sum);
        }
    }
    if !q_rest.is_empty() {
        let q = L::load(&filled(q_rest));
        for (sum, (_, rest)) in sums.iter_mut().zip(&keys) {
            *sum = L::fma(q, L::load(&filled(rest)), *sum);
        }
    }
    L::sums(sums)
}

/// A few numbers, and zeros.
fn filled(few: &[f32]) -> [f32; LANES] {
    let mut all = [0.0; LANES];
    all[..few.len()].copy_from_slice(few);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dot_product_is_the_same_wherever_it_stands() {
        for width in [1, 8, 12, 64, 80] {
            let number = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 17.0;
            let q: Vec<f32> = (0..width).map(number).collect();
            let keys: Vec<f32> = (0..width * 11).map(|i| number(i + 5)).collect();
            let mut all = vec![0.0; 11];
            dots(&q, &keys, &mut all);
            for (t, found) in all.iter().enumerate() {
                let key = &keys[t * width..(t + 1) * width];
                let mut alone = [0.0];
                dots(&q, key, &mut alone);
                assert_eq!(alone[0].to_bits(), found.to_bits(), "width {width}, key {t}");
                let exact: f64 = q.iter().zip(key).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                assert!((exact - f64::from(*found)).abs() < 1e-3, "{exact} {found}");
            }
        }
    }
}
