//! Merged or not: which rows may run beside each other, and when one adapter has paid for being merged. Pure policy.

/// An adapter at a scale.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AdapterKey {
    /// The adapter's id.
    pub(super) id: String,
    /// The factor of its update, as bits.
    scale: u64,
}

impl AdapterKey {
    pub(super) fn new(id: &str, scale: f64) -> Self {
        Self { id: id.to_owned(), scale: scale.to_bits() }
    }

    pub(super) fn scale(&self) -> f64 {
        f64::from_bits(self.scale)
    }
}

/// What all rows of a batch have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Adapters beside the weights, any of them.
    Mixed,
    /// One adapter in the weights.
    Merged(AdapterKey),
}

/// Which lanes a row can run in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// The mixed one: no adapter, or one that is never merged.
    Mixed,
    /// The mixed one, or its adapter's own.
    Either(AdapterKey),
    /// Its adapter's own.
    Merged(AdapterKey),
}

impl Wish {
    pub(super) fn accepts(&self, lane: &Lane) -> bool {
        match (self, lane) {
            (Self::Mixed | Self::Either(_), Lane::Mixed) => true,
            (Self::Either(own) | Self::Merged(own), Lane::Merged(key)) => own == key,
            _ => false,
        }
    }

    /// Puts rows of one adapter side by side.
    pub(super) fn order(&self) -> Option<&str> {
        self.adapter().map(|key| key.id.as_str())
    }

    fn adapter(&self) -> Option<&AdapterKey> {
        match self {
            Self::Mixed => None,
            Self::Either(key) | Self::Merged(key) => Some(key),
        }
    }
}

/// The running lane, and how long one adapter has had the engine to itself.
#[derive(Debug)]
pub(super) struct Lanes {
    current: Lane,
    /// Tokens after which merging has paid for itself; none where nothing is merged unasked.
    break_even: Option<u64>,
    alone: Option<(AdapterKey, u64)>,
}

impl Lanes {
    pub(super) fn new(break_even: Option<u64>) -> Self {
        Self { current: Lane::Mixed, break_even, alone: None }
    }

    pub(super) fn current(&self) -> &Lane {
        &self.current
    }

    /// Takes a newly measured break-even.
    pub(super) fn set_break_even(&mut self, tokens: Option<u64>) {
        self.break_even = tokens;
    }

    /// The lane in which `next` may join the running rows: the current one, or another that all of them accept.
    pub(super) fn for_next<'a>(&self, mut running: impl Iterator<Item = &'a Wish>, next: &Wish) -> Option<Lane> {
        if next.accepts(&self.current) {
            return Some(self.current.clone());
        }
        let lane = match next {
            Wish::Merged(key) => Lane::Merged(key.clone()),
            Wish::Mixed | Wish::Either(_) => Lane::Mixed,
        };
        running.all(|wish| wish.accepts(&lane)).then_some(lane)
    }

    /// Goes over to a lane that [`Self::for_next`] gave.
    pub(super) fn enter(&mut self, lane: Lane) {
        self.current = lane;
    }

    /// Merges the adapter that all running rows have, where it has paid for it; `next` waits.
    pub(super) fn settle<'a>(&mut self, mut running: impl Iterator<Item = &'a Wish>, next: Option<&Wish>) {
        let (Lane::Mixed, Some(break_even), Some((key, tokens))) = (&self.current, self.break_even, &self.alone) else {
            return;
        };
        let lane = Lane::Merged(key.clone());
        if *tokens >= break_even
            && running.all(|wish| wish.accepts(&lane))
            && next.is_none_or(|next| next.accepts(&lane))
        {
            self.current = lane;
        }
    }

    /// Leaves a lane whose weights could not be made, and does not come back to it unasked before it has paid anew.
    pub(super) fn give_up(&mut self) {
        self.current = Lane::Mixed;
        self.alone = None;
    }

    /// Counts the tokens of a step.
    pub(super) fn ran<'a>(&mut self, mut rows: impl Iterator<Item = &'a Wish>, tokens: u64) {
        let Some(first) = rows.next() else { return };
        let key = first.adapter().filter(|key| rows.all(|wish| wish.adapter() == Some(*key)));
        self.alone = match (key, self.alone.take()) {
            (Some(key), Some((held, before))) if held == *key => Some((held, before + tokens)),
            (Some(key), _) => Some((key.clone(), tokens)),
            (None, _) => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> AdapterKey {
        AdapterKey::new(id, 1.0)
    }

    fn auto(id: &str) -> Wish {
        Wish::Either(key(id))
    }

    #[test]
    fn an_adapter_is_merged_once_it_has_paid_for_it() {
        let mut lanes = Lanes::new(Some(100));
        let running = [auto("a"), auto("a")];
        lanes.ran(running.iter(), 99);
        lanes.settle(running.iter(), None);
        assert_eq!(*lanes.current(), Lane::Mixed);
        lanes.ran(running.iter(), 1);
        lanes.settle(running.iter(), Some(&auto("b")));
        assert_eq!(*lanes.current(), Lane::Mixed, "another adapter waits");
        lanes.settle(running.iter(), None);
        assert_eq!(*lanes.current(), Lane::Merged(key("a")));
    }

    #[test]
    fn another_adapter_unmerges_at_once_and_starts_the_count_anew() {
        let mut lanes = Lanes::new(Some(10));
        lanes.ran([auto("a")].iter(), 10);
        lanes.settle([auto("a")].iter(), None);
        let lane = lanes.for_next([auto("a")].iter(), &auto("b")).expect("a lane");
        lanes.enter(lane);
        assert_eq!(*lanes.current(), Lane::Mixed);
        lanes.ran([auto("a"), auto("b")].iter(), 2);
        lanes.settle([auto("a")].iter(), None);
        assert_eq!(*lanes.current(), Lane::Mixed);
    }

    #[test]
    fn a_row_that_must_be_merged_waits_for_rows_that_must_not_be() {
        let mut lanes = Lanes::new(None);
        let merged = Wish::Merged(key("a"));
        assert_eq!(lanes.for_next([Wish::Mixed].iter(), &merged), None);
        assert_eq!(lanes.for_next([auto("b")].iter(), &merged), None);
        let along = lanes.for_next([auto("a")].iter(), &merged);
        assert_eq!(along, Some(Lane::Merged(key("a"))), "rows that leave it to the engine come along");
        lanes.enter(along.expect("a lane"));
        assert_eq!(lanes.for_next([merged.clone()].iter(), &Wish::Mixed), None);
        assert_eq!(lanes.for_next(std::iter::empty(), &Wish::Mixed), Some(Lane::Mixed));
    }

    #[test]
    fn one_adapter_at_two_scales_is_two() {
        let mut lanes = Lanes::new(Some(1));
        let rows = [auto("a"), Wish::Either(AdapterKey::new("a", 0.5))];
        lanes.ran(rows.iter(), 5);
        lanes.settle(rows.iter(), None);
        assert_eq!(*lanes.current(), Lane::Mixed);
    }

    #[test]
    fn nothing_is_merged_unasked_where_nothing_was_measured() {
        let mut lanes = Lanes::new(None);
        lanes.ran([auto("a")].iter(), 1_000_000);
        lanes.settle([auto("a")].iter(), None);
        assert_eq!(*lanes.current(), Lane::Mixed);
    }
}
