//! Letters replaced by others, or removed.

use super::super::input::Takes;
use super::super::op::{Follows, Op};

/// Name, what is replaced, its letters, how the new one is said, the new one.
const REPLACEMENTS: &[(&str, &str, &str, &str, &str)] = &[
    ("a_to_o", "every a", "a", "o", "o"),
    ("e_to_3", "every e", "e", "3", "3"),
    ("o_to_0", "every o", "o", "0", "0"),
    ("i_to_1", "every i", "i", "1", "1"),
    ("s_to_z", "every s", "s", "z", "z"),
    ("e_to_a", "every e", "e", "a", "a"),
    ("r_to_l", "every r", "r", "l", "l"),
    ("t_to_d", "every t", "t", "d", "d"),
    ("vowels_to_stars", "every vowel", "aeiou", "a star", "*"),
    ("vowels_to_dashes", "every vowel", "aeiou", "a dash", "-"),
    ("vowels_to_o", "every vowel", "aeiou", "o", "o"),
];

const PHRASES: &str = "replace @ of {} with $ / change @ of {} to $ / turn @ of {} into $ / write $ for @ of {}
    / swap @ of {} for $ / write $ in place of @ of {} / put $ in place of @ of {} / replace @ in {} by $
    / change @ in {} into $ / use $ for @ in {} / exchange @ in {} for $ / make @ in {} become $";

pub(super) fn ops() -> Vec<Op> {
    let replace = |&(name, what, old, said, new): &(&str, &str, &'static str, &str, &'static str)| {
        let phrases = PHRASES.replace('@', what).replace('$', said);
        Op::new(name, "replacement", Takes::Word, &phrases, move |w| w.replace(|c| old.contains(c), new))
    };
    let removed = Op::new(
        "without_vowels",
        "replacement",
        Takes::Word,
        "remove the vowels of {} / drop the vowels of {} / delete all vowels of {} / write {} without its vowels
        / leave out the vowels of {} / ={} without vowels / take the vowels out of {} / strip the vowels from {}",
        |w| w.replace(|c| "aeiou".contains(c), ""),
    );
    let first = Op::new(
        "first_to_b",
        "replacement",
        Takes::Word,
        "replace the first letter of {} with b / change the first letter of {} to b / make {} start with b
        / turn the first letter of {} into b / write {} with b as its first letter / ={} with b for its first letter
        / put b in place of the first letter of {} / exchange the first letter of {} for b",
        |w| format!("b{}", &w[1..]),
    );
    REPLACEMENTS.iter().map(replace).chain([removed, first.following(Follows::Words)]).collect()
}
