use super::*;

fn context(name: &str) -> PrefixContext {
    PrefixContext::new(&[name.as_bytes()])
}

/// `count` tokens, the same ones each time.
fn text(count: usize) -> Vec<u32> {
    (0..count as u32).collect()
}

fn reserve(blocks: &mut Blocks, prompt: &[u32], horizon: usize) -> Option<Table> {
    blocks.reserve(Reserve { prompt, horizon, context: Some(context("a")) })
}

/// Runs a text from its beginning to its end.
fn run(blocks: &mut Blocks, text: &[u32]) {
    let mut table = reserve(blocks, text, text.len()).unwrap();
    blocks.filled(&mut table, text);
    blocks.release(table);
}

fn ids(table: &Table) -> Vec<u32> {
    table.blocks().iter().map(|block| block.0).collect()
}

/// Used, cached and free blocks.
fn counts(blocks: &Blocks) -> (usize, usize, usize) {
    let BlocksStatus { used, cached, free, .. } = blocks.status();
    (used, cached, free)
}

#[test]
fn a_text_gets_all_the_blocks_that_its_longest_answer_needs() {
    let mut blocks = Blocks::new(8);
    let table = reserve(&mut blocks, &text(10), 33).unwrap();
    assert_eq!(ids(&table), [0, 1, 2]);
    assert_eq!(counts(&blocks), (3, 0, 5));
    blocks.release(table);
    assert_eq!(counts(&blocks), (0, 0, 8));
}

#[test]
fn what_does_not_fit_now_changes_nothing() {
    let mut blocks = Blocks::new(4);
    run(&mut blocks, &text(32));
    let table = reserve(&mut blocks, &[7; 20], 20).unwrap();
    let before = blocks.status();
    assert!(reserve(&mut blocks, &text(40), 80).is_none(), "five blocks, of which one is cached and can be shared");
    assert!(reserve(&mut blocks, &text(40), usize::MAX).is_none());
    assert_eq!(blocks.status(), before);
    blocks.release(table);
    let table = reserve(&mut blocks, &text(40), 64).unwrap();
    assert_eq!(table.cached_tokens(), 32, "the cached blocks are as they were");
    blocks.release(table);
}

#[test]
fn what_can_never_fit_is_known_beforehand() {
    let blocks = Blocks::new(4);
    assert!(blocks.fits(0) && blocks.fits(64));
    assert!(!blocks.fits(65) && !blocks.fits(usize::MAX));
}

#[test]
fn a_prompt_longer_than_its_horizon_still_gets_its_blocks() {
    let mut blocks = Blocks::new(4);
    run(&mut blocks, &text(40));
    let table = reserve(&mut blocks, &text(40), 0).unwrap();
    assert_eq!((ids(&table).len(), table.cached_tokens()), (3, 32));
    blocks.release(table);
}

#[test]
fn an_empty_text_needs_no_block() {
    let mut blocks = Blocks::new(0);
    let mut table = reserve(&mut blocks, &[], 0).unwrap();
    blocks.filled(&mut table, &[]);
    blocks.filled(&mut table, &text(100));
    blocks.release(table);
    assert_eq!(counts(&blocks), (0, 0, 0));
}

#[test]
fn texts_that_begin_alike_share_the_full_blocks_of_their_beginning() {
    let mut blocks = Blocks::new(8);
    let mut first = reserve(&mut blocks, &text(40), 48).unwrap();
    blocks.filled(&mut first, &text(40));
    let second = reserve(&mut blocks, &[text(33), vec![99; 20]].concat(), 64).unwrap();
    assert_eq!(second.cached_tokens(), 32, "the block of tokens 32 to 47 is neither full nor equal");
    assert_eq!(ids(&second)[..2], ids(&first)[..2]);
    assert!(!ids(&first).contains(&ids(&second)[2]));
    assert_eq!(counts(&blocks), (5, 0, 3));
    blocks.release(first);
    assert_eq!(counts(&blocks), (4, 0, 4), "the shared ones are still used");
    blocks.release(second);
    assert_eq!(counts(&blocks), (0, 2, 6));
}

#[test]
fn the_last_token_of_a_prompt_is_always_left_to_compute() {
    let mut blocks = Blocks::new(8);
    run(&mut blocks, &text(32));
    for (prompt, cached) in [(32, 16), (33, 32), (17, 16), (16, 0), (1, 0)] {
        let table = reserve(&mut blocks, &text(prompt), 33).unwrap();
        assert_eq!(table.cached_tokens(), cached, "{prompt} tokens");
        blocks.release(table);
    }
}

