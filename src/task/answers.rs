//! What a model answers by itself: greedy answers to several inputs behind one prefix, which is read once.

use crate::lm::{Error, KvMemory, Model, Products, StepRow};

/// An answer and how sure the model was of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its tokens, with the one that ends it where it came to an end.
    pub tokens: Vec<u32>,
    /// The chance that the model gives to the whole of it, from 0 to 1.
    pub chance: f64,
}

/// A question's row while it is answered.
struct Row {
    /// Tokens that the memory does not hold yet.
    next: Vec<u32>,
    /// Tokens that it holds.
    read: usize,
    blocks: Vec<u32>,
    answer: Vec<u32>,
    log_chance: f64,
    ended: bool,
}

/// The model's greedy answers to `questions` behind `prefix`, of `most` tokens at most; each ends with one of `ends`.
/// No adapter takes part.
///
/// # Errors
/// [`Error::TooLong`] where a prompt and its answer pass the model's context; those of the tensor library.
pub fn answers(
    model: &Model,
    prefix: &[u32],
    questions: &[Vec<u32>],
    (most, ends): (usize, &[u32]),
) -> Result<Vec<Answer>, Error> {
    const BLOCK: usize = KvMemory::BLOCK_TOKENS;
    // Whole blocks of the prefix are shared; what is left of it each row reads for itself.
    let shared = prefix.len() / BLOCK;
    let rest = &prefix[shared * BLOCK..];
    let mut blocks = shared;
    let mut rows: Vec<Row> = Vec::new();
    for question in questions {
        let own = (rest.len() + question.len() + most).div_ceil(BLOCK);
        let held = (0..shared).chain(blocks..blocks + own).map(|block| block as u32).collect();
        blocks += own;
        let next = [rest, question].concat();
        rows.push(Row { next, read: shared * BLOCK, blocks: held, answer: Vec::new(), log_chance: 0.0, ended: false });
    }
    let mut memory = KvMemory::new(model.config(), blocks, model.dtype(), model.device())?;
    let longest = questions.iter().map(Vec::len).max().unwrap_or(0);
    let horizon = prefix.len() + longest + most;
    if shared > 0 {
        let held: Vec<u32> = (0..shared as u32).collect();
        let products = Products::of_prompt(prefix.len());
        let row = StepRow {
            tokens: &prefix[..shared * BLOCK],
            start: 0,
            horizon,
            blocks: &held,
            adapter: None,
            products,
            wanted: false,
        };
        model.step(&[row], &mut memory)?;
    }
    for turn in 0..most {
        let products = if turn == 0 { Products::of_prompt(prefix.len()) } else { Products::Blocks };
        let asked: Vec<StepRow<'_>> = rows
            .iter()
            .filter(|row| !row.ended)
            .map(|row| StepRow {
                tokens: &row.next,
                start: row.read,
                horizon,
                blocks: &row.blocks,
                adapter: None,
                products,
                wanted: true,
            })
            .collect();
        if asked.is_empty() {
            break;
        }
        let logits = model.step_logits(&model.step(&asked, &mut memory)?)?;
        for (row, logits) in rows.iter_mut().filter(|row| !row.ended).zip(logits.chunks(model.config().vocab_size)) {
            let (token, log_chance) = likeliest(logits);
            row.read += row.next.len();
            row.next = vec![token];
            row.answer.push(token);
            row.log_chance += log_chance;
            row.ended = ends.contains(&token);
        }
    }
    Ok(rows.into_iter().map(|row| Answer { tokens: row.answer, chance: row.log_chance.exp() }).collect())
}

/// The likeliest token and the logarithm of its chance.
fn likeliest(logits: &[f32]) -> (u32, f64) {
    let token = crate::lm::sampling::argmax(logits);
    let highest = f64::from(logits[token as usize]);
    let sum: f64 = logits.iter().map(|logit| (f64::from(*logit) - highest).exp()).sum();
    (token, -sum.ln())
}
