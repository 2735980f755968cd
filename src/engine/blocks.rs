//! Who holds which block of the key/value memory: pure policy, no tensors.
//!
//! A text reserves all the blocks that it may come to need before it runs. Texts that begin alike, in the same context,
//! share the full blocks of their beginning. A block is
//! - used: in at least one table; in several only where it is full and their texts are equal up to its end;
//! - cached: in no table, but its keys and values can be found by a text that begins like it;
//! - free: neither.
//!
//! A block's content is written only by the one table that took it, before it can be found; it never changes as long as
//! it can be found. Two texts that compute the same beginning at the same time each keep their own blocks; those filled
//! first are the ones that are found.

mod prefix;

use super::idle::{Idle, Place};
pub(crate) use prefix::PrefixContext;
use prefix::{Chain, PrefixKey};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Tokens whose keys and values one block holds.
pub(crate) const BLOCK_TOKENS: usize = crate::lm::KvMemory::BLOCK_TOKENS;

/// Names a block: its place in the memory, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

/// What a text asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reserve<'a> {
    pub(crate) prompt: &'a [u32],
    /// Tokens of the prompt and the longest answer.
    pub(crate) horizon: usize,
    /// None where the text may neither use nor fill the cache.
    pub(crate) context: Option<PrefixContext>,
}

/// The blocks that a text holds, in the order of its tokens. It goes back by [`Blocks::release`], once.
#[derive(Debug)]
#[must_use = "the blocks of a dropped table are lost: give it to `Blocks::release`"]
pub(crate) struct Table {
    blocks: Vec<BlockId>,
    cached_tokens: usize,
    /// How far its blocks are named; none where they are not for others.
    chain: Option<Chain>,
}

impl Table {
    /// Block i holds the tokens from `i · BLOCK_TOKENS` on.
    pub(crate) fn blocks(&self) -> &[BlockId] {
        &self.blocks
    }

    /// Tokens of the prompt whose keys and values were there already: whole blocks, and never all of the prompt.
    pub(crate) fn cached_tokens(&self) -> usize {
        self.cached_tokens
    }
}

/// How many blocks are in which state; the last three add up to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlocksStatus {
    pub(crate) total: usize,
    /// In a table.
    pub(crate) used: usize,
    /// In no table, but findable.
    pub(crate) cached: usize,
    pub(crate) free: usize,
}

/// The blocks of one memory. Its tables are given back to it and to no other.
#[derive(Debug)]
pub(crate) struct Blocks {
    slots: Vec<Slot>,
    /// The last is taken first, so that memory written before is written again before new pages are touched.
    free: Vec<BlockId>,
    found: BTreeMap<PrefixKey, BlockId>,
    /// Cached blocks, least recently used first.
    idle: Idle<BlockId>,
}

/// The state of a block.
#[derive(Debug, Default)]
struct Slot {
    /// Tables that hold it.
    tables: usize,
    /// By what its content is found.
    key: Option<PrefixKey>,
    /// Its place among the cached blocks.
    place: Option<Place>,
}

impl Blocks {
    /// `total` free blocks.
    pub(crate) fn new(total: usize) -> Self {
        let ids = 0..u32::try_from(total).unwrap_or(u32::MAX);
        let slots = ids.clone().map(|_| Slot::default()).collect();
        Self { slots, free: ids.rev().map(BlockId).collect(), found: BTreeMap::new(), idle: Idle::new() }
    }

