//! Whether a new generator may follow the active one: it must not fall behind on the tasks that both know.

use crate::training::score::{Score, TextScores};

/// How much exact match may fall.
const EXACT_MATCH: f64 = 0.02;
/// How much bits per character may rise, as a share of them.
const BITS: f64 = 0.02;

/// The means of some tasks' scores, tasks of answers and of texts apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Means {
    /// Of the tasks of answers, where there are any.
    pub(super) exact_match: Option<f64>,
    /// Of the tasks of texts. Perplexities have their geometric mean, since the nats are what adds up.
    pub(super) texts: Option<TextScores>,
}

impl Means {
    pub(super) fn of(scores: &[Score]) -> Self {
        let (mut answers, mut texts) = (Vec::new(), Vec::new());
        for score in scores {
            match score {
                Score::Answers { exact_match } => answers.push(*exact_match),
                Score::Texts(score) => texts.push(*score),
            }
        }
        let mean = |of: fn(&TextScores) -> f64| texts.iter().map(of).sum::<f64>() / texts.len() as f64;
        Self {
            exact_match: (!answers.is_empty()).then(|| answers.iter().sum::<f64>() / answers.len() as f64),
            texts: (!texts.is_empty()).then(|| TextScores {
                perplexity: mean(|t| t.perplexity.ln()).exp(),
                bits_per_character: mean(|t| t.bits_per_character),
                base_perplexity: mean(|t| t.base_perplexity.ln()).exp(),
                base_bits_per_character: mean(|t| t.base_bits_per_character),
            }),
        }
    }

    /// Whether these, of a new generator, are good enough beside the active one's on the same tasks.
    pub(super) fn keep_up_with(&self, active: &Self) -> bool {
        let answers = match (self.exact_match, active.exact_match) {
            (Some(new), Some(old)) => new >= old - EXACT_MATCH,
            _ => true,
        };
        let texts = match (self.texts, active.texts) {
            (Some(new), Some(old)) => new.bits_per_character <= old.bits_per_character * (1.0 + BITS),
            _ => true,
        };
        answers && texts
    }

    /// The means by name.
    pub(super) fn metrics(&self) -> Vec<(&'static str, f64)> {
        let answers = self.exact_match.map(|exact_match| Score::Answers { exact_match });
        [answers, self.texts.map(Score::Texts)].into_iter().flatten().flat_map(|score| score.metrics()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(exact_match: f64) -> Score {
        Score::Answers { exact_match }
    }

    fn texts(perplexity: f64, bits_per_character: f64) -> Score {
        let (base_perplexity, base_bits_per_character) = (16.0, 4.0);
        Score::Texts(TextScores { perplexity, bits_per_character, base_perplexity, base_bits_per_character })
    }

    fn keeps_up(new: &[Score], active: &[Score]) -> bool {
        Means::of(new).keep_up_with(&Means::of(active))
    }

    #[test]
    fn tasks_of_answers_and_of_texts_have_means_of_their_own() {
        let means = Means::of(&[answers(0.5), texts(2.0, 1.0), answers(1.0), texts(8.0, 3.0)]);
        assert_eq!(means.exact_match, Some(0.75));
        let found = means.texts.unwrap();
        assert!((found.perplexity - 4.0).abs() < 1e-12 && (found.base_perplexity - 16.0).abs() < 1e-12);
        assert_eq!((found.bits_per_character, found.base_bits_per_character), (2.0, 4.0));
        let names: Vec<_> = means.metrics().into_iter().map(|(name, _)| name).collect();
        let all = ["exact_match", "perplexity", "bits_per_character", "base_perplexity", "base_bits_per_character"];
        assert_eq!(names, all);
        assert_eq!(Means::of(&[]), Means { exact_match: None, texts: None });
    }

    #[test]
    fn a_generator_may_fall_behind_a_little_and_no_more() {
        assert!(keeps_up(&[answers(0.89)], &[answers(0.9)]));
        assert!(!keeps_up(&[answers(0.87)], &[answers(0.9)]));
        assert!(keeps_up(&[texts(9.0, 2.03)], &[texts(3.0, 2.0)]));
        assert!(!keeps_up(&[texts(3.0, 2.05)], &[texts(3.0, 2.0)]));
        assert!(keeps_up(&[], &[]));
    }

    #[test]
    fn neither_kind_makes_up_for_the_other() {
        assert!(!keeps_up(&[answers(1.0), texts(3.0, 3.0)], &[answers(0.1), texts(3.0, 2.0)]));
        assert!(!keeps_up(&[answers(0.1), texts(3.0, 1.0)], &[answers(0.9), texts(3.0, 2.0)]));
    }
}
