//! What was measured, for a reader.

use super::measure::{Percentiles, Times};
use super::options::Loop;
use super::report::{Measured, Outcome, Report, rate};
use std::fmt::Write as _;

/// The width of a run's name.
const NAME: usize = 14;

impl Report {
    /// What was run, throughput, latencies, and what went wrong.
    pub(super) fn table(&self) -> String {
        let mut text = self.head();
        text.push_str("\n\n");
        text.push_str(&self.throughput());
        text.push_str("\n\n");
        text.push_str(&self.latencies());
        text.push_str(&self.remarks());
        text
    }

    fn head(&self) -> String {
        let (args, info) = (&self.args, &self.info);
        let word = |field: &str| info[field].as_str().unwrap_or("?").to_owned();
        let mut text = format!(
            "attune {} at {}: {}, {}, weights {}\n",
            word("version"),
            self.url,
            word("base_model"),
            word("device"),
            word("weights")
        );
        let _ = match args.kind {
            Loop::Closed => write!(text, "closed loop, {} workers", args.concurrency),
            Loop::Open => write!(text, "open loop, {} arrivals a second (Poisson), times from the arrival", args.rate),
        };
        let limit = args.limit();
        let requests = limit.requests.map(|requests| format!("{requests} requests"));
        let duration = limit.duration.map(|duration| format!("{} s", duration.as_secs_f64()));
        let length = [requests, duration].into_iter().flatten().collect::<Vec<_>>().join(" or ");
        let _ = write!(
            text,
            "; a run is {length}, after {} to warm up; prompts of {} characters, answers of at most {} tokens",
            args.warmup, args.prompt_tokens, args.max_tokens
        );
        if let Some(making) = &self.adapters {
            let _ = write!(
                text,
                "\n{} adapters ({}, made in {:.1} s), popularity {}",
                making.count, making.source, making.seconds, args.popularity
            );
        }
        text
    }

    fn throughput(&self) -> String {
        const TITLES: [&str; 7] = ["tokens/s", "requests/s", "completed", "busy 429", "failed", "tokens in", "out"];
        let mut text = format!("{:<NAME$}", "run");
        for title in TITLES {
            let _ = write!(text, "{title:>11}");
        }
        let _ = write!(text, "  |{:>9}{:>9}{:>9}  server's ms, mean", "queue", "prefill", "decode");
        for (run, name) in self.named() {
            let _ = write!(text, "\n{name:<NAME$}");
            let Some((recorder, wall_s)) = run.figures() else {
                text.push_str("    skipped, see below");
                continue;
            };
            let cells = [
                short(rate(recorder.completion_tokens, wall_s)),
                short(rate(recorder.completed, wall_s)),
                recorder.completed.to_string(),
                recorder.busy.count.to_string(),
                recorder.failed().to_string(),
                short(recorder.mean(recorder.prompt_tokens)),
                short(recorder.mean(recorder.completion_tokens)),
            ];
            text.extend(cells.map(|cell| format!("{cell:>11}")));
            let server = recorder.server_ms();
            text.push_str("  |");
            text.extend([server.queue, server.prefill, server.decode].map(|ms| format!("{:>9}", short(ms))));
        }
        text
    }

    fn latencies(&self) -> String {
        let mut text = format!("{:<NAME$}", "milliseconds");
        for title in ["to first token", "between tokens", "end to end"] {
            let _ = write!(text, "  | {title:<31}");
        }
        text.truncate(text.trim_end().len());
        let _ = write!(text, "\n{:<NAME$}", "run");
        for _ in 0..3 {
            let _ = write!(text, "  |{:>8}{:>8}{:>8}{:>8}", "p50", "p95", "p99", "max");
        }
        for (run, name) in self.named() {
            let Some((recorder, _)) = run.figures() else { continue };
            let _ = write!(text, "\n{name:<NAME$}");
            for times in [&recorder.first_token, &recorder.between_tokens, &recorder.end_to_end] {
                let _ = write!(text, "  |{}", cells(times));
            }
        }
        text
    }

    fn remarks(&self) -> String {
        let mut text = String::new();
        for (run, name) in self.named() {
            if let Outcome::Skipped { reason } = &run.result {
                let _ = write!(text, "\n{name}: skipped, the server refuses it: {reason}");
            }
            for note in &run.notes {
                let _ = write!(text, "\n{name}: {note}");
            }
            let Some((recorder, _)) = run.figures() else { continue };
            if recorder.busy.count > 0 {
                let after = recorder.busy.retry_after_s;
                let after =
                    after.map_or("no Retry-After".into(), |(least, most)| format!("Retry-After {least}-{most} s"));
                let _ = write!(text, "\n{name}: {} answers of 429, {after}", recorder.busy.count);
            }
            for (label, failures) in &recorder.failures {
                let _ = write!(text, "\n{name}: {} failed ({label}), the first: {}", failures.count, failures.example);
            }
        }
        if self.interrupted {
            text.push_str("\ninterrupted: these are the requests that had ended until then");
        }
        if text.is_empty() { text } else { format!("\n{text}") }
    }

    fn named(&self) -> impl Iterator<Item = (&Measured, String)> {
        self.runs.iter().map(|run| (run, run.kind.to_string()))
    }
}

fn cells(times: &Times) -> String {
    let Some(Percentiles { p50, p95, p99, max, .. }) = times.summary() else {
        return format!("{:>8}{:>8}{:>8}{:>8}", "-", "-", "-", "-");
    };
    [p50, p95, p99, max].map(|ms| format!("{:>8}", short(ms))).concat()
}

/// Three digits that count, or all before the point.
pub(super) fn short(number: f64) -> String {
    let digits = match number.abs() {
        below if below < 10.0 => 2,
        below if below < 100.0 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::short;

    #[test]
    fn figures_keep_three_digits_that_count() {
        for (number, text) in [(0.0, "0.00"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12346")] {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn the_table_tells_every_run_what_was_skipped_and_what_failed() {
        let text = report().table();
        for part in [
            "stub, cpu, weights f32",
            "closed loop, 8 workers",
            "\nbase ",
            "\n2 merged          skipped",
            "\n2 merged: skipped, the server refuses it: 409: no",
            "\nbase: 1 answers of 429, Retry-After 3-3 s",
            "\nbase: 1 failed (timeout), the first: no answer in time",
            "\ninterrupted",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }
}
