//! Things written more than once.

use super::super::input::Takes;
use super::super::op::{Follows, Op};
use super::{end, start};

/// Name, how the manner is said, how often, what stands between.
const REPEATS: &[(&str, &str, usize, &str)] = &[
    ("twice", "twice", 2, ""),
    ("twice_space", "twice with a space between", 2, " "),
    ("twice_comma", "twice with a comma between", 2, ", "),
    ("twice_and", "twice with and between", 2, " and "),
    ("twice_hyphen", "twice with a hyphen between", 2, "-"),
    ("three_times", "three times with spaces", 3, " "),
    ("three_hyphens", "three times with hyphens", 3, "-"),
];

const REPEAT_PHRASES: &str =
    "write {} @ / say {} @ / repeat {} so that it stands @ / put {} down @ / give {} @ / return {} @
        / repeat {}, writing it @ / print {} @
    / show {} @ / type {} @ / copy {} out @ / set {} down @";

pub(super) fn ops() -> Vec<Op> {
    let repeats = REPEATS.iter().map(|&(name, manner, times, between)| {
        let phrases = REPEAT_PHRASES.replace('@', manner);
        let op = Op::new(name, "repetition", Takes::Word, &phrases, move |w| vec![w; times].join(between));
        op.following(if times == 2 { Follows::Texts } else { Follows::Words })
    });
    repeats.chain(doubles()).collect()
}

fn doubles() -> [Op; 2] {
    let op = |name, which: &str, run: fn(&str) -> String| {
        let phrases = "double the @ letter of {} / write the @ letter of {} twice / repeat the @ letter of {}
            / write {} with its @ letter doubled / say the @ letter of {} two times / make the @ letter of {} double
            / ={} with a double @ letter / add a second copy of the @ letter of {} / write {} doubling its @ letter"
            .replace('@', which);
        Op::new(name, "repetition", Takes::Word, &phrases, run).following(Follows::Words)
    };
    [
        op("double_first", "first", |w| format!("{}{w}", start(w, 1))),
        op("double_last", "last", |w| format!("{w}{}", end(w, 1))),
    ]
}
