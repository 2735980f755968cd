//! Progress of long work: a bar on a terminal, plain lines elsewhere.

use crate::training::progress::{CancelFlag, Progress, Report};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Shows reports on standard error.
pub(super) struct Terminal {
    bar: Option<ProgressBar>,
    last_line: Mutex<Option<(String, Instant)>>,
    cancel: CancelFlag,
}

/// Between two plain lines of one phase.
const QUIET: Duration = Duration::from_secs(20);

impl Terminal {
    pub(super) fn new(cancel: CancelFlag) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{prefix:>10} {wide_bar} {pos}/{len} {eta} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, last_line: Mutex::new(None), cancel }
    }

    /// Shows a line above the bar.
    pub(super) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    /// Takes the bar away, so that what is printed next stands alone.
    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Progress for Terminal {
    fn report(&self, report: &Report<'_>) {
        let metrics: Vec<String> = report.metrics.iter().map(|(name, value)| format!("{name} {value:.4}")).collect();
        if let Some(bar) = &self.bar {
            if bar.prefix() != report.phase {
                // The last phase's speed says nothing of this one's.
                bar.reset();
            }
            bar.set_length(report.total.max(report.step) as u64);
            bar.set_position(report.step as u64);
            bar.set_prefix(report.phase.to_owned());
            bar.set_message(metrics.join(" "));
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_loss = report.metrics.iter().all(|(name, _)| *name == "loss");
        let recent = last.as_ref().is_some_and(|(phase, at)| phase == report.phase && at.elapsed() < QUIET);
        let last_step = report.total > 0 && report.step >= report.total;
        if recent && is_loss && !last_step {
            return;
        }
        if is_loss {
            *last = Some((report.phase.to_owned(), Instant::now()));
        }
        let total = if report.total > 0 { format!("/{}", report.total) } else { String::new() };
        eprintln!("{} {}{total} {}", report.phase, report.step, metrics.join(" "));
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
