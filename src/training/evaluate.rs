//! Exact match by teacher forcing: a greedy completion equals an answer exactly where, at each of
//! the answer's tokens (its end included), the likeliest token is the answer's. So one packed pass
//! scores many answers without generating; a test holds it equal to greedy decoding.

use super::Error;
use crate::lm::sampling::argmax;
use crate::lm::{Model, Packed, Piece, RowAdapters};
use crate::lora::Adapter;
use candle_core::{DType, Tensor};

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
    let mut hits: Vec<Vec<bool>> = rows.iter().map(|row| vec![true; row.pieces.len()]).collect();
    let mut done = vec![0; rows.len()];
    while done.iter().zip(rows).any(|(done, row)| *done < row.pieces.len()) {
        let part: Vec<Row> = rows.iter().zip(&done).map(|(row, done)| next_part(row, *done, rows.len())).collect();
        let packed = pack(&part);
        let hidden = model.packed_scored(&packed, adapters)?;
        let at_once = (LOGITS / model.config().vocab_size).max(1);
        for (chunk, scored) in packed.scored().chunks(at_once).enumerate() {
            let logits = model.logits(&hidden.narrow(0, chunk * at_once, scored.len())?)?;
            for (scored, logits) in scored.iter().zip(logits.to_dtype(DType::F32)?.to_vec2::<f32>()?) {
                hits[scored.row][done[scored.row] + scored.piece] &= argmax(&logits) == scored.target;
            }
        }
        done.iter_mut().zip(&part).for_each(|(done, part)| *done += part.pieces.len());
    }
    Ok(hits)
}

/// Tokens of all rows that go through the model together: many unseen examples must not take more memory than few.
const PASS_TOKENS: usize = 1 << 14;
/// Logits of one chunk.
const LOGITS: usize = 1 << 23;

/// The next pieces of a row, at least one where any is left, and its prefix.
fn next_part(row: &Row, done: usize, rows: usize) -> Row {
    let pieces = fitting(&row.pieces[done..], (PASS_TOKENS / rows).saturating_sub(row.prefix.len()));
    let prefix = if pieces.is_empty() { Vec::new() } else { row.prefix.clone() };
    Row { prefix, pieces: pieces.to_vec() }
}

/// The first pieces that have at most so many tokens together, at least one where there is any.
pub(super) fn fitting(pieces: &[Piece], tokens: usize) -> &[Piece] {
    let mut sum = 0;
    let fits = pieces.iter().take_while(|piece| {
        sum += piece.tokens.len();
        sum <= tokens
    });
    &pieces[..fits.count().max(1).min(pieces.len())]
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
    let weights = vec![1.0 / packed.scored().len() as f32; packed.scored().len()];
    Ok(f64::from(model.packed_loss(&packed, &adapters, &weights)?.to_scalar::<f32>()?))
}

/// The mean cross-entropy of each row's answers, each through its own adapter, in nats a token. Nothing is kept for a
/// backward pass.
///
/// # Errors
/// Those of the model.
pub(super) fn row_cross_entropies(model: &Model, rows: &[Row], adapters: &RowAdapters) -> Result<Vec<f64>, Error> {
    let mean = |pieces: Vec<(f64, usize)>| {
        let (sum, count) = pieces.into_iter().fold((0.0, 0), |(sum, count), (s, c)| (sum + s, count + c));
        sum / count.max(1) as f64
    };
    Ok(piece_cross_entropies(model, rows, adapters)?.into_iter().map(mean).collect())
}

