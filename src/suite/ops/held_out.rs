//! The families that training never sees: swaps, sentences and colours; tags, mirrors and young animals.

use super::super::Half;
use super::super::input::Takes;
use super::super::op::Op;

/// The held-out families, and the half each belongs to.
pub(in super::super) const FAMILIES: &[(&str, Half)] = &[
    ("swaps", Half::Dev),
    ("sentences", Half::Dev),
    ("colours", Half::Dev),
    ("tags", Half::Test),
    ("mirrors", Half::Test),
    ("young", Half::Test),
];

pub(super) fn ops() -> Vec<Op> {
    swaps().into_iter().chain(sentences()).chain(tags()).chain(mirrors()).map(Op::never_first).collect()
}

fn swaps() -> Vec<Op> {
    let swap = |name, which: &str, places: fn(usize) -> (usize, usize)| {
        let phrases = "swap @ of {} / exchange @ of {} / let @ of {} change places / switch @ of {} / trade @ of {}
            / ={} with @ swapped / write {} with @ exchanged / make @ of {} trade places / interchange @ of {}
            / write {} but swap @"
            .replace('@', which);
        Op::new(name, "swaps", Takes::Word, &phrases, move |word| {
            let mut letters: Vec<char> = word.chars().collect();
            let (one, other) = places(letters.len());
            letters.swap(one, other);
            letters.into_iter().collect()
        })
    };
    vec![
        swap("swap_first_two", "the first two letters", |_| (0, 1)),
        swap("swap_ends", "the first and last letters", |n| (0, n - 1)),
        swap("swap_last_two", "the last two letters", |n| (n - 2, n - 1)),
        swap("swap_second_third", "the second and third letters", |_| (1, 2)),
        swap("swap_first_third", "the first and third letters", |_| (0, 2)),
    ]
}

fn sentences() -> impl Iterator<Item = Op> {
    const ROWS: &[(&str, &str, &str, &str)] = &[
        ("sentence_i_see", "I see", "I see ", "."),
        ("sentence_here_is", "Here is", "Here is ", "."),
        ("sentence_we_like", "We like", "We like ", "."),
        ("sentence_this_is", "This is", "This is ", "."),
        ("sentence_is_here", "is here", "", " is here."),
        ("sentence_is_good", "is good", "", " is good."),
    ];
    ROWS.iter().map(|&(name, words, before, after)| {
        let place = if before.is_empty() { "ends with" } else { "starts with" };
        let phrases = "write a sentence that # @ and names {} / make a sentence with @ and {}
            / use {} in a sentence that # @ / put {} in a sentence that # @ / =a sentence about {} that # @
            / build a sentence from @ and {} / say {} in a sentence that # @ / form a sentence with {} and @"
            .replace('@', words)
            .replace('#', place);
        Op::new(name, "sentences", Takes::Word, &phrases, move |w| format!("{before}{w}{after}"))
    })
}

fn tags() -> impl Iterator<Item = Op> {
    const ROWS: &[(&str, &str)] =
        &[("tag_b", "b"), ("tag_i", "i"), ("tag_p", "p"), ("tag_u", "u"), ("tag_li", "li"), ("tag_em", "em")];
    ROWS.iter().map(|&(name, tag)| {
        let phrases = "put {} in a @ tag / wrap {} in a @ tag / put {} between @ tags / mark {} with a @ tag
            / write {} inside a @ tag / add a @ tag around {} / enclose {} in @ tags / surround {} with a @ tag
            / give {} a @ tag / tag {} with @ / make {} a @ element / set {} in a @ tag"
            .replace("a @", if ["i", "li", "em"].contains(&tag) { "an @" } else { "a @" })
            .replace('@', tag);
        Op::new(name, "tags", Takes::Word, &phrases, move |w| format!("<{tag}>{w}</{tag}>"))
    })
}

fn mirrors() -> impl Iterator<Item = Op> {
    const ROWS: &[(&str, &str, &str)] = &[
        ("mirror", "with nothing between", ""),
        ("mirror_space", "with a space between", " "),
        ("mirror_bar", "with a bar between", "|"),
        ("mirror_dash", "with a dash between", "-"),
        ("mirror_equals", "with an equals sign between", "="),
    ];
    ROWS.iter().map(|&(name, manner, between)| {
        let phrases = "write {} and its reverse @ / join {} and its reverse @ / put {} next to its mirror image @
        / follow {} by its reverse @
            / put {} and its reverse down @ / write {} and its mirror image @ / ={} and its reverse @
            / place {} before its reverse @ / set {} and its mirror image side by side @"
            .replace('@', manner);
        Op::new(name, "mirrors", Takes::Word, &phrases, move |w| {
            format!("{w}{between}{}", w.chars().rev().collect::<String>())
        })
    })
}
