//! Lists of words with commas.

use super::super::input::Takes;
use super::super::op::Op;

type Row = (&'static str, &'static str, fn(&[&str]) -> String);

pub(super) fn ops() -> Vec<Op> {
    let op = |&(name, phrases, run): &Row| {
        Op::new(name, "lists", Takes::List, phrases, move |l| run(&l.split(", ").collect::<Vec<_>>()))
    };
    let joins = JOINS.iter().map(|&(name, what, between)| {
        Op::new(name, "lists", Takes::List, &JOIN_PHRASES.replace('@', what), move |l| l.replace(", ", between))
    });
    ROWS.iter().map(op).chain(joins).collect()
}

const ROWS: &[Row] = &[
    (
        "first_item",
        "=the first item of {} / =the first word in {} / =the item at the start of {} / keep only the first item of {}
        / pick the first item of {} / =the item that {} starts with",
        |l| l[0].to_owned(),
    ),
    (
        "last_item",
        "=the last item of {} / =the last word in {} / =the item at the end of {} / keep only the last item of {}
        / pick the last item of {} / =the item that {} ends with",
        |l| l[l.len() - 1].to_owned(),
    ),
    (
        "second_item",
        "=the second item of {} / =the second word in {} / =item two of {} / keep only the second item of {}
        / pick the second item of {}",
        |l| l[1].to_owned(),
    ),
    (
        "third_item",
        "=the third item of {} / =the third word in {} / =item three of {} / keep only the third item of {}
        / pick the third item of {}",
        |l| l[2].to_owned(),
    ),
    (
        "without_first_item",
        "={} without its first item / remove the first item of {} / drop the first item of {}
        / =all but the first item of {}
        / delete the first item of {} / leave out the first item of {}",
        |l| l[1..].join(", "),
    ),
    (
        "without_last_item",
        "={} without its last item / remove the last item of {} / drop the last item of {}
        / =all but the last item of {}
        / delete the last item of {} / leave out the last item of {}",
        |l| l[..l.len() - 1].join(", "),
    ),
    (
        "first_two_items",
        "+the first two items of {} / keep the first two items of {} / +the first two words in {}
        / +the two items at the start of {} / pick the first two items of {}",
        |l| l[..2].join(", "),
    ),
    (
        "ends_exchanged",
        "swap the first and last items of {} / exchange the first and last items of {}
        / let the first and last items of {} change places / ={} with its first and last items swapped
        / write {} with its ends swapped / switch the first and last items of {} / trade the ends of {}
        / swap the outer items of {}",
        |l| {
            let mut items = l.to_vec();
            items.swap(0, l.len() - 1);
            items.join(", ")
        },
    ),
    (
        "item_count",
        "count the items of {} / =the number of items in {} / =the length of {} / say how many items {} has
        / ?how many items does {} have / =the number of words in {}",
        |l| l.len().to_string(),
    ),
    (
        "item_letters",
        "+the first letters of the items of {} / +the initials of the items of {}
        / =the first letter of each item of {}
        / keep only the first letter of each item of {}",
        |l| l.iter().map(|item| &item[..1]).collect::<Vec<_>>().join(", "),
    ),
];

const JOINS: &[(&str, &str, &str)] = &[
    ("items_and", "and", " and "),
    ("items_or", "or", " or "),
    ("items_hyphen", "hyphens", "-"),
    ("items_plus", "plus signs", "+"),
    ("items_slash", "slashes", "/"),
    ("items_spaces", "spaces", " "),
    ("items_semicolons", "semicolons", "; "),
];

const JOIN_PHRASES: &str =
    "join the items of {} with @ / write {} with @ in place of the commas / connect the items of {} with @
    / put @ between the items of {} / replace the commas of {} with @ / link the items of {} with @
    / write @ between the items of {} / turn the commas of {} into @ / write {} with @ between the items
    / use @ to join the items of {} / separate the items of {} with @ / change the commas of {} to @";