/// The cross-entropy of each piece of each row, in nats, and over how many tokens it was summed. Nothing is kept for a
/// backward pass.
///
/// # Errors
/// Those of the model.
pub(super) fn piece_cross_entropies(
    model: &Model,
    rows: &[Row],
    adapters: &RowAdapters,
) -> Result<Vec<Vec<(f64, usize)>>, Error> {
    let packed = pack(rows);
    let hidden = model.packed_scored(&packed, adapters)?.detach();
    let mut found: Vec<Vec<(f64, usize)>> = rows.iter().map(|row| vec![(0.0, 0); row.pieces.len()]).collect();
    let at_once = (LOGITS / model.config().vocab_size).max(1);
    for (chunk, scored) in packed.scored().chunks(at_once).enumerate() {
        let logits = model.logits(&hidden.narrow(0, chunk * at_once, scored.len())?)?.to_dtype(DType::F32)?;
        let targets: Vec<u32> = scored.iter().map(|scored| scored.target).collect();
        let targets = Tensor::from_vec(targets, (scored.len(), 1), hidden.device())?;
        let logs = candle_nn::ops::log_softmax(&logits, 1)?.gather(&targets, 1)?.flatten_all()?.to_vec1::<f32>()?;
        for (scored, log) in scored.iter().zip(logs) {
            let (sum, count) = &mut found[scored.row][scored.piece];
            *sum -= f64::from(log);
            *count += 1;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::{CachedText, Products, StepAdapter};
    use crate::lora::{Module, SharedA};
    use crate::noise::Noise;
    use crate::training::test_base::base;
    use candle_core::Device;

    const ANSWER: usize = 6;

    /// The model's greedy continuation of a prompt, by cached decoding.
    fn greedy(model: &Model, prompt: &[u32], adapter: &Adapter) -> Vec<u32> {
        let adapter = StepAdapter::new(adapter, model.dtype(), model.device()).expect("an adapter");
        let mut text = CachedText::new(model, prompt.len() + ANSWER, Some((&adapter, 1.0))).expect("memory");
        let (mut next, mut answer) = (prompt.to_vec(), Vec::new());
        for _ in 0..ANSWER {
            answer.push(argmax(&text.read(&next, Products::Blocks).expect("a step")));
            next = vec![answer[answer.len() - 1]];
        }
        answer
    }

    #[test]
    fn the_cross_entropies_of_rows_are_those_of_each_row_alone() {
        let base = base();
        let layout = base.model().config().shape().layout(&Module::SEPARATE, 2);
        let shared = SharedA::random(layout.clone(), 1, &Device::Cpu).expect("fits");
        let b: Vec<f32> = Noise::seeded(4).normals(layout.b_len()).into_iter().map(|x| 0.2 * x).collect();
        let b = Tensor::from_vec(b, layout.b_len(), &Device::Cpu).expect("shape");
        let adapter = Adapter::over(&shared, &b, 4.0).expect("an adapter");
        let row = |inputs: &[&str]| Row {
            prefix: base.begin().to_vec(),
            pieces: inputs.iter().map(|text| base.prompter().answered(text, "yes").expect("tokens")).collect(),
        };
        let rows = [row(&["one", "another"]), row(&["a third one"])];
        let adapters = RowAdapters::of_rows(&[Some((&adapter, 1.0)); 2], DType::F32).expect("rows");
        let found = row_cross_entropies(base.model(), &rows, &adapters).expect("losses");
        for (row, found) in rows.iter().zip(found) {
            let alone = mean_cross_entropy(base.model(), row, &adapter).expect("a loss");
            assert!((alone - found).abs() < 1e-4, "{alone} {found}");
        }
    }

    #[test]
    fn teacher_forcing_hits_exactly_what_greedy_decoding_writes() {
        let base = base();
        let model = base.model();
        let layout = model.config().shape().layout(&Module::SEPARATE, 2);
        let shared = SharedA::random(layout.clone(), 1, &Device::Cpu).expect("fits");
        let mut noise = Noise::seeded(4);
        let b: Vec<f32> = noise.normals(layout.b_len()).into_iter().map(|x| 0.2 * x).collect();
        let b = Tensor::from_vec(b, layout.b_len(), &Device::Cpu).expect("shape");
        let adapter = Adapter::over(&shared, &b, 4.0).expect("an adapter");
        let prefix = base.prompter().prefix(Some("Do it."), &[]).expect("tokens");
        let mut row = Row { prefix: prefix.clone(), pieces: Vec::new() };
        let mut expected = Vec::new();
        for input in ["ab", "a longer one", "7"] {
            let question = base.prompter().question(input).expect("tokens");
            let prompt = [prefix.as_slice(), &question].concat();
            let answer = greedy(model, &prompt, &adapter);
            // The answer itself, and with each of its tokens changed.
            for changed in std::iter::once(None).chain((0..ANSWER).map(Some)) {
                let mut answer = answer.clone();
                if let Some(at) = changed {
                    answer[at] ^= 1;
                }
                let score_from = question.len();
                row.pieces.push(Piece { tokens: [question.as_slice(), &answer].concat(), score_from });
                expected.push(changed.is_none());
            }
        }
        let adapters = RowAdapters::of_rows(&[Some((&adapter, 1.0))], model.dtype()).expect("rows");
        assert_eq!(exact_matches(model, &[row], &adapters).expect("scores"), [expected]);
    }
}
