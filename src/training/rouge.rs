//! ROUGE-L: how much of a reference's words an answer says in the same order (Lin 2004).

/// The F-measure of the longest common subsequence of words, from 0 to 1. Words are runs of letters and digits,
/// lower-cased; there is no stemming. 0 where either has no word.
///
/// ```
/// use attune::training::rouge::rouge_l;
/// assert_eq!(rouge_l("A cat sat.", "a cat sat"), 1.0);
/// assert_eq!(rouge_l("a b", "b a"), 0.5);
/// ```
pub fn rouge_l(reference: &str, answer: &str) -> f64 {
    let (reference, answer) = (words(reference), words(answer));
    let common = longest_common(&reference, &answer) as f64;
    if common == 0.0 {
        return 0.0;
    }
    let (recall, precision) = (common / reference.len() as f64, common / answer.len() as f64);
    2.0 * recall * precision / (recall + precision)
}

/// The words of a text, as they are compared.
pub fn words(text: &str) -> Vec<String> {
    let parts = text.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The length of the longest common subsequence, one row of the table at a time.
fn longest_common(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { diagonal + 1 } else { above.max(row[at]) };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```python
    /// from rouge_score import rouge_scorer
    /// rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False).score(reference, answer)["rougeL"].fmeasure
    /// ```
    #[test]
    fn the_f_measure_is_that_of_rouge_score() {
        for (reference, answer, expected) in [
            (
                "The quick brown fox jumps over the lazy dog",
                "the brown dog jumps over the quick fox",
                0.588_235_294_117_647_1,
            ),
            ("It's a well-known fact: 3.5 million people.", "it is a well known fact that 3 million people", 0.8),
            ("yes", "Yes.", 1.0),
            ("a b c", "x y z", 0.0),
            ("", "", 0.0),
            ("one two three four five six", "five six one two three", 0.545_454_545_454_545_4),
        ] {
            let found = rouge_l(reference, answer);
            assert!((found - expected).abs() < 1e-12, "{reference} / {answer}: {found} for {expected}");
        }
    }
}