#[test]
fn nothing_is_found_in_another_context_or_without_one() {
    let mut blocks = Blocks::new(8);
    run(&mut blocks, &text(32));
    for other in [Some(context("b")), None] {
        let table = blocks.reserve(Reserve { prompt: &text(32), horizon: 32, context: other }).unwrap();
        assert_eq!(table.cached_tokens(), 0);
        blocks.release(table);
    }
}

#[test]
fn a_text_without_a_context_fills_no_cache() {
    let mut blocks = Blocks::new(8);
    let mut table = blocks.reserve(Reserve { prompt: &text(32), horizon: 32, context: None }).unwrap();
    blocks.filled(&mut table, &text(32));
    blocks.release(table);
    assert_eq!(counts(&blocks), (0, 0, 8));
}

#[test]
fn an_answer_is_found_by_the_prompt_that_carries_it_on() {
    let mut blocks = Blocks::new(8);
    let mut table = reserve(&mut blocks, &text(10), 60).unwrap();
    for written in 10..=50 {
        blocks.filled(&mut table, &text(written));
    }
    blocks.release(table);
    let table = reserve(&mut blocks, &text(60), 80).unwrap();
    assert_eq!(table.cached_tokens(), 48);
    blocks.release(table);
}

#[test]
fn only_what_was_told_as_filled_is_found() {
    let mut blocks = Blocks::new(8);
    let mut table = reserve(&mut blocks, &text(64), 64).unwrap();
    blocks.filled(&mut table, &text(31));
    let other = reserve(&mut blocks, &text(64), 64).unwrap();
    assert_eq!(other.cached_tokens(), 16);
    blocks.release(table);
    blocks.release(other);
}

#[test]
fn of_two_texts_that_compute_the_same_the_first_is_found_and_the_other_keeps_its_own() {
    let mut blocks = Blocks::new(8);
    let mut first = reserve(&mut blocks, &text(40), 40).unwrap();
    let mut second = reserve(&mut blocks, &text(40), 40).unwrap();
    blocks.filled(&mut second, &text(20));
    blocks.filled(&mut first, &text(40));
    blocks.filled(&mut second, &text(40));
    let third = reserve(&mut blocks, &text(40), 40).unwrap();
    assert_eq!(ids(&third)[..2], [ids(&second)[0], ids(&first)[1]]);
    [first, second, third].into_iter().for_each(|table| blocks.release(table));
    assert_eq!(counts(&blocks), (0, 2, 6), "the doubles are free");
}

#[test]
fn free_blocks_go_before_cached_ones_and_the_least_recently_used_before_others() {
    let mut blocks = Blocks::new(6);
    let [old, new]: [Vec<u32>; 2] = [text(32), vec![1; 32]];
    run(&mut blocks, &old);
    run(&mut blocks, &new);
    assert_eq!(counts(&blocks), (0, 4, 2));
    let table = blocks.reserve(Reserve { prompt: &[5; 3], horizon: 32, context: None }).unwrap();
    assert_eq!(counts(&blocks), (2, 4, 0), "free ones first");
    blocks.release(table);
    let table = blocks.reserve(Reserve { prompt: &[5; 3], horizon: 64, context: None }).unwrap();
    blocks.release(table);
    let mut cached = |text: &[u32]| {
        let table = reserve(&mut blocks, &[text, &[0]].concat(), 33).unwrap();
        let cached = table.cached_tokens();
        blocks.release(table);
        cached
    };
    assert_eq!((cached(&new), cached(&old)), (32, 0));
}

#[test]
fn the_end_of_a_cached_text_goes_before_its_beginning() {
    let mut blocks = Blocks::new(4);
    run(&mut blocks, &text(64));
    let table = blocks.reserve(Reserve { prompt: &[5; 3], horizon: 16, context: None }).unwrap();
    blocks.release(table);
    let table = reserve(&mut blocks, &[text(64), vec![0]].concat(), 65);
    assert!(table.is_none(), "five blocks of four");
    let table = reserve(&mut blocks, &text(64), 64).unwrap();
    assert_eq!(table.cached_tokens(), 48);
    blocks.release(table);
}

#[test]
fn a_beginning_that_is_used_again_outlasts_its_old_end() {
    let mut blocks = Blocks::new(6);
    run(&mut blocks, &text(64));
    run(&mut blocks, &[text(32), vec![9; 32]].concat());
    assert_eq!(counts(&blocks), (0, 6, 0));
    let table = blocks.reserve(Reserve { prompt: &[5; 3], horizon: 32, context: None }).unwrap();
    blocks.release(table);
    let table = reserve(&mut blocks, &[text(32), vec![9; 33]].concat(), 65).unwrap();
    assert_eq!(table.cached_tokens(), 64, "the old text's end was given up");
    blocks.release(table);
}
