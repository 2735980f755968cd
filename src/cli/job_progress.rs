//! A job's events on a terminal.

use super::terminal::Terminal;
use crate::store::{JobEventKind, Progress};
use crate::training::progress::{CancelFlag, Progress as _, Report};
use serde_json::Value;

/// Shows a job as its events come.
pub(super) struct JobProgress {
    terminal: Terminal,
    /// How far the job was when it last told.
    progress: Progress,
    /// The last loss of the phase. Events tell steps and numbers apart; a reader wants them on one line.
    loss: Option<f64>,
}

impl JobProgress {
    pub(super) fn new() -> Self {
        // A job learns of a wish to stop from its queue, not from here.
        Self { terminal: Terminal::new(CancelFlag::default()), progress: Progress::default(), loss: None }
    }

    /// An event of this kind with its details.
    pub(super) fn show(&mut self, kind: JobEventKind, data: &Value) {
        match kind {
            JobEventKind::Progress => self.step(data),
            JobEventKind::Metric => self.measured(data),
            JobEventKind::Log => self.line(data["message"].as_str().unwrap_or_default()),
            JobEventKind::State => {
                let error = data["error"].as_str();
                if let (Some(error), Some("queued")) = (error, data["state"].as_str()) {
                    self.line(&format!("the attempt failed and will be repeated: {error}"));
                }
            }
        }
    }

    pub(super) fn line(&self, text: &str) {
        self.terminal.line(text);
    }

    /// Ends the display.
    pub(super) fn clear(&self) {
        self.terminal.clear();
    }

    fn step(&mut self, data: &Value) {
        let Ok(progress) = serde_json::from_value::<Progress>(data.clone()) else { return };
        if progress.phase != self.progress.phase {
            self.loss = None;
        }
        self.progress = progress;
        if self.progress.step == self.progress.total && self.loss.is_some() {
            // The phase's last loss comes right behind, and the two make one line.
            return;
        }
        let metrics: Vec<_> = self.loss.map(|loss| ("loss", loss)).into_iter().collect();
        self.report(&metrics);
    }

    fn measured(&mut self, data: &Value) {
        let Some(values) = data.as_object() else { return };
        let metrics: Vec<(&str, f64)> =
            values.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?))).collect();
        self.loss = metrics.iter().find(|(name, _)| *name == "loss").map(|(_, loss)| *loss).or(self.loss);
        self.report(&metrics);
    }

    fn report(&self, metrics: &[(&str, f64)]) {
        let of_usize = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let Progress { phase, step, total } = &self.progress;
        self.terminal.report(&Report { phase, step: of_usize(*step), total: of_usize(*total), metrics });
    }
}
