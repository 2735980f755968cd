//! The numbers below 100 in words.

use std::sync::LazyLock;

use super::Part;
use super::words::part_of;

const SMALL: &[&str] = &[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: &[&str] = &["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// The number in words: "forty-one". `number` is below 100.
pub(super) fn in_words(number: u32) -> String {
    let number = number as usize;
    match (SMALL.get(number), TENS[number / 10], number % 10) {
        (Some(small), ..) => (*small).to_owned(),
        (None, tens, 0) => tens.to_owned(),
        (None, tens, ones) => format!("{tens}-{}", SMALL[ones]),
    }
}

/// The numbers below 100 in words, those for training and those for the test.
pub(super) fn split_words() -> (Vec<&'static str>, Vec<&'static str>) {
    static ALL: LazyLock<Vec<String>> = LazyLock::new(|| (0..100).map(in_words).collect());
    ALL.iter().map(String::as_str).partition(|word| part_of(word) == Part::Train)
}
