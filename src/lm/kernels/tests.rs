//! Held against sums in f64, against each other, and each row against itself in other company.

use super::lanes::{Best, Plain};
use super::*;
use half::{bf16, f16};

/// (O, K) of matrices whose tiles and lanes come out even, and of some where they do not.
const BLOCK_SHAPES: [(usize, usize); 6] = [(16, 32), (100, 64), (1, 96), (37, 576), (576, 1536), (48, 320)];
const DENSE_SHAPES: [(usize, usize); 6] = [(24, 32), (100, 45), (1, 7), (37, 576), (101, 1536), (300, 129)];

/// Numbers between -1 and 1 that repeat from run to run.
fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Blocks with every quant from -128 to 127 among them.
fn q8_0_bytes(out: usize, width: usize) -> Vec<u8> {
    let quants = numbers(out * width, 7).into_iter().map(|x| (x * 128.5) as i8 as u8).collect::<Vec<_>>();
    let block = |(i, quants): (usize, &[u8])| {
        let scale = f16::from_f32((i % 13) as f32 / 500.0 - 0.01).to_le_bytes();
        scale.into_iter().chain(quants.iter().copied()).collect::<Vec<_>>()
    };
    quants.chunks(32).enumerate().flat_map(block).collect()
}

fn packed(out: usize, width: usize) -> PackedQ8 {
    PackedQ8::from_q8_0(&q8_0_bytes(out, width), out, width).unwrap()
}

fn q8_product(matrix: &PackedQ8, x: &[f32]) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.len() / matrix.width() * matrix.out()];
    matrix.product(x, &mut out);
    out
}

fn dense_product(x: &[f32], weight: DenseWeight<'_>, width: usize, out: usize) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.len() / width * out];
    dense_rows(x, weight, width, &mut y, Keep::Set);
    y
}

/// The product in f64, and the sum of the magnitudes, which errors are measured by.
fn exact(x: &[f32], weight: &[f32], width: usize) -> Vec<(f64, f64)> {
    let dot = |x: &[f32], w: &[f32]| {
        let products = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w));
        products.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()))
    };
    x.chunks(width).flat_map(|x| weight.chunks(width).map(move |w| dot(x, w))).collect()
}

fn assert_near(ours: &[f32], exact: &[(f64, f64)], tolerance: f64) {
    assert_eq!(ours.len(), exact.len());
    for (ours, (sum, size)) in ours.iter().zip(exact) {
        assert!((f64::from(*ours) - sum).abs() <= tolerance * size + 1e-30, "{ours} is not {sum} of {size}");
    }
}

fn bits(of: &[f32]) -> Vec<u32> {
    of.iter().map(|x| x.to_bits()).collect()
}

