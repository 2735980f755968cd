//! What llama.cpp's converter does to weights, and how it is undone.

use super::Error;

/// What must be undone before a tensor is Hugging Face's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// Nothing.
    None,
    /// The rows of every head were reordered for a RoPE that turns neighbours: [`unpermute_rows`].
    Permuted {
        /// The heads that the rows belong to.
        heads: usize,
    },
    /// Gemma's norms scale by 1 + weight, and the file has the sum: subtract 1.
    MinusOne,
}

/// Puts the rows of q or k back in Hugging Face's order. The converter interleaves the two halves of
/// every head (`reshape(heads, 2, rows / heads / 2, …).swapaxes(1, 2)`): row 2i + j of a head was its
/// row j · half + i. Rows are moved whole, so the bytes may be of any type, quantised or not.
///
/// # Errors
/// [`Error::Rows`] where the bytes are no whole rows, or a head has an odd number of them.
pub fn unpermute_rows(bytes: &[u8], rows: usize, heads: usize) -> Result<Vec<u8>, Error> {
    let refuse = || Error::Rows { bytes: bytes.len(), rows, heads };
    let per_head = rows.checked_div(heads).filter(|per_head| *per_head > 0).ok_or_else(refuse)?;
    if !per_head.is_multiple_of(2) || per_head * heads != rows || !bytes.len().is_multiple_of(rows) {
        return Err(refuse());
    }
    let (width, half) = (bytes.len() / rows, per_head / 2);
    let mut restored = Vec::with_capacity(bytes.len());
    for head in 0..heads {
        for row in 0..per_head {
            let (j, i) = (row / half, row % half);
            let begin = (head * per_head + 2 * i + j) * width;
            restored.extend_from_slice(&bytes[begin..begin + width]);
        }
    }
    Ok(restored)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The converter's `reshape(heads, 2, half).swapaxes(1, 2)` on the numbers of the rows.
    fn permuted(rows: usize, heads: usize) -> Vec<usize> {
        let half = rows / heads / 2;
        let at = |head: usize, j: usize, i: usize| (head * 2 + j) * half + i;
        (0..heads).flat_map(|h| (0..half).flat_map(move |i| (0..2).map(move |j| at(h, j, i)))).collect()
    }

    #[test]
    fn the_converters_permutation_is_undone_whatever_a_row_holds() {
        // numpy.arange(8).reshape(2, 2, 2).swapaxes(1, 2).reshape(8)
        assert_eq!(permuted(8, 2), [0, 2, 1, 3, 4, 6, 5, 7]);
        // Rows of 18 bytes, as one block of Q4_0 has.
        for (rows, heads, width) in [(8, 2, 18), (12, 1, 1), (64, 4, 3), (6, 3, 34)] {
            let row = |number: usize| (0..width).map(move |byte| (number * 7 + byte) as u8);
            let stored: Vec<u8> = permuted(rows, heads).into_iter().flat_map(row).collect();
            let wanted: Vec<u8> = (0..rows).flat_map(row).collect();
            assert_eq!(unpermute_rows(&stored, rows, heads).expect("whole rows"), wanted);
        }
    }

    #[test]
    fn rows_that_do_not_divide_are_refused() {
        for (bytes, rows, heads) in [(8, 8, 0), (8, 0, 1), (8, 4, 3), (9, 4, 2), (6, 6, 2), (8, 2, 4)] {
            assert!(unpermute_rows(&vec![0; bytes], rows, heads).is_err(), "{bytes} {rows} {heads}");
        }
    }
}
