//! Who waits, who runs, and what each step reads: pure policy, no tensors, no clock.
//!
//! - First come, first served: nobody is passed while it waits.
//! - A text is admitted with all the blocks that it may come to need, so a running text always ends.
//! - Every running text that writes gets its token in every step. Prompts share the rest of a step's budget: the oldest gets at
//!   least half of it, the others what is left, those with the least to read first. So a long prompt stalls nobody,
//!   and nobody is put off for ever.

use super::blocks::{Blocks, BlocksStatus, PrefixContext, Reserve, Table};
use super::lane::{Lane, Lanes, Wish};
use crate::lm::Products;
use std::collections::VecDeque;

/// Names a request.
pub(super) type RowId = u64;

/// What bounds a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Texts that run at once.
    pub(super) rows: usize,
    /// Tokens that one step reads.
    pub(super) step_tokens: usize,
    pub(super) kept: Kept,
}

/// Which keys and values are kept for prompts that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Of prompts and answers: a conversation goes on behind its answers.
    Texts,
    /// Of prompts alone, where an answer's tokens go through other products than a prompt's: read as part of the next
    /// prompt they could differ in the last bit, and an answer would depend on what is cached.
    Prompts,
}

/// A request as policy sees it.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) id: RowId,
    pub(super) prompt: Vec<u32>,
    pub(super) max_tokens: usize,
    pub(super) wish: Wish,
    /// What its cached keys and values depend on, unmerged and merged; none where it may neither use nor fill the cache.
    pub(super) contexts: Option<Contexts>,
}

/// What cached keys and values depend on beside the tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contexts {
    pub(super) mixed: PrefixContext,
    pub(super) merged: PrefixContext,
}

/// A running text.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) id: RowId,
    /// Prompt and answer so far.
    pub(super) tokens: Vec<u32>,
    prompt: usize,
    pub(super) max_tokens: usize,
    /// How many of its tokens have keys and values.
    pub(super) filled: usize,
    pub(super) blocks: Vec<u32>,
    table: Table,
    wish: Wish,
    /// The lane that its cached keys and values are of; none where they are not for others.
    publishes: Option<Lane>,
    /// Whether all its steps were merged ones.
    pub(super) always_merged: bool,
}

/// What one text brings to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Which of the running texts.
    pub(super) text: usize,
    /// How many of its next tokens.
    pub(super) count: usize,
}

/// The queue and the running texts.
#[derive(Debug)]
pub(super) struct Schedule {
    bounds: Bounds,
    waiting: VecDeque<Arrival>,
    running: Vec<Text>,
    blocks: Blocks,
    pub(super) lanes: Lanes,
}

impl Schedule {
    pub(super) fn new(bounds: Bounds, blocks: usize) -> Self {
        Self {
            bounds,
            waiting: VecDeque::new(),
            running: Vec::new(),
            blocks: Blocks::new(blocks),
            lanes: Lanes::new(None),
        }
    }