/// Calls `body` with a matrix in each kind of number, and the same numbers as f32.
fn of_each_kind(weight: &[f32], body: impl Fn(DenseWeight<'_>, &[f32])) {
    let half: Vec<_> = weight.iter().map(|w| f16::from_f32(*w)).collect();
    let brain: Vec<_> = weight.iter().map(|w| bf16::from_f32(*w)).collect();
    body(DenseWeight::F32(weight), weight);
    body(DenseWeight::F16(&half), &half.iter().map(|w| w.to_f32()).collect::<Vec<_>>());
    body(DenseWeight::BF16(&brain), &brain.iter().map(|w| w.to_f32()).collect::<Vec<_>>());
}

/// Calls `body` in a pool of so many threads.
fn on_threads<T: Send>(threads: usize, body: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(body)
}

#[test]
fn a_dense_product_is_the_sum_in_f64_but_for_rounding() {
    for (out, width) in DENSE_SHAPES {
        let x = numbers(9 * width, 1);
        of_each_kind(&numbers(out * width, 2), |weight, plain| {
            assert_near(&dense_product(&x, weight, width, out), &exact(&x, plain, width), 1e-6);
        });
    }
}

#[test]
fn a_block_quantised_product_is_the_sum_in_f64_but_for_the_rounding_of_x() {
    for (out, width) in BLOCK_SHAPES {
        let (matrix, x) = (packed(out, width), numbers(9 * width, 1));
        let mut weight = vec![0.0; out * width];
        matrix.dequantise_rows(0..out, &mut weight);
        // Half a step of x, whose largest of a block is at most 1, for every weight.
        let sizes = weight.chunks(width).map(|w| w.iter().map(|w| f64::from(w.abs())).sum::<f64>()).collect::<Vec<_>>();
        let exact = exact(&x, &weight, width);
        for (i, (ours, (sum, _))) in q8_product(&matrix, &x).iter().zip(&exact).enumerate() {
            let off = (f64::from(*ours) - sum).abs();
            assert!(off <= sizes[i % out] * 0.51 / 127.0, "{ours} is not {sum}");
        }
    }
}

#[test]
fn a_block_quantised_product_of_whole_numbers_is_exact() {
    // Each block's largest magnitude is 127, so x is its own quants, and all sums are whole multiples of the scales.
    let (out, width) = (100, 64);
    let matrix = packed(out, width);
    let x: Vec<_> =
        (0..6 * width).map(|i| if i % 32 == 5 { -127.0 } else { ((i * 37) % 255) as f32 - 127.0 }).collect();
    let mut weight = vec![0.0; out * width];
    matrix.dequantise_rows(0..out, &mut weight);
    assert_near(&q8_product(&matrix, &x), &exact(&x, &weight, width), 1e-7);
}

#[test]
fn a_row_alone_is_the_same_row_in_any_batch() {
    for (out, width) in DENSE_SHAPES {
        let x = numbers(40 * width, 3);
        of_each_kind(&numbers(out * width, 4), |weight, _| {
            let alone: Vec<_> = x.chunks(width).flat_map(|x| dense_product(x, weight, width, out)).collect();
            for rows in (2..=20).chain([39, 40]) {
                let together = dense_product(&x[..rows * width], weight, width, out);
                assert_eq!(bits(&together), bits(&alone[..rows * out]), "{rows} rows of {out} x {width}");
            }
        });
    }
    for (out, width) in BLOCK_SHAPES {
        let (matrix, x) = (packed(out, width), numbers(40 * width, 3));
        let alone: Vec<_> = x.chunks(width).flat_map(|x| q8_product(&matrix, x)).collect();
        for rows in 2..=40 {
            let together = q8_product(&matrix, &x[..rows * width]);
            assert_eq!(bits(&together), bits(&alone[..rows * out]), "{rows} rows of {out} x {width}");
        }
    }
}

#[test]
fn a_row_of_a_long_prompt_is_the_same_row_alone() {
    // More rows than are kept near at once.
    let (out, width, rows) = (100, 1536, 300);
    let (matrix, weight, x) = (packed(out, width), numbers(out * width, 5), numbers(rows * width, 6));
    let together = (q8_product(&matrix, &x), dense_product(&x, DenseWeight::F32(&weight), width, out));
    for (row, x) in x.chunks(width).enumerate() {
        let here = row * out..(row + 1) * out;
        assert_eq!(bits(&q8_product(&matrix, x)), bits(&together.0[here.clone()]));
        assert_eq!(bits(&dense_product(x, DenseWeight::F32(&weight), width, out)), bits(&together.1[here]));
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    for (out, width, rows) in [(1111, 1536, 1), (1111, 576, 7), (500, 320, 40)] {
        let (matrix, weight, x) = (packed(out, width), numbers(out * width, 5), numbers(rows * width, 6));
        let run = || {
            let mut pair = q8_product(&matrix, &x);
            of_each_kind(&weight, |weight, _| assert!(!dense_product(&x, weight, width, out)[0].is_nan()));
            pair.extend(dense_product(&x, DenseWeight::F32(&weight), width, out));
            bits(&pair)
        };
        let one = on_threads(1, run);
        for threads in [2, 3, 7] {
            assert_eq!(on_threads(threads, run), one, "{threads} threads");
        }
    }
}

#[test]
fn plain_arrays_give_the_same_bits_as_vectors() {
    for (out, width) in BLOCK_SHAPES {
        let (matrix, x) = (packed(out, width), numbers(5 * width, 8));
        let mut plain = vec![0.0; 5 * out];
        let activations = Activations::new(&x, width);
        matrix.fill_all::<Plain>(&activations, &mut plain.chunks_mut(out).collect::<Vec<_>>());
        assert_eq!(bits(&plain), bits(&q8_product(&matrix, &x)));
    }
    for (out, width) in DENSE_SHAPES {
        let x = numbers(5 * width, 8);
        of_each_kind(&numbers(out * width, 9), |weight, _| {
            assert_eq!(dense::fill_all::<Plain>(&x, weight, width), dense::fill_all::<Best>(&x, weight, width));
            assert_eq!(dense::fill_all::<Plain>(&x, weight, width), dense_product(&x, weight, width, out));
        });
    }
}

#[test]
fn a_product_is_added_where_the_output_is_kept() {
    let (weight, x) = (numbers(10 * 33, 1), numbers(6 * 33, 2));
    let mut out = vec![2.0; 60];
    dense_rows(&x, DenseWeight::F32(&weight), 33, &mut out, Keep::Add);
    let set = dense_product(&x, DenseWeight::F32(&weight), 33, 10);
    assert_eq!(out, set.iter().map(|y| 2.0 + y).collect::<Vec<_>>());
}

#[test]
fn the_up_part_is_summed_in_the_order_of_the_rank() {
    for (rank, cols) in [(1, 5), (8, 576), (16, 100), (64, 47)] {
        let (down, b_t, before) = (numbers(3 * rank, 1), numbers(rank * cols, 2), numbers(3 * cols, 3));
        let mut out = before.clone();
        add_up(&down, &b_t, rank, &mut out);
        for (i, out) in out.iter().enumerate() {
            let terms = down[i / cols * rank..][..rank].iter().zip(b_t[i % cols..].iter().step_by(cols));
            assert_eq!(*out, terms.fold(before[i], |sum, (d, b)| lanes::scalar_fma(*d, *b, sum)));
        }
    }
    add_up(&[], &[], 0, &mut [1.0]);
}

#[test]
fn no_rows_are_no_work() {
    assert!(q8_product(&packed(16, 32), &[]).is_empty());
    assert!(dense_product(&[], DenseWeight::F32(&[1.0; 32]), 32, 1).is_empty());
    assert!(q8_product(&packed(0, 32), &[1.0; 64]).is_empty());
    assert!(dense_product(&[1.0; 64], DenseWeight::F32(&[]), 32, 0).is_empty());
}

#[test]
fn the_bytes_of_a_matrix_come_back_as_they_were() {
    for (out, width) in BLOCK_SHAPES {
        let bytes = q8_0_bytes(out, width);
        assert_eq!(packed(out, width).to_q8_0(), bytes);
        let mut builder = PackedQ8::builder(out, width).unwrap();
        bytes.chunks(3 * 34).for_each(|piece| builder.append(piece).unwrap());
        assert_eq!(builder.append(&[0; 34]), None);
        assert_eq!(builder.finish().unwrap().to_q8_0(), bytes);
    }
}

#[test]
fn a_row_written_out_is_scale_times_quant() {
    let (out, width) = (100, 96);
    let (matrix, bytes) = (packed(out, width), q8_0_bytes(out, width));
    let expected: Vec<_> = bytes
        .chunks(34)
        .flat_map(|block| {
            let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
            block[2..].iter().map(move |quant| scale * f32::from(*quant as i8))
        })
        .collect();
    let mut all = vec![0.0; out * width];
    matrix.dequantise_rows(0..out, &mut all);
    assert_eq!(all, expected);
    let mut some = vec![0.0; 3 * width];
    matrix.rows_into(&[99, 0, 100], &mut some);
    assert_eq!(some[..width], expected[99 * width..]);
    assert_eq!(some[width..2 * width], expected[..width]);
    assert!(some[2 * width..].iter().all(|x| x.is_nan()), "a row that is not there is not a number");
}

#[test]
fn sizes_that_do_not_fit_are_no_matrix() {
    for (bytes, out, width) in [(34, 1, 33), (34, 1, 0), (33, 1, 32), (68, 1, 32), (34, usize::MAX, 32), (0, 1, 31)] {
        assert!(PackedQ8::from_q8_0(&vec![0; bytes], out, width).is_none(), "{bytes} {out} {width}");
    }
    let mut builder = PackedQ8::builder(2, 32).unwrap();
    assert_eq!(builder.append(&[0; 35]), None);
    assert_eq!(builder.append(&[0; 34]), Some(()));
    assert!(builder.finish().is_none(), "a row is missing");
}

#[test]
fn a_row_that_is_not_finite_spoils_no_other() {
    let matrix = packed(40, 64);
    let mut x = numbers(5 * 64, 1);
    let before = q8_product(&matrix, &x);
    x[2 * 64 + 9] = f32::INFINITY;
    let after = q8_product(&matrix, &x);
    assert!(after[80..120].iter().all(|y| y.is_nan()));
    assert_eq!((&after[..80], &after[120..]), (&before[..80], &before[120..]));
}
