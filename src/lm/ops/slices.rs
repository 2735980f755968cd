//! The f32 slices under CPU tensors, and matrix products between such slices.

#![allow(unsafe_code, reason = "gemm takes raw pointers; `product` checks every extent before it calls")]

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

/// The slice of a contiguous f32 storage.
pub(super) fn f32_slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        (CpuStorage::F32(_), None) => bail!("a fused operation needs a contiguous tensor"),
        _ => bail!("a fused operation needs f32"),
    }
}

/// Calls `body` with the slice of a contiguous f32 CPU tensor.
pub(in crate::lm) fn with_f32<T>(tensor: &Tensor, body: impl FnOnce(&[f32]) -> Result<T>) -> Result<T> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => body(f32_slice(cpu, layout)?),
        _ => bail!("a fused operation needs a CPU tensor"),
    }
}

/// A matrix view `[rows, cols]` into a slice: element (i, j) stands at `offset + i * row_stride + j * col_stride`.
#[derive(Clone, Copy)]
pub(super) struct View {
    pub(super) offset: usize,
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) row_stride: usize,
    pub(super) col_stride: usize,
}

impl View {
    /// Rows of `cols` numbers, `row_stride` apart, from `offset`.
    pub(super) fn rows(offset: usize, rows: usize, cols: usize, row_stride: usize) -> Self {
        Self { offset, rows, cols, row_stride, col_stride: 1 }
    }

    /// The transposed view.
    pub(super) fn t(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    fn end(&self) -> usize {
        if self.rows == 0 || self.cols == 0 {
            return self.offset;
        }
        self.offset + (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride + 1
    }
}

/// `out = keep * out + scale * lhs · rhs` on one thread.
pub(super) fn product(
    (out, out_view): (&mut [f32], View),
    (lhs, lhs_view): (&[f32], View),
    (rhs, rhs_view): (&[f32], View),
    Scale { keep, scale }: Scale,
) {
    assert!(out_view.end() <= out.len() && lhs_view.end() <= lhs.len() && rhs_view.end() <= rhs.len());
    assert!(lhs_view.rows == out_view.rows && rhs_view.cols == out_view.cols && lhs_view.cols == rhs_view.rows);
    // SAFETY: the asserts above hold every element that gemm touches inside its slice, and `out`
    // is borrowed mutably, so it overlaps neither input.
    unsafe {
        gemm::gemm(
            out_view.rows,
            out_view.cols,
            lhs_view.cols,
            out.as_mut_ptr().add(out_view.offset),
            out_view.col_stride as isize,
            out_view.row_stride as isize,
            keep != 0.0,
            lhs.as_ptr().add(lhs_view.offset),
            lhs_view.col_stride as isize,
            lhs_view.row_stride as isize,
            rhs.as_ptr().add(rhs_view.offset),
            rhs_view.col_stride as isize,
            rhs_view.row_stride as isize,
            keep,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// The two factors of [`product`].
#[derive(Clone, Copy)]
pub(super) struct Scale {
    /// What is kept of the old value: 0 or 1.
    pub(super) keep: f32,
    /// The factor of the product.
    pub(super) scale: f32,
}

impl Scale {
    /// `out = lhs · rhs`
    pub(super) const SET: Self = Self { keep: 0.0, scale: 1.0 };
    /// `out += lhs · rhs`
    pub(super) const ADD: Self = Self { keep: 1.0, scale: 1.0 };
}
