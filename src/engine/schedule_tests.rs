use super::*;
use crate::engine::lane::AdapterKey;
use proptest::prelude::*;
use std::collections::HashMap;

const BOUNDS: Bounds = Bounds { rows: 4, step_tokens: 32, kept: Kept::Texts };

fn arrival(id: RowId, prompt: usize, max_tokens: usize) -> Arrival {
    let prompt = (0..prompt as u32).map(|token| token + 100 * id as u32).collect();
    Arrival { id, prompt, max_tokens, wish: Wish::Mixed, contexts: None }
}

fn schedule(arrivals: impl IntoIterator<Item = Arrival>) -> Schedule {
    let mut schedule = Schedule::new(BOUNDS, 64);
    arrivals.into_iter().for_each(|arrival| schedule.arrive(arrival));
    schedule
}

/// What each running text gets in the next step.
fn shares(schedule: &Schedule) -> HashMap<RowId, usize> {
    schedule.plan().iter().map(|share| (schedule.running()[share.text].id, share.count)).collect()
}

/// Runs one step; every text that wants one gets a token. Gives the ids of those that ended.
fn step(schedule: &mut Schedule) -> Vec<RowId> {
    let shares = schedule.plan();
    schedule.ran(&shares);
    let mut ended = Vec::new();
    for share in shares {
        let text = &schedule.running()[share.text];
        if text.filled == text.tokens.len() {
            if text.tokens.len() + 1 >= text.horizon() {
                ended.push(text.id);
            }
            schedule.wrote(share.text, 7);
        }
    }
    schedule.leave(|id| ended.contains(&id));
    ended
}

#[test]
fn rows_join_up_to_the_limit_in_the_order_in_which_they_came() {
    let mut schedule = schedule((0..6).map(|id| arrival(id, 3, 2)));
    assert_eq!(schedule.admit(), [0, 1, 2, 3]);
    assert_eq!(schedule.waiting(), 2);
    schedule.leave(|id| id == 1);
    assert_eq!(schedule.admit(), [4]);
}

#[test]
fn a_text_waits_until_the_memory_holds_all_that_it_may_write() {
    let mut schedule = Schedule::new(BOUNDS, 4); // 64 tokens
    schedule.arrive(arrival(0, 10, 30));
    schedule.arrive(arrival(1, 10, 30));
    schedule.arrive(arrival(2, 4, 4));
    assert_eq!(schedule.admit(), [0], "the second needs three blocks of one, and is not passed by the third");
    schedule.leave(|id| id == 0);
    assert_eq!(schedule.admit(), [1, 2]);
}

#[test]
fn every_writing_text_gets_its_token_beside_a_long_prompt() {
    let mut schedule = schedule([arrival(0, 2, 9), arrival(1, 200, 9), arrival(2, 5, 9)]);
    schedule.admit();
    assert_eq!(shares(&schedule), HashMap::from([(0, 2), (1, 25), (2, 5)]));
    step(&mut schedule);
    assert_eq!(shares(&schedule), HashMap::from([(0, 1), (1, 30), (2, 1)]));
}

#[test]
fn the_oldest_prompt_gets_half_of_a_step_and_the_shortest_next() {
    let mut schedule = schedule([arrival(0, 100, 1), arrival(1, 90, 1), arrival(2, 6, 1)]);
    schedule.admit();
    assert_eq!(shares(&schedule), HashMap::from([(0, 16), (2, 6), (1, 10)]));
}

#[test]
fn texts_of_one_adapter_stand_side_by_side() {
    let wish = |id: &str| Wish::Either(AdapterKey::new(id, 1.0));
    let row = |id, adapter| Arrival { wish: wish(adapter), ..arrival(id, 9, 9) };
    let mut schedule = schedule([row(0, "b"), row(1, "a"), row(2, "b")]);
    schedule.admit();
    let order: Vec<RowId> = schedule.plan().iter().map(|share| schedule.running()[share.text].id).collect();
    assert_eq!(order, [1, 0, 2]);
}

#[test]
fn a_prompt_that_begins_like_an_earlier_one_is_read_from_where_they_part() {
    let context = PrefixContext::new(&[b"base"]);
    let own = Contexts { mixed: context, merged: PrefixContext::new(&[b"merged"]) };
    let contexts = Some(own);
    let prompt: Vec<u32> = (0..40).collect();
    let ask = |id| Arrival { id, prompt: prompt.clone(), max_tokens: 2, wish: Wish::Mixed, contexts };
    let mut schedule = schedule([ask(0)]);
    schedule.admit();
    while !schedule.is_idle() {
        step(&mut schedule);
    }
    schedule.arrive(ask(1));
    schedule.admit();
    assert_eq!(schedule.running()[0].cached(), 32, "whole blocks, and never all of the prompt");
    let other = Contexts { mixed: PrefixContext::new(&[b"another adapter"]), ..own };
    schedule.arrive(Arrival { contexts: Some(other), ..ask(2) });
    schedule.arrive(Arrival { contexts: None, ..ask(3) });
    schedule.admit();
    assert_eq!([schedule.running()[1].cached(), schedule.running()[2].cached()], [0, 0]);
}