    /// Reserves all blocks that a text may come to need: first those of the longest cached beginning of its prompt, then
    /// free ones, then cached ones, least recently used first. At least the prompt's last token is left to compute, as
    /// its logits are wanted. None, and nothing has changed, where there are not enough blocks now.
    pub(crate) fn reserve(&mut self, request: Reserve<'_>) -> Option<Table> {
        let Reserve { prompt, horizon, context } = request;
        let mut chain = context.map(Chain::new);
        let mut blocks = chain.as_mut().map(|chain| self.cached(prompt, chain)).unwrap_or_default();
        let needed = horizon.max(prompt.len()).div_ceil(BLOCK_TOKENS) - blocks.len();
        let at_rest = blocks.iter().filter(|block| self.slot(**block).place.is_some()).count();
        if needed > self.free.len() + self.idle.len() - at_rest {
            return None;
        }
        let cached_tokens = blocks.len() * BLOCK_TOKENS;
        // The shared ones are held first: they must not be taken for their content to be dropped.
        blocks.iter().for_each(|block| self.hold(*block));
        for _ in 0..needed {
            blocks.extend(self.take());
        }
        Some(Table { blocks, cached_tokens, chain })
    }

    /// Tells that the table now holds the keys and values of all tokens of `text`, which begins with what was told before:
    /// its full blocks can be found by others. Costs as much as there are new full blocks.
    pub(crate) fn filled(&mut self, table: &mut Table, text: &[u32]) {
        let Some(chain) = &mut table.chain else { return };
        while let Some(block) = table.blocks.get(chain.blocks()).copied() {
            let Some(next) = chain.next(text) else { return };
            if let Entry::Vacant(place) = self.found.entry(next.key()) {
                place.insert(block);
                self.slot_mut(block).key = Some(next.key());
            }
            *chain = next;
        }
    }

    /// Gives the table's blocks back. Those that can be found stay cached until the memory is needed, a text's end going
    /// before its beginning: without the beginning the end is not found.
    pub(crate) fn release(&mut self, table: Table) {
        for block in table.blocks.into_iter().rev() {
            let slot = self.slot_mut(block);
            slot.tables -= 1;
            match (slot.tables, slot.key) {
                (0, Some(_)) => {
                    let place = self.idle.push(block);
                    self.slot_mut(block).place = Some(place);
                }
                (0, None) => self.free.push(block),
                _ => {}
            }
        }
    }

    /// Whether a text of this horizon, in tokens, could ever run.
    #[cfg(test)]
    pub(crate) fn fits(&self, horizon: usize) -> bool {
        horizon.div_ceil(BLOCK_TOKENS) <= self.slots.len()
    }

    pub(crate) fn status(&self) -> BlocksStatus {
        let (total, cached, free) = (self.slots.len(), self.idle.len(), self.free.len());
        BlocksStatus { total, used: total - cached - free, cached, free }
    }

    /// The blocks of the longest beginning of the prompt that can be found, less its last token; the chain follows it.
    fn cached(&self, prompt: &[u32], chain: &mut Chain) -> Vec<BlockId> {
        let mut blocks = Vec::new();
        let readable = &prompt[..prompt.len().saturating_sub(1)];
        while let Some(next) = chain.next(readable) {
            let Some(block) = self.found.get(&next.key()) else { break };
            blocks.push(*block);
            *chain = next;
        }
        blocks
    }

    /// One more table holds a block whose content it keeps.
    fn hold(&mut self, block: BlockId) {
        let slot = self.slot_mut(block);
        slot.tables += 1;
        if let Some(place) = slot.place.take() {
            self.idle.take(place);
        }
    }

    /// A block for a table alone: a free one, or the cached one that has rested longest, whose content is given up.
    fn take(&mut self) -> Option<BlockId> {
        let block = self.free.pop().or_else(|| self.idle.pop_oldest())?;
        self.unname(block);
        let slot = self.slot_mut(block);
        slot.place = None;
        slot.tables = 1;
        Some(block)
    }

    /// Its content is not found any more.
    fn unname(&mut self, block: BlockId) {
        if let Some(key) = self.slot_mut(block).key.take() {
            self.found.remove(&key);
        }
    }

    fn slot(&self, block: BlockId) -> &Slot {
        &self.slots[block.0 as usize]
    }

    fn slot_mut(&mut self, block: BlockId) -> &mut Slot {
        &mut self.slots[block.0 as usize]
    }
}

#[cfg(test)]
#[path = "blocks_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "blocks_properties.rs"]
mod properties;
