//! The model's part of a step: weights, merged or not, and the memory of keys and values.

use super::Error;
use super::lane::{AdapterKey, Lane};
use super::residency::Lease;
use super::schedule::{Share, Text};
use crate::lm::{KvMemory, Model, StepAdapter, StepRow};

/// The base, the merged overlay where there is one, and the memory.
pub(super) struct Batch {
    base: Model,
    memory: KvMemory,
    overlay: Option<Overlay>,
    /// Bytes that an overlay may take.
    overlay_budget: u64,
}

/// The base with one adapter in its weights; what the adapter does not touch is shared with the base.
struct Overlay {
    key: AdapterKey,
    model: Model,
}

/// A text of a step, and its adapter.
pub(super) struct StepText<'a> {
    pub(super) text: &'a Text,
    pub(super) count: usize,
    pub(super) adapter: Option<(&'a Lease<StepAdapter>, f64)>,
}

impl Batch {
    pub(super) fn new(base: Model, memory: KvMemory, overlay_budget: u64) -> Self {
        Self { base, memory, overlay: None, overlay_budget }
    }

    /// Names how a text of this horizon is turned.
    pub(super) fn turning(&self, horizon: usize) -> String {
        self.base.turning(horizon)
    }

    /// Makes the lane's weights: builds the overlay, or drops it. Nothing is ever subtracted.
    pub(super) fn enter(&mut self, lane: &Lane, adapter: Option<&Lease<StepAdapter>>) -> Result<(), Error> {
        let key = match (lane, &self.overlay) {
            (Lane::Mixed, _) => {
                self.overlay = None;
                return Ok(());
            }
            (Lane::Merged(key), Some(overlay)) if overlay.key == *key => return Ok(()),
            (Lane::Merged(key), _) => key,
        };
        // The old one goes before the new one comes: never two.
        self.overlay = None;
        let refused = |reason: String| Error::Unmergeable { reason };
        let adapter = adapter.ok_or_else(|| refused("the adapter has left".into()))?;
        let bytes = self.base.merged_bytes(adapter);
        if bytes > self.overlay_budget {
            let (needed, budget) = (bytes.div_ceil(1 << 20), self.overlay_budget >> 20);
            return Err(refused(format!(
                "the merged weights take {needed} MiB of the {budget} that --merge-mib allows"
            )));
        }
        let model = self.base.merged(adapter, key.scale()).map_err(|e| refused(e.to_string()))?;
        self.overlay = Some(Overlay { key: key.clone(), model });
        Ok(())
    }

    /// Reads the texts' next tokens; gives the logits of those that have none left to read, `[W, V]` row by row, in their
    /// order.
    pub(super) fn forward(&mut self, texts: &[StepText<'_>]) -> Result<Vec<f32>, crate::lm::Error> {
        let merged = self.overlay.as_ref();
        let model = merged.map_or(&self.base, |overlay| &overlay.model);
        let rows: Vec<StepRow<'_>> = texts
            .iter()
            .map(|StepText { text, count, adapter }| StepRow {
                tokens: &text.tokens[text.filled..text.filled + count],
                start: text.filled,
                horizon: text.horizon(),
                blocks: &text.blocks,
                adapter: adapter.filter(|_| merged.is_none()).map(|(adapter, scale)| (&**adapter, scale as f32)),
                products: text.products(),
                wanted: text.filled + count == text.tokens.len(),
            })
            .collect();
        let wanted = rows.iter().any(|row| row.wanted);
        let hidden = model.step(&rows, &mut self.memory)?;
        if !wanted {
            return Ok(Vec::new());
        }
        model.step_logits(&hidden)
    }
}

/// The texts of a plan.
pub(super) fn step_texts<'a>(
    shares: &[Share],
    running: &'a [Text],
    adapter: impl Fn(&Text) -> Option<(&'a Lease<StepAdapter>, f64)>,
) -> Vec<StepText<'a>> {
    shares
        .iter()
        .map(|Share { text, count }| {
            let text = &running[*text];
            StepText { text, count: *count, adapter: adapter(text) }
        })
        .collect()
}
