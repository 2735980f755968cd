//! What holds whatever happens to a few blocks.

use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

const TOTAL: usize = 10;

#[derive(Clone, Debug)]
enum Happening {
    Arrives { prompt: Vec<u32>, answer: usize, context: Option<u8> },
    Computes { text: usize, tokens: usize },
    Ends { text: usize },
}

/// A running text of the model.
struct Running {
    table: Table,
    context: Option<PrefixContext>,
    prompt: usize,
    /// Its tokens up to its horizon.
    tokens: Vec<u32>,
    filled: usize,
}

/// Beside the blocks: what was last written into each, as the context and all tokens up to there.
struct World {
    blocks: Blocks,
    running: Vec<Running>,
    memory: HashMap<BlockId, (Option<PrefixContext>, Vec<u32>)>,
}

fn context(number: u8) -> PrefixContext {
    PrefixContext::new(&[&[number]])
}

/// Prompts that often begin alike: whole blocks of few kinds, then a rest.
fn prompt() -> impl Strategy<Value = Vec<u32>> {
    let whole = proptest::collection::vec(0..3u32, 0..4);
    (whole, 0..3u32, 0..BLOCK_TOKENS).prop_map(|(whole, kind, rest)| {
        let mut tokens: Vec<u32> = whole.into_iter().flat_map(|kind| [kind; BLOCK_TOKENS]).collect();
        tokens.extend(std::iter::repeat_n(kind, rest));
        tokens
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (prompt(), 0..40usize, proptest::option::weighted(0.9, 0..2u8))
            .prop_map(|(prompt, answer, context)| Happening::Arrives { prompt, answer, context }),
        6 => (0..8usize, 1..40usize).prop_map(|(text, tokens)| Happening::Computes { text, tokens }),
        3 => (0..8usize).prop_map(|text| Happening::Ends { text }),
    ]
}

impl World {
    fn new() -> Self {
        Self { blocks: Blocks::new(TOTAL), running: Vec::new(), memory: HashMap::new() }
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Arrives { prompt, answer, context: number } => self.arrives(prompt, answer, number.map(context)),
            Happening::Computes { text, tokens } if text < self.running.len() => self.computes(text, tokens),
            Happening::Ends { text } if text < self.running.len() => {
                let ended = self.running.remove(text);
                self.blocks.release(ended.table);
            }
            Happening::Computes { .. } | Happening::Ends { .. } => {}
        }
        self.check();
    }

    fn arrives(&mut self, prompt: Vec<u32>, answer: usize, context: Option<PrefixContext>) {
        let horizon = prompt.len() + answer;
        let before = self.blocks.status();
        let Some(table) = self.blocks.reserve(Reserve { prompt: &prompt, horizon, context }) else {
            assert_eq!(self.blocks.status(), before, "nothing has changed");
            assert!(horizon.div_ceil(BLOCK_TOKENS) > before.free + before.cached, "it would have fitted");
            return;
        };
        assert!(self.blocks.fits(horizon));
        assert_eq!(table.blocks().len(), horizon.div_ceil(BLOCK_TOKENS));
        let cached = table.cached_tokens();
        assert!(cached == 0 || cached < prompt.len());
        assert_eq!(cached % BLOCK_TOKENS, 0);
        for (block, end) in table.blocks().iter().zip((BLOCK_TOKENS..=cached).step_by(BLOCK_TOKENS)) {
            assert_eq!(
                self.memory.get(block),
                Some(&(context, prompt[..end].to_vec())),
                "what was found is what was asked"
            );
        }
        let length = prompt.len();
        let mut tokens = prompt;
        tokens.resize(horizon, 1);
        self.running.push(Running { table, context, prompt: length, tokens, filled: cached });
    }

    fn computes(&mut self, text: usize, tokens: usize) {
        let Running { table, context, tokens: all, filled, .. } = &mut self.running[text];
        let end = (*filled + tokens).min(all.len());
        for token in *filled..end {
            let block = table.blocks()[token / BLOCK_TOKENS];
            self.memory.insert(block, (*context, all[..=token].to_vec()));
        }
        *filled = end;
        self.blocks.filled(table, &all[..end]);
    }

    fn check(&self) {
        let status = self.blocks.status();
        assert_eq!(status.total, TOTAL);
        assert_eq!(status.used + status.cached + status.free, TOTAL);
        let used: HashSet<BlockId> = self.running.iter().flat_map(|text| text.table.blocks()).copied().collect();
        assert_eq!(status.used, used.len());
        let mut holders: HashMap<BlockId, (Option<PrefixContext>, &[u32])> = HashMap::new();
        for text in &self.running {
            for (i, block) in text.table.blocks().iter().enumerate() {
                let end = (i + 1) * BLOCK_TOKENS;
                let readable = end <= text.filled;
                let begins = (text.context, &text.tokens[..end.min(text.tokens.len())]);
                if let Some(other) = holders.insert(*block, begins) {
                    assert!(readable && text.context.is_some() && other == begins, "shared by unequal texts");
                }
                if readable {
                    assert_eq!(self.memory[block], (text.context, begins.1.to_vec()), "overwritten while in use");
                }
            }
            assert!(text.table.cached_tokens() == 0 || text.table.cached_tokens() < text.prompt);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn blocks_are_shared_only_by_texts_that_begin_alike_and_none_is_ever_lost(
        happenings in proptest::collection::vec(happening(), 1..80)
    ) {
        let mut world = World::new();
        happenings.into_iter().for_each(|happening| world.happens(happening));
        while !world.running.is_empty() {
            world.happens(Happening::Ends { text: 0 });
        }
        let status = world.blocks.status();
        prop_assert_eq!(status.free + status.cached, TOTAL);
        let all = world.blocks.reserve(Reserve { prompt: &[9], horizon: TOTAL * BLOCK_TOKENS, context: None });
        let distinct: HashSet<BlockId> = all.iter().flat_map(Table::blocks).copied().collect();
        prop_assert_eq!(distinct.len(), TOTAL);
        prop_assert!(world.blocks.found.is_empty());
    }

    #[test]
    fn while_nothing_has_to_go_the_longest_common_beginning_is_found(
        texts in proptest::collection::vec((prompt(), 0..2u8), 1..20)
    ) {
        let mut blocks = Blocks::new(200);
        let mut before: Vec<(Vec<u32>, u8)> = Vec::new();
        for (text, number) in texts {
            let alike = |other: &[u32]| text.iter().zip(other).take_while(|(a, b)| a == b).count();
            let longest = before.iter().filter(|(_, other)| *other == number).map(|(other, _)| alike(other)).max();
            let expected = longest.unwrap_or(0).min(text.len().saturating_sub(1)) / BLOCK_TOKENS * BLOCK_TOKENS;
            let reserve = Reserve { prompt: &text, horizon: text.len() + 4, context: Some(context(number)) };
            let mut table = blocks.reserve(reserve).unwrap();
            prop_assert_eq!(table.cached_tokens(), expected);
            blocks.filled(&mut table, &text);
            blocks.release(table);
            before.push((text, number));
        }
    }
}
