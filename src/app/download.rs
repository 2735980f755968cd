//! A download's progress: one bar over all files on a terminal, a line a file elsewhere.

use crate::hub::DownloadProgress;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// Shows a download on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Default for Progress {
    fn default() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = "download {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar }
    }
}

impl DownloadProgress for Progress {
    fn file(&self, name: &str, bytes: Option<u64>) {
        match &self.bar {
            Some(bar) => bar.inc_length(bytes.unwrap_or(0)),
            None => eprintln!("download {name}{}", bytes.map_or(String::new(), |b| format!(" ({} MiB)", b >> 20))),
        }
    }

    fn advanced(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn finished(&self, name: &str) {
        if self.bar.is_none() {
            eprintln!("download {name} done");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
