//! How far an adapter answers as it should, without anybody who knows the answers: as its base does that is told the
//! description, or as the caller's demonstrations say. An adapter and a described prompt go wrong in different ways, so
//! where they agree both are likely right.

use super::Error;
use super::expected::{Expected, TRIED};
use crate::generator::Trial;
use crate::lora::Adapter;
use crate::task::{Base, Example};

/// What comes of trying the adapter of a description: the mean chance that it gives to the answers of its demonstrations
/// where it has any with answers, else to those of the described base; nothing where neither can be told.
///
/// # Errors
/// Those of tokenizer and model.
pub fn tried(
    base: &Base,
    adapter: &Adapter,
    (prefix, demonstrations): (&[u32], &[Example]),
) -> Result<Option<Trial>, Error> {
    if let Some(right) = Expected::of_demonstrations(base, demonstrations, TRIED.len())? {
        return Ok(Some(Trial {
            agreement: right.agreement(base, adapter)?,
            sureness: None,
            demonstrations: demonstrations.len(),
        }));
    }
    let Some(likely) = Expected::of_described(base, prefix, TRIED)? else { return Ok(None) };
    let (agreement, sureness) = (likely.agreement(base, adapter)?, Some(likely.sureness()));
    Ok(Some(Trial { agreement, sureness, demonstrations: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::sampling::argmax;
    use crate::lm::{CachedText, Products};
    use crate::lora::{Module, SharedA};
    use crate::task::answers;
    use crate::training::evaluate::Row;
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
        let right = Expected::of_described(&base, base.begin(), TRIED).expect("answers").expect("room");
        let expected = right.weights.iter().map(|w| w * w).sum::<f64>() / right.weights.iter().sum::<f64>();
        let found = tried(&base, &still(&base), (base.begin(), &[])).expect("a share").expect("tried");
        assert_eq!(found.sureness, Some(right.sureness()));
        let found = found.agreement;
        assert!((found - expected).abs() < 1e-3 * expected, "{found} {expected}");
    }

    #[test]
    fn demonstrations_are_asked_first_and_what_has_no_room_is_not_tried() {
        let base = base();
        let shown = [Example::new("ab", "cd")];
        let by_shown = tried(&base, &still(&base), (base.begin(), &shown)).expect("a share").expect("tried");
        assert_eq!(by_shown.sureness, None);
        let by_shown = by_shown.agreement;
        let row =
            Row { prefix: base.begin().to_vec(), pieces: vec![base.prompter().answered("ab", "cd").expect("tokens")] };
        let tokens = row.pieces[0].tokens.len() - row.pieces[0].score_from;
        let nats = crate::training::evaluate::mean_cross_entropy(base.model(), &row, &still(&base)).expect("a loss");
        assert!((by_shown - (-nats * tokens as f64).exp()).abs() < 1e-3 * by_shown, "{by_shown}");
        let full = vec![1; base.model().config().context];
        assert_eq!(tried(&base, &still(&base), (&full, &[])).expect("no error"), None);
        let text = [Example::Text { text: "plain".into() }];
        assert_eq!(tried(&base, &still(&base), (&full, &text)).expect("no error"), None);
    }
}