    pub(super) fn arrive(&mut self, arrival: Arrival) {
        self.waiting.push_back(arrival);
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn running(&self) -> &[Text] {
        &self.running
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    pub(super) fn memory(&self) -> BlocksStatus {
        self.blocks.status()
    }

    /// Takes these requests out, wherever they are; their blocks are free again. Gives how many of them waited.
    pub(super) fn leave(&mut self, gone: impl Fn(RowId) -> bool) -> usize {
        let waiting = self.waiting.len();
        self.waiting.retain(|arrival| !gone(arrival.id));
        let (left, stay) = std::mem::take(&mut self.running).into_iter().partition(|text: &Text| gone(text.id));
        self.running = stay;
        let left: Vec<Text> = left;
        left.into_iter().for_each(|text| self.blocks.release(text.table));
        waiting - self.waiting.len()
    }

    /// Moves what may run from the queue to the running texts; gives their ids.
    pub(super) fn admit(&mut self) -> Vec<RowId> {
        let mut admitted = Vec::new();
        while self.running.len() < self.bounds.rows {
            let Some(next) = self.waiting.front() else { break };
            let running = self.running.iter().map(|text| &text.wish);
            let Some(lane) = self.lanes.for_next(running, &next.wish) else { break };
            let context = next.contexts.map(|contexts| match lane {
                Lane::Mixed => contexts.mixed,
                Lane::Merged(_) => contexts.merged,
            });
            let horizon = next.prompt.len() + next.max_tokens;
            let reserve = Reserve { prompt: &next.prompt, horizon, context };
            let Some(table) = self.blocks.reserve(reserve) else { break };
            let Some(next) = self.waiting.pop_front() else { break };
            self.lanes.enter(lane.clone());
            admitted.push(next.id);
            self.running.push(Text::new(next, table, context.map(|_| lane)));
        }
        let next = self.waiting.front().map(|arrival| &arrival.wish);
        self.lanes.settle(self.running.iter().map(|text| &text.wish), next);
        admitted
    }

    /// What the next step reads: texts that read prompts of many tokens first, and texts of one adapter side by side.
    pub(super) fn plan(&self) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        let mut left = self.bounds.step_tokens;
        let mut reading: Vec<(usize, usize)> = Vec::new();
        for (text, row) in self.running.iter().enumerate() {
            match row.tokens.len() - row.filled {
                0 => {}
                1 if row.filled >= row.prompt => {
                    shares.push(Share { text, count: 1 });
                    left = left.saturating_sub(1);
                }
                rest => reading.push((text, rest)),
            }
        }
        // Running texts stand in the order in which they came.
        if let Some((text, rest)) = reading.first().copied() {
            let alone = reading.len() == 1;
            let count = rest.min(if alone { left } else { left / 2 }).max(1);
            shares.push(Share { text, count });
            left = left.saturating_sub(count);
            let mut others = reading[1..].to_vec();
            others.sort_by_key(|(_, rest)| *rest);
            for (text, rest) in others {
                let count = rest.min(left);
                if count > 0 {
                    shares.push(Share { text, count });
                    left -= count;
                }
            }
            // What the others did not need goes to the oldest.
            let more = (rest - count).min(left);
            if let Some(oldest) = shares.iter_mut().find(|share| share.text == text) {
                oldest.count += more;
            }
        }
        let order = |share: &Share| {
            let text = &self.running[share.text];
            (text.products() != Products::WrittenOut, text.wish.order().map(str::to_owned), text.id)
        };
        shares.sort_by_cached_key(order);
        shares
    }

    /// Counts what a step has read.
    pub(super) fn ran(&mut self, shares: &[Share]) {
        let tokens = shares.iter().map(|share| share.count as u64).sum();
        self.lanes.ran(self.running.iter().map(|text| &text.wish), tokens);
        let lane = self.lanes.current().clone();
        for Share { text, count } in shares {
            let text = &mut self.running[*text];
            text.filled += count;
            text.always_merged &= lane != Lane::Mixed;
            if text.publishes.as_ref() == Some(&lane) {
                let kept = match self.bounds.kept {
                    Kept::Texts => text.filled,
                    Kept::Prompts => text.filled.min(text.prompt),
                };
                self.blocks.filled(&mut text.table, &text.tokens[..kept]);
            } else {
                // Its keys and values are partly of another lane.
                text.publishes = None;
            }
        }
    }

    /// Adds the token that a text has written.
    pub(super) fn wrote(&mut self, text: usize, token: u32) {
        self.running[text].tokens.push(token);
    }
}

impl Text {
    fn new(arrival: Arrival, table: Table, publishes: Option<Lane>) -> Self {
        let filled = table.cached_tokens();
        let blocks = table.blocks().iter().map(|block| block.0).collect();
        let Arrival { id, prompt, max_tokens, wish, .. } = arrival;
        let length = prompt.len();
        Self {
            id,
            tokens: prompt,
            prompt: length,
            max_tokens,
            filled,
            blocks,
            table,
            wish,
            publishes,
            always_merged: true,
        }
    }

    /// Tokens of its prompt whose keys and values were there already.
    pub(super) fn cached(&self) -> usize {
        self.table.cached_tokens()
    }

    /// Prompt and the longest answer.
    pub(super) fn horizon(&self) -> usize {
        self.prompt + self.max_tokens
    }

    /// How its next tokens meet weights in blocks: by the text alone.
    pub(super) fn products(&self) -> Products {
        if self.filled < self.prompt { Products::of_prompt(self.prompt) } else { Products::Blocks }
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
