//! Exact match by teacher forcing: a greedy completion equals an answer exactly where, at each of
//! the answer's tokens (its end included), the likeliest token is the answer's. So one packed pass
//! scores many answers without generating; a test holds it equal to greedy decoding.

use super::Error;
use crate::lm::sampling::argmax;
use crate::lm::{Model, Packed, Piece, RowAdapters, ops};
use crate::lora::Adapter;

/// A prefix and the answered inputs behind it.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Description and demonstrations, or only the token that begins a text.
    pub prefix: Vec<u32>,
    /// Inputs with their answers scored.
    pub pieces: Vec<Piece>,
}

/// For each piece of each row, whether the model's greedy completion is its answer. `adapters`
/// has one row for each of `rows`.
///
/// # Errors
/// Those of the model.
pub fn exact_matches(model: &Model, rows: &[Row], adapters: &RowAdapters) -> Result<Vec<Vec<bool>>, Error> {
    let packed = pack(rows);
    let mut hits: Vec<Vec<bool>> = rows.iter().map(|row| vec![true; row.pieces.len()]).collect();
    let logits = model.packed_logits(&packed, adapters)?.to_vec2::<f32>()?;
    for (scored, logits) in packed.scored().iter().zip(logits) {
        hits[scored.row][scored.piece] &= argmax(&logits) == scored.target;
    }
    Ok(hits)
}

/// The rows as one batch.
pub fn pack(rows: &[Row]) -> Packed {
    let mut packed = Packed::new();
    for row in rows {
        packed.push_row(&row.prefix, &row.pieces);
    }
    packed
}

/// The mean of hits and misses; 0 for none.
pub fn rate<'a>(hits: impl IntoIterator<Item = &'a bool>) -> f64 {
    let (mut right, mut all) = (0usize, 0usize);
    for hit in hits {
        right += usize::from(*hit);
        all += 1;
    }
    if all == 0 { 0.0 } else { right as f64 / all as f64 }
}

/// The mean cross-entropy of a row's answers through one adapter, in nats a token.
///
/// # Errors
/// Those of the model.
pub fn mean_cross_entropy(model: &Model, row: &Row, adapter: &Adapter) -> Result<f64, Error> {
    let packed = pack(std::slice::from_ref(row));
    let adapters = RowAdapters::of_rows(&[Some((adapter, 1.0))], model.dtype())?;
    let logits = model.packed_logits(&packed, &adapters)?;
    let weights = vec![1.0 / packed.scored().len() as f32; packed.scored().len()];
    Ok(f64::from(ops::cross_entropy(&logits, &packed.targets(), &weights)?.to_scalar::<f32>()?))
}
