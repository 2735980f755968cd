//! The suite's tasks: all ops by themselves, a seeded choice of compositions, and what of them is held out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::describe::{Descriptions, atomic, composed};
use super::input::Takes;
use super::op::{Follows, Op};
use super::{Half, MAX_OUTPUT_BYTES, Part, Split, SuiteTask, ops};
use crate::noise::Noise;

/// The seed of the suite's choices.
const SEED: u64 = 2026;
/// Compositions of training families: those for training and those held out.
const COMPOSITIONS: usize = 640;
const HELD_OUT: usize = 60;
/// Further compositions, all for training: what is unseen generalises with the number of tasks. They are chosen
/// after the others, so that what is held out does not depend on how many they are.
const FURTHER: usize = 7_000;
/// Training compositions that each op of a held-out composition has at least.
const TRAINED_AT_LEAST: usize = 4;
/// Held-out compositions that one op is in at most.
const HELD_OUT_AT_MOST: usize = 3;
/// Inputs on which a composition is tried before it is accepted.
const TRIALS: usize = 60;
/// Ops that a held-out fact is composed with.
const FACT_FORMATS: &[&str] = &["upper", "round_brackets"];

type Pair = (Arc<Op>, Arc<Op>);

/// All tasks, atomic ones first.
pub(super) fn tasks() -> Vec<SuiteTask> {
    let ops: Vec<Arc<Op>> = ops::all().into_iter().map(Arc::new).collect();
    let mut taken = HashSet::new();
    let mut tasks = Vec::new();
    for op in &ops {
        let split = held_out_half(op).map_or(Split::Train, Split::HeldOutFamily);
        let described = atomic(op, &mut Noise::stream(SEED, &op.name));
        taken.extend(described.seen.iter().chain(&described.unseen).cloned());
        tasks.push(task(op.name.clone(), split, described, vec![Arc::clone(op)]));
    }
    for (split, (first, second)) in splits(&ops) {
        let name = format!("{}_then_{}", first.name, second.name);
        let described = composed(&first, &second, &mut taken, &mut Noise::stream(SEED, &name));
        tasks.push(task(name, split, described, vec![first, second]));
    }
    tasks
}

fn task(name: String, split: Split, described: Descriptions, steps: Vec<Arc<Op>>) -> SuiteTask {
    let Descriptions { seen: descriptions, unseen: unseen_descriptions } = described;
    SuiteTask { name, family: steps[0].family.to_owned(), split, descriptions, unseen_descriptions, steps }
}

fn held_out_half(op: &Op) -> Option<Half> {
    ops::HELD_OUT_FAMILIES.iter().find(|(family, _)| *family == op.family).map(|&(_, half)| half)
}

/// The compositions and their splits.
fn splits(ops: &[Arc<Op>]) -> Vec<(Split, Pair)> {
    let known: Vec<_> = ops.iter().filter(|op| held_out_half(op).is_none()).cloned().collect();
    let chosen = choose(&known);
    let held_out = hold_out(&chosen[..COMPOSITIONS.min(chosen.len())]);
    let split = |index: usize| match held_out.iter().position(|&held| held == index) {
        Some(place) if place % 2 == 0 => Split::HeldOutComposition(Half::Dev),
        Some(_) => Split::HeldOutComposition(Half::Test),
        None => Split::Train,
    };
    let mut known: Vec<_> = chosen.into_iter().enumerate().map(|(index, pair)| (split(index), pair)).collect();
    let further = known.split_off(COMPOSITIONS.min(known.len()));
    known.extend(fact_compositions(ops));
    known.extend(further);
    known
}

/// The facts of held-out families, each in a few formats.
fn fact_compositions(ops: &[Arc<Op>]) -> impl Iterator<Item = (Split, Pair)> {
    let formats: Vec<_> = ops.iter().filter(|op| FACT_FORMATS.contains(&op.name.as_str())).collect();
    let facts = ops.iter().filter(|op| op.leads).filter_map(|op| Some((op, held_out_half(op)?)));
    facts.flat_map(move |(fact, half)| {
        let pair = |format: &&Arc<Op>| (Split::HeldOutFamily(half), (Arc::clone(fact), Arc::clone(format)));
        formats.iter().map(pair).collect::<Vec<_>>()
    })
}