#[test]
fn a_conversation_goes_on_behind_its_answers_where_they_are_as_exact_as_prompts() {
    for (kept, cached) in [(Kept::Texts, 32), (Kept::Prompts, 16)] {
        let mut schedule = Schedule::new(Bounds { kept, ..BOUNDS }, 64);
        let context = PrefixContext::new(&[b"base"]);
        let contexts = Some(Contexts { mixed: context, merged: context });
        let ask = |id, prompt| Arrival { id, prompt, max_tokens: 17, wish: Wish::Mixed, contexts };
        schedule.arrive(ask(0, vec![1; 20]));
        while !schedule.is_idle() {
            schedule.admit();
            step(&mut schedule);
        }
        schedule.arrive(ask(1, [vec![1; 20], vec![7; 20]].concat()));
        schedule.admit();
        assert_eq!(schedule.running()[0].cached(), cached, "{kept:?}");
    }
}

/// Something that happens between two steps.
#[derive(Clone, Debug)]
enum Happening {
    Arrives { prompt: usize, max_tokens: usize, adapter: u8, always: bool, shares: bool },
    Cancels(usize),
    Steps(usize),
    BreakEven(Option<u64>),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (1usize..90, 1usize..20, 0u8..4, any::<bool>(), any::<bool>()).prop_map(|(prompt, max_tokens, adapter, always, shares)| {
            Happening::Arrives { prompt, max_tokens, adapter, always: always && adapter == 3, shares }
        }),
        1 => (0usize..40).prop_map(Happening::Cancels),
        4 => (1usize..12).prop_map(Happening::Steps),
        1 => prop_oneof![Just(None), (1u64..200).prop_map(Some)].prop_map(Happening::BreakEven),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_and_goes_every_text_ends_in_time_and_the_memory_is_whole_again(
        happenings in proptest::collection::vec(happening(), 1..60)
    ) {
        let blocks = 12;
        let mut schedule = Schedule::new(BOUNDS, blocks);
        let mut open: Vec<RowId> = Vec::new();
        // Steps since a running text last read or wrote.
        let mut idle: HashMap<RowId, usize> = HashMap::new();
        let mut next = 0;
        let mut steps = |schedule: &mut Schedule, open: &mut Vec<RowId>, count: usize| -> Result<(), TestCaseError> {
            for _ in 0..count {
                schedule.admit();
                let plan = schedule.plan();
                prop_assert!(schedule.is_idle() || !plan.is_empty(), "a step without work");
                prop_assert!(plan.iter().map(|share| share.count).sum::<usize>() <= BOUNDS.step_tokens + BOUNDS.rows);
                prop_assert!(schedule.running().len() <= BOUNDS.rows);
                let lane = schedule.lanes.current().clone();
                prop_assert!(schedule.running().iter().all(|text| text.wish.accepts(&lane)));
                let status = schedule.memory();
                prop_assert_eq!(status.used + status.cached + status.free, blocks);
                for text in schedule.running() {
                    prop_assert!(text.blocks.len() * 16 >= text.horizon());
                    let waited = idle.entry(text.id).or_default();
                    *waited += 1;
                    // The oldest reads half a step at least, and at most three others are older.
                    prop_assert!(*waited <= 3 * (110usize.div_ceil(BOUNDS.step_tokens / 2) + 20) + 1, "{} starves", text.id);
                }
                for share in &plan {
                    idle.insert(schedule.running()[share.text].id, 0);
                }
                let ended = step(schedule);
                open.retain(|id| !ended.contains(id));
            }
            Ok(())
        };
        for happening in happenings {
            match happening {
                Happening::Arrives { prompt, max_tokens, adapter, always, shares } => {
                    let key = AdapterKey::new(&adapter.to_string(), 1.0);
                    let wish = match (adapter, always) {
                        (0, _) => Wish::Mixed,
                        (_, true) => Wish::Merged(key),
                        (_, false) => Wish::Either(key),
                    };
                    let context = |kind: &[u8]| PrefixContext::new(&[kind, &[adapter]]);
                    let contexts = shares.then(|| Contexts { mixed: context(b"mixed"), merged: context(b"merged") });
                    // Prompts begin alike.
                    let prompt: Vec<u32> = (0..prompt as u32).collect();
                    schedule.arrive(Arrival { id: next, prompt, max_tokens, wish, contexts });
                    open.push(next);
                    next += 1;
                }
                Happening::Cancels(which) => {
                    if let Some(id) = open.get(which).copied() {
                        schedule.leave(|other| other == id);
                        open.retain(|other| *other != id);
                    }
                }
                Happening::Steps(count) => steps(&mut schedule, &mut open, count)?,
                Happening::BreakEven(tokens) => schedule.lanes.set_break_even(tokens),
            }
        }
        // No text takes more steps than its own tokens and those of all that came before it.
        let bound: usize = open.len() * 130;
        steps(&mut schedule, &mut open, bound)?;
        prop_assert!(open.is_empty(), "{} requests never ended", open.len());
        prop_assert_eq!(schedule.memory().used, 0);
    }
}
