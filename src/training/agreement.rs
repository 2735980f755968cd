//! How far an adapter answers as it should, without anybody who knows the answers: as its base does that is told the
//! description, or as the caller's demonstrations say. An adapter and a described prompt go wrong in different ways, so
//! where they agree both are likely right.

use super::Error;
use super::evaluate::{Row, piece_cross_entropies};
use crate::lm::{Piece, RowAdapters};
use crate::lora::Adapter;
use crate::task::{Base, Example, answers};

/// What an adapter is tried on: something of each kind that tasks are about. What a task is not about the described
/// base answers unsurely, and it counts for little.
const INPUTS: [&str; 8] = ["stone", "garden", "happy", "old green tree", "47", "red, blue, pear", "monday", "france"];
/// Tokens of an answer.
const ANSWER_TOKENS: usize = 14;

/// The right answers, with what each of them counts.
#[derive(Debug)]
struct Expected {
    pieces: Vec<Piece>,
    weights: Vec<f64>,
}

impl Expected {
    /// What the base answers behind a description's prefix, each answer by the chance that the base gives to it;
    /// nothing where its context has no room for them.
    ///
    /// # Errors
    /// Those of tokenizer and model.
    fn of_described(base: &Base, prefix: &[u32]) -> Result<Option<Self>, Error> {
        let questions = INPUTS.iter().map(|input| base.prompter().question(input));
        let questions: Vec<Vec<u32>> = questions.collect::<Result<_, _>>()?;
        let longest = questions.iter().map(Vec::len).max().unwrap_or(0);
        if prefix.len() + longest + ANSWER_TOKENS > base.model().config().context {
            return Ok(None);
        }
        let given = answers(base.model(), prefix, &questions, (ANSWER_TOKENS, base.ends()))?;
        let weights = given.iter().map(|answer| answer.chance).collect();
        let piece = |(question, answer): (Vec<u32>, crate::task::Answer)| Piece {
            score_from: question.len(),
            tokens: [question, answer.tokens].concat(),
        };
        Ok(Some(Self { pieces: questions.into_iter().zip(given).map(piece).collect(), weights }))
    }

    /// What demonstrations say; nothing where they are plain texts.
    ///
    /// # Errors
    /// Those of the tokenizer.
    fn of_demonstrations(base: &Base, demonstrations: &[Example]) -> Result<Option<Self>, Error> {
        let answered = demonstrations.iter().filter(|example| !example.is_text()).take(INPUTS.len());
        let pieces: Vec<Piece> = answered.map(|example| base.prompter().scored(example)).collect::<Result<_, _>>()?;
        let weights = vec![1.0; pieces.len()];
        Ok((!pieces.is_empty()).then_some(Self { pieces, weights }))
    }
}

/// How far the adapter of a description agrees: the mean chance, from 0 to 1, that it gives to the answers of its
/// demonstrations where it has any with answers, else to those of the described base; nothing where neither can be told.
///
/// # Errors
/// Those of tokenizer and model.
pub fn agreement(
    base: &Base,
    adapter: &Adapter,
    (prefix, demonstrations): (&[u32], &[Example]),
) -> Result<Option<f64>, Error> {
    let right = match Expected::of_demonstrations(base, demonstrations)? {
        Some(right) => Some(right),
        None => Expected::of_described(base, prefix)?,
    };
    let Some(Expected { pieces, weights }) = right else { return Ok(None) };
    let rows = [Row { prefix: base.begin().to_vec(), pieces }];
    let adapters = RowAdapters::of_rows(&[Some((adapter, 1.0))], base.model().dtype())?;
    let found = piece_cross_entropies(base.model(), &rows, &adapters)?;
    let weight: f64 = weights.iter().sum();
    let agreed: f64 = found.iter().flatten().zip(&weights).map(|((nats, _), weight)| weight * (-nats).exp()).sum();
    Ok(Some(if weight > 0.0 { agreed / weight } else { 0.0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::sampling::argmax;
    use crate::lm::{CachedText, Products};
    use crate::lora::{Module, SharedA};
    use crate::training::test_base::base;
    use candle_core::{DType, Device, Tensor};

    /// An adapter that changes nothing.
    fn still(base: &Base) -> Adapter {
        let layout = base.model().config().shape().layout(&Module::SEPARATE, 2);
        let b = Tensor::zeros(layout.b_len(), DType::F32, &Device::Cpu).expect("zeros");
        Adapter::over(&SharedA::random(layout, 1, &Device::Cpu).expect("fits"), &b, 4.0).expect("an adapter")
    }

    #[test]
    fn answers_are_those_of_greedy_decoding_of_each_prompt_alone() {
        let base = base();
        let prefix = base.prompter().prefix(Some("A description longer than two blocks."), &[]).expect("tokens");
        let questions = ["ab", "a longer one"].map(|input| base.prompter().question(input).expect("tokens"));
        let given = answers(base.model(), &prefix, &questions, (5, &[])).expect("answers");
        for (question, answer) in questions.iter().zip(&given) {
            let mut text = CachedText::new(base.model(), prefix.len() + 64, None).expect("memory");
            let mut logits = text.read(&[prefix.as_slice(), question].concat(), Products::Blocks).expect("a step");
            let mut chance = 1.0;
            for token in &answer.tokens {
                assert_eq!(*token, argmax(&logits));
                let sum: f64 = logits.iter().map(|x| f64::from(x - logits[*token as usize]).exp()).sum();
                chance /= sum;
                logits = text.read(&[*token], Products::Blocks).expect("a step");
            }
            assert!((chance - answer.chance).abs() < 1e-4 * chance, "{chance} {}", answer.chance);
        }
        let end = given[0].tokens[0];
        let cut = answers(base.model(), &prefix, &questions, (5, &[end])).expect("answers");
        assert_eq!(cut[0].tokens, [end]);
    }

    #[test]
    fn an_adapter_that_changes_nothing_agrees_with_a_base_that_is_told_nothing_as_surely_as_the_base_is() {
        let base = base();
        let right = Expected::of_described(&base, base.begin()).expect("answers").expect("room");
        let expected = right.weights.iter().map(|w| w * w).sum::<f64>() / right.weights.iter().sum::<f64>();
        let found = agreement(&base, &still(&base), (base.begin(), &[])).expect("a share").expect("tried");
        assert!((found - expected).abs() < 1e-3 * expected, "{found} {expected}");
    }

    #[test]
    fn demonstrations_are_asked_first_and_what_has_no_room_is_not_tried() {
        let base = base();
        let shown = [Example::new("ab", "cd")];
        let by_shown = agreement(&base, &still(&base), (base.begin(), &shown)).expect("a share").expect("tried");
        let row =
            Row { prefix: base.begin().to_vec(), pieces: vec![base.prompter().answered("ab", "cd").expect("tokens")] };
        let tokens = row.pieces[0].tokens.len() - row.pieces[0].score_from;
        let nats = super::super::evaluate::mean_cross_entropy(base.model(), &row, &still(&base)).expect("a loss");
        assert!((by_shown - (-nats * tokens as f64).exp()).abs() < 1e-3 * by_shown, "{by_shown}");
        let full = vec![1; base.model().config().context];
        assert_eq!(agreement(&base, &still(&base), (&full, &[])).expect("no error"), None);
        let text = [Example::Text { text: "plain".into() }];
        assert_eq!(agreement(&base, &still(&base), (&full, &text)).expect("no error"), None);
    }
}
