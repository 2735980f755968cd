//! Whole numbers below 100, in digits and in words.

use std::sync::Arc;

use super::super::input::{Entries, Takes};
use super::super::number_words::{in_words, split_words};
use super::super::op::Op;

type Row = (&'static str, fn() -> Takes, &'static str, fn(u32) -> String);

pub(super) fn ops() -> Vec<Op> {
    let op = |&(name, takes, phrases, run): &Row| {
        Op::new(name, "numbers", takes(), phrases, move |n| run(n.parse().expect("inputs of a number op are numbers")))
    };
    let (train, test) = split_words();
    let words = Takes::Entry(Arc::new(Entries { object: "number", train, test }));
    let digits = Op::new(
        "words_to_digits",
        "numbers",
        words,
        "write {} in digits / put {} in digits / turn {} into digits / ={} in digits / change {} to digits
        / =the digits for {} / write {} with digits / say {} in digits / ={} as digits",
        |words| (0..100).find(|&n| in_words(n) == words).map_or_else(String::new, |n| n.to_string()),
    );
    ROWS.iter().map(op).chain([digits]).collect()
}

const ROWS: &[Row] = &[
    (
        "next_number",
        || Takes::Number,
        "=the number after {} / =the next number after {} / add one to {} / =the number that follows {}
        / count one up from {}
        / ={} plus one / =one more than {} / ?which number comes after {}",
        |n| (n + 1).to_string(),
    ),
    (
        "previous_number",
        || Takes::TwoDigits,
        "=the number before {} / =the previous number to {} / take one from {} / =the number that precedes {}
        / count one down from {} / ={} minus one / =one less than {} / ?which number comes before {}",
        |n| (n - 1).to_string(),
    ),
    (
        "plus_ten",
        || Takes::TwoDigits,
        "add ten to {} / ={} plus ten / =ten more than {} / raise {} by ten / =the sum of {} and ten
        / count ten up from {} / make {} ten bigger",
        |n| (n + 10).to_string(),
    ),
    (
        "number_in_words",
        || Takes::Number,
        "write {} in words / put {} in words / spell {} in words / turn {} into words / ={} in words / say {} in words
        / write {} out in letters / =the words for {} / change {} to words",
        in_words,
    ),
    (
        "last_digit",
        || Takes::TwoDigits,
        "=the last digit of {} / =the digit at the end of {} / =the digit that {} ends with / =the second digit of {}
        / keep only the last digit of {}",
        |n| (n % 10).to_string(),
    ),
    (
        "first_digit",
        || Takes::TwoDigits,
        "=the first digit of {} / =the digit at the start of {} / =the digit that {} begins with
        / keep only the first digit of {} / =the digit of the tens of {}",
        |n| (n / 10).to_string(),
    ),
    (
        "even_or_odd",
        || Takes::Number,
        "say even or odd for {} / say whether {} is even or odd / tell me if {} is odd or even / ?is {} even or odd
        / check if {} is even or odd / write even or odd for {} / ?is {} odd or even / find out if {} is even or odd
        / answer even or odd for {} / write whether {} is even or odd / see if {} is even or odd
        / decide whether {} is even or odd",
        |n| if n.is_multiple_of(2) { "even" } else { "odd" }.to_owned(),
    ),
    (
        "digits_reversed",
        || Takes::TwoDigits,
        "reverse the digits of {} / write the digits of {} in reverse / swap the two digits of {} / write {} backwards
        / turn the digits of {} around / ={} with its digits reversed / =the digits of {} in reverse order",
        |n| format!("{}{}", n % 10, n / 10),
    ),
    (
        "digits_spaced",
        || Takes::TwoDigits,
        "put a space between the digits of {} / separate the digits of {} / write {} digit by digit
        / =the digits of {} with a space between / split {} into its digits / space out the digits of {}
        / put the digits of {} apart / write the digits of {} apart",
        |n| format!("{} {}", n / 10, n % 10),
    ),
    (
        "times_ten",
        || Takes::Number,
        "put a zero after {} / multiply {} by ten / ={} times ten / =ten times {} / add a zero to the end of {}
        / write {} with a zero after it / make {} ten times as big",
        |n| format!("{n}0"),
    ),
];