/// Chooses compositions in rounds: in each, every first op takes the least used second op that suits it.
fn choose(ops: &[Arc<Op>]) -> Vec<Pair> {
    let mut noise = Noise::stream(SEED, "compositions");
    let mut firsts: Vec<_> = ops.iter().filter(|op| op.leads).collect();
    let mut seconds: Vec<_> = ops.iter().filter(|op| op.follows != Follows::Nothing).collect();
    let mut uses: HashMap<&str, usize> = HashMap::new();
    let mut tried: HashSet<(&str, &str)> = HashSet::new();
    let mut functions: HashSet<String> = ops.iter().map(|op| signature(&[op])).collect();
    let mut chosen = Vec::new();
    while chosen.len() < COMPOSITIONS + FURTHER {
        let before = chosen.len();
        noise.shuffle(&mut firsts);
        for &first in &firsts {
            noise.shuffle(&mut seconds);
            seconds.sort_by_key(|second| uses.get(second.name.as_str()).copied().unwrap_or(0));
            let new = seconds.iter().copied().find(|second| {
                tried.insert((&first.name, &second.name))
                    && suits(first, second)
                    && functions.insert(signature(&[first, second]))
            });
            if let Some(second) = new {
                *uses.entry(&second.name).or_default() += 1;
                chosen.push((Arc::clone(first), Arc::clone(second)));
            }
        }
        if chosen.len() == before {
            break;
        }
    }
    chosen.truncate(COMPOSITIONS + FURTHER);
    chosen
}

/// The indices of the compositions to hold out, spread over the ops.
fn hold_out(chosen: &[Pair]) -> Vec<usize> {
    let mut trained: HashMap<&str, usize> = HashMap::new();
    for name in chosen.iter().flat_map(|(first, second)| [&first.name, &second.name]) {
        *trained.entry(name).or_default() += 1;
    }
    let mut held: HashMap<&str, usize> = HashMap::new();
    let mut order: Vec<usize> = (0..chosen.len()).collect();
    Noise::stream(SEED, "held out").shuffle(&mut order);
    order.retain(|&index| {
        let names = [chosen[index].0.name.as_str(), chosen[index].1.name.as_str()];
        let free =
            |name: &&str| trained[*name] > TRAINED_AT_LEAST && held.get(*name).copied().unwrap_or(0) < HELD_OUT_AT_MOST;
        if held.values().sum::<usize>() >= 2 * HELD_OUT || !names.iter().all(free) {
            return false;
        }
        for name in names {
            *trained.entry(name).or_default() -= 1;
            *held.entry(name).or_default() += 1;
        }
        true
    });
    order
}

/// Whether the composition makes sense: the second op can read what the first gives and changes it, and the outputs
/// are short enough.
fn suits(first: &Op, second: &Op) -> bool {
    if first.family == second.family || (first.balanced && second.follows == Follows::Words) {
        return false;
    }
    let given: Vec<String> = trials(first).iter().map(|input| first.run(input)).collect();
    let word = |text: &String| (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphabetic());
    if second.follows == Follows::Words && !given.iter().all(word) {
        return false;
    }
    let constant = given.iter().all(|text| second.run(text) == second.run(&given[0]));
    if constant || hides(second, first) {
        return false;
    }
    let changed = given.iter().filter(|text| second.run(text) != **text).count();
    changed * 10 >= given.len() * 9 && given.iter().all(|text| (1..=MAX_OUTPUT_BYTES).contains(&second.run(text).len()))
}

/// Whether the second op mostly gives the same where the first, though it changed its input, is left out.
fn hides(second: &Op, first: &Op) -> bool {
    if !matches!((&first.takes, &second.takes), (Takes::Word, Takes::Word)) {
        return false;
    }
    let inputs: Vec<String> = trials(first).into_iter().filter(|input| first.run(input) != *input).collect();
    let same = inputs.iter().filter(|input| second.run(&first.run(input)) == second.run(input)).count();
    same * 2 > inputs.len()
}

/// What the ops in a row give on the trial inputs: the same for two tasks that are one function.
fn signature(ops: &[&Arc<Op>]) -> String {
    let run = |input: &String| ops.iter().fold(input.clone(), |text, op| op.run(&text));
    let outputs: Vec<String> = trials(ops[0]).iter().map(|input| format!("{input}>{}", run(input))).collect();
    outputs.join("\n")
}

/// Inputs to try an op on: all it can have in training, where they are few.
fn trials(op: &Op) -> Vec<String> {
    let mut noise = Noise::stream(SEED, op.takes.object());
    let parts = [Part::Train, Part::Test];
    let pools: Option<Vec<_>> = parts.into_iter().map(|part| op.takes.pool(part)).collect();
    pools.map_or_else(|| (0..TRIALS).map(|_| op.takes.draw(Part::Train, &mut noise)).collect(), |pools| pools.concat())
}
