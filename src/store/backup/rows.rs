//! Rows on their way between a database and a file: JSON objects by the names of their columns, a line each.

use serde::Deserialize;
use serde_json::{Map, Value};

/// All tables, each behind those that its rows refer to. A new table needs a line here, or backups would leave it out; a
/// test holds this against the databases.
pub const TABLES: [&str; 10] = [
    "adapters",
    "adapter_owners",
    "import_keys",
    "tasks",
    "task_examples",
    "generators",
    "jobs",
    "job_events",
    "api_keys",
    "key_usage",
];

/// Tables that no backup holds: who works at this moment.
#[cfg(test)]
pub(in crate::store) const PASSING: [&str; 1] = ["workers"];

/// The tables whose rows name an artifact, in the column `digest`.
const NAMING: [&str; 2] = ["adapters", "generators"];

/// The bytes from which on a batch is sent.
const FULL_BYTES: usize = 1 << 20;

/// Some rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowBatch {
    table: &'static str,
    rows: u64,
    lines: Vec<u8>,
}

impl RowBatch {
    /// No rows of this table, which is one of [`TABLES`].
    pub fn new(table: &'static str) -> Self {
        Self { table, rows: 0, lines: Vec::new() }
    }

    /// The rows that these lines hold. Whether they are rows shows when they are read.
    pub(super) fn of_lines(table: &'static str, lines: Vec<u8>) -> Self {
        let rows = lines.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Self { table, rows, lines }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When it cannot be written as JSON, which no value can cause.
    pub fn push(&mut self, row: &Map<String, Value>) -> Result<(), serde_json::Error> {
        serde_json::to_writer(&mut self.lines, row)?;
        self.lines.push(b'\n');
        self.rows += 1;
        Ok(())
    }

    /// Whether it is time to send it.
    pub fn is_full(&self) -> bool {
        self.lines.len() >= FULL_BYTES
    }

    /// The table.
    pub fn table(&self) -> &'static str {
        self.table
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The lines.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The rows.
    ///
    /// # Errors
    /// A line that is no JSON object.
    pub fn objects(&self) -> impl Iterator<Item = Result<Map<String, Value>, serde_json::Error>> {
        lines(&self.lines).map(serde_json::from_slice)
    }

    /// The digests of the artifacts that the rows name.
    ///
    /// # Errors
    /// A row without one, in a table that should have it.
    pub(super) fn artifacts(&self) -> Result<Vec<String>, serde_json::Error> {
        #[derive(Deserialize)]
        struct Row {
            digest: String,
        }
        if !NAMING.contains(&self.table) {
            return Ok(Vec::new());
        }
        lines(&self.lines).map(|line| serde_json::from_slice::<Row>(line).map(|row| row.digest)).collect()
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty())
}
