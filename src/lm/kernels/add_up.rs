//! The second product of a low-rank update.

use super::lanes::{Best, LANES, Lanes, scalar_fma};

/// Vectors along O that are summed at once.
const TOGETHER: usize = 4;

/// `out[n, o] += Σ_r down[n, r] · b_t[r, o]` for down `[N, R]`, b_t `[R, O]` and out `[N, O]`, in the order of r.
///
/// # Panics
/// Where the sizes do not fit each other.
pub fn add_up(down: &[f32], b_t: &[f32], rank: usize, out: &mut [f32]) {
    if rank == 0 || out.is_empty() {
        return;
    }
    assert!(
        down.len().is_multiple_of(rank) && b_t.len().is_multiple_of(rank),
        "the factors are not made of whole rows"
    );
    let cols = b_t.len() / rank;
    assert_eq!(Some(out.len()), (down.len() / rank).checked_mul(cols), "the output has another size");
    for (down, out) in down.chunks_exact(rank).zip(out.chunks_exact_mut(cols)) {
        add_row::<Best>(down, b_t, out);
    }
}

fn add_row<L: Lanes>(down: &[f32], b_t: &[f32], out: &mut [f32]) {
    let cols = out.len();
    let (vectors, rest) = out.as_chunks_mut::<LANES>();
    for (vectors, from) in vectors.chunks_mut(TOGETHER).zip((0..).step_by(TOGETHER * LANES)) {
        match vectors {
            [a, b, c, d] => add_vectors::<L, 4>(down, b_t, (cols, from), [a, b, c, d]),
            few => few.iter_mut().enumerate().for_each(|(i, a)| {
                add_vectors::<L, 1>(down, b_t, (cols, from + i * LANES), [a]);
            }),
        }
    }
    for (i, out) in rest.iter_mut().enumerate() {
        for (down, b) in down.iter().zip(b_t.chunks_exact(cols)) {
            *out = scalar_fma(*down, b[cols - cols % LANES + i], *out);
        }
    }
}

/// V vectors of a row, from column `from` on.
#[inline(always)]
fn add_vectors<L: Lanes, const V: usize>(
    down: &[f32],
    b_t: &[f32],
    (cols, from): (usize, usize),
    out: [&mut [f32; LANES]; V],
) {
    let mut sums: [L::Floats; V] = std::array::from_fn(|v| L::load(out[v]));
    for (down, b) in down.iter().zip(b_t.chunks_exact(cols)) {
        let (b, _) = b[from..from + V * LANES].as_chunks::<LANES>();
        let down = L::splat(*down);
        for (sum, b) in sums.iter_mut().zip(b) {
            *sum = L::fma(down, L::load(b), *sum);
        }
    }
    out.into_iter().zip(sums).for_each(|(out, sum)| *out = L::store(sum));
}
