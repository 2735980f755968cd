//! How far a run is: a bar on a terminal, a line at its end elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Shows on standard error.
#[derive(Debug)]
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar of so many steps, or of an unknown number.
    pub(super) fn new(name: &str, steps: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let (bar, template) = match steps {
                Some(steps) => (ProgressBar::new(steps), "{prefix:>14} {wide_bar} {pos}/{len} {eta}"),
                None => (ProgressBar::new_spinner(), "{prefix:>14} {spinner} {pos} requests, {per_sec}, {elapsed}"),
            };
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.set_prefix(name.to_owned());
            bar
        });
        Self(bar)
    }

    pub(super) fn step(&self) {
        if let Some(bar) = &self.0 {
            bar.inc(1);
        }
    }

    /// Takes the bar away and leaves a line in its place.
    pub(super) fn end(&self, line: &str) {
        match &self.0 {
            Some(bar) => {
                bar.finish_and_clear();
                eprintln!("{line}");
            }
            None => eprintln!("{line}"),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
