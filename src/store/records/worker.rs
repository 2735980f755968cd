//! Processes that work jobs off.

use std::collections::BTreeMap;

/// A process that works jobs off, as it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRecord {
    /// Its name, which is also in the jobs that it holds.
    pub name: String,
    /// How many jobs of each kind it runs at once.
    pub slots: BTreeMap<String, u32>,
}
