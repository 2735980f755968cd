//! What an adapter is worth on a task's unseen examples: exact match of its answers, or how well it foretells texts.

use super::Error;
use super::dataset::{Kind, TaskData};
use super::evaluate::{Row, exact_matches, fitting, pack, rate};
use crate::lm::{Model, Piece, RowAdapters};
use serde::{Deserialize, Serialize};

/// An adapter's worth, as jobs report it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Score {
    /// Of a task of inputs and outputs.
    Answers {
        /// The share of the answers that are right to the letter.
        exact_match: f64,
    },
    /// Of a task of plain texts.
    Texts(TextScores),
}

/// How well texts are foretold with the adapter, and without it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextScores {
    /// e to the mean nats of a token. A text's end is not counted.
    pub perplexity: f64,
    /// All nats of the texts in bits, by their characters: comparable between bases of other tokens.
    pub bits_per_character: f64,
    /// The bare base's perplexity.
    pub base_perplexity: f64,
    /// The bare base's bits per character.
    pub base_bits_per_character: f64,
}

/// The nats of a text, and what they were summed over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TextLoss {
    /// The sum over tokens of −ln p.
    pub nats: f64,
    /// Scored tokens.
    pub tokens: usize,
    /// Characters of the texts.
    pub characters: usize,
}

/// Tokens of one pass at most: what a pass computes stands in memory together.
const TOKENS: usize = 1024;

impl Score {
    /// Its numbers by name.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Answers { exact_match } => vec![("exact_match", *exact_match)],
            Self::Texts(texts) => vec![
                ("perplexity", texts.perplexity),
                ("bits_per_character", texts.bits_per_character),
                ("base_perplexity", texts.base_perplexity),
                ("base_bits_per_character", texts.base_bits_per_character),
            ],
        }
    }

    /// Whether the adapter does nothing for its task: no answer is right, or the texts are foretold no better than
    /// without it.
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::Answers { exact_match } => *exact_match == 0.0,
            Self::Texts(texts) => texts.bits_per_character >= texts.base_bits_per_character,
        }
    }

    /// Measures one task on its unseen examples through adapters of one row. `bos` stands before bare inputs.
    ///
    /// # Errors
    /// Those of the model.
    pub fn measure(model: &Model, task: &TaskData, bos: &[u32], adapters: &RowAdapters) -> Result<Self, Error> {
        match task.kind {
            Kind::Answers => {
                let hits = exact_matches(model, &[task.test_row(bos)], adapters)?;
                Ok(Self::Answers { exact_match: rate(hits.iter().flatten()) })
            }
            Kind::Texts { characters } => {
                let (adapted, base) = (
                    TextLoss::measure(model, (&task.test, characters), adapters)?,
                    TextLoss::measure(model, (&task.test, characters), &RowAdapters::none())?,
                );
                Ok(Self::Texts(TextScores {
                    perplexity: adapted.perplexity(),
                    bits_per_character: adapted.bits_per_character(),
                    base_perplexity: base.perplexity(),
                    base_bits_per_character: base.bits_per_character(),
                }))
            }
        }
    }
}

impl TextLoss {
    /// Measures pieces of texts that have this many characters through adapters of one row.
    ///
    /// # Errors
    /// Those of the model.
    pub fn measure(
        model: &Model,
        (pieces, characters): (&[Piece], usize),
        adapters: &RowAdapters,
    ) -> Result<Self, Error> {
        let mut sum = Self { characters, ..Self::default() };
        let mut rest = pieces;
        while !rest.is_empty() {
            let now = fitting(rest, TOKENS);
            rest = &rest[now.len()..];
            let packed = pack(&[Row { prefix: Vec::new(), pieces: now.to_vec() }]);
            let scored = packed.scored().len();
            if scored > 0 {
                let loss = model.packed_loss(&packed, adapters, &vec![1.0; scored])?;
                sum.nats += f64::from(loss.to_scalar::<f32>()?);
                sum.tokens += scored;
            }
        }
        Ok(sum)
    }

    /// e to the mean nats of a token; the largest number where that is beyond it.
    pub fn perplexity(&self) -> f64 {
        (self.nats / self.tokens.max(1) as f64).exp().min(f64::MAX)
    }

    /// Bits per character.
    pub fn bits_per_character(&self) -> f64 {
        self.nats / std::f64::consts::LN_2 / self.characters.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::test_base::base;
    use crate::training::texts::{Cutter, TextHalves};

    /// The expected values come from PyTorch, in f64 from the logits on:
    ///
    /// ```python
    /// m = AutoModelForCausalLM.from_pretrained("tests/fixtures/llama_tied", dtype=torch.float32)
    /// ids = [256] + list(text.encode())
    /// nats, n, scored = 0.0, 0, 1
    /// while scored < len(ids):
    ///     start = 0 if scored == 1 else scored - window // 2
    ///     end = min(len(ids), start + window)
    ///     logp = m(torch.tensor([ids[start:end]])).logits[0].double().log_softmax(-1)
    ///     for t in range(scored, end):
    ///         nats -= logp[t - 1 - start, ids[t]].item(); n += 1
    ///     scored = end
    /// print(math.exp(nats / n), nats / math.log(2) / len(text), n)
    /// ```
    #[test]
    fn perplexity_and_bits_per_character_are_those_of_pytorch() {
        let text = "Über all things, a cat sat.\nIt sat on the mat, and the mat was flat.\n";
        let base = base();
        for (tokens, perplexity, bits) in
            [(1024, 297.029_695_680_142_1, 8.333_513_555_763_76), (16, 352.647_439_879_479_1, 8.584_721_636_530_27)]
        {
            let halves = TextHalves::given(vec![text.into()], vec![text.into()]);
            let cutter = Cutter { base: &base, tokens };
            let task = TaskData::of_texts("t", vec!["Go on.".into()], halves, &cutter).expect("a task");
            let Score::Texts(found) =
                Score::measure(base.model(), &task, base.bos(), &RowAdapters::none()).expect("a score")
            else {
                panic!("a task of texts has scores of texts");
            };
            for (found, expected) in [
                (found.perplexity, perplexity),
                (found.bits_per_character, bits),
                (found.base_perplexity, perplexity),
                (found.base_bits_per_character, bits),
            ] {
                assert!((found / expected - 1.0).abs() < 1e-4, "{found} for {expected}");
            }
        }
    }

    #[test]
    fn one_right_answer_and_any_bit_less_than_the_base_are_something() {
        let texts = |bits_per_character| {
            let (perplexity, base_perplexity, base_bits_per_character) = (2.0, 2.0, 1.0);
            Score::Texts(TextScores { perplexity, bits_per_character, base_perplexity, base_bits_per_character })
        };
        let answers = |exact_match| Score::Answers { exact_match };
        assert!(answers(0.0).is_nothing() && texts(1.0).is_nothing());
        assert!(!answers(0.01).is_nothing() && !texts(0.99).is_nothing());
    }

    #[test]
    fn a_score_is_written_flat_and_read_back() {
        for (json, names) in [
            (r#"{"exact_match":0.5}"#, vec!["exact_match"]),
            (
                r#"{"perplexity":2.0,"bits_per_character":1.0,"base_perplexity":4.0,"base_bits_per_character":2.0}"#,
                vec!["perplexity", "bits_per_character", "base_perplexity", "base_bits_per_character"],
            ),
        ] {
            let score: Score = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&score).unwrap(), json);
            assert_eq!(score.metrics().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), names);
        }
    }
}
