//! An op for each fact.

use std::collections::HashMap;

use super::super::facts;
use super::super::input::Takes;
use super::super::op::Op;

pub(super) fn ops() -> Vec<Op> {
    let op = |fact: &'static facts::Fact| {
        let answers: HashMap<_, _> = fact.pairs().into_iter().collect();
        let answer = move |key: &str| answers.get(key).map_or_else(String::new, |&answer| answer.to_owned());
        Op::new(fact.name, fact.family, Takes::Entry(fact.entries()), fact.phrases, answer)
    };
    facts::all().map(op).collect()
}
