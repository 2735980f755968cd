//! What a run measured: histograms of times, counts of failures.

use super::client::{Answer, Error, Timings};
use hdrhistogram::{CreationError, Histogram};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Times as a histogram of microseconds with three significant digits, from 1 µs to an hour.
#[derive(Clone, Debug)]
pub(super) struct Times(Histogram<u64>);

const HOUR_US: u64 = 3_600_000_000;

impl Times {
    fn new() -> Result<Self, CreationError> {
        Ok(Self(Histogram::new_with_bounds(1, HOUR_US, 3)?))
    }

    fn add(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(HOUR_US));
    }

    pub(super) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The figures of reports; none where nothing was measured.
    pub(super) fn summary(&self) -> Option<Percentiles> {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / 1e3;
        (!self.0.is_empty()).then(|| Percentiles {
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: self.0.max() as f64 / 1e3,
            mean: self.0.mean() / 1e3,
            count: self.0.len(),
        })
    }

    /// Points (number of nines, milliseconds): at 1 nine, nine tenths were faster. It ends where one request is left.
    pub(super) fn curve(&self, points: u32) -> Vec<(f64, f64)> {
        let most = (self.0.len().max(1) as f64).log10();
        let nines = (0..=points).map(|point| most * f64::from(point) / f64::from(points.max(1)));
        let ms = |nines: f64| self.0.value_at_quantile(1.0 - 10f64.powf(-nines)) as f64 / 1e3;
        if self.0.is_empty() { Vec::new() } else { nines.map(|nines| (nines, ms(nines))).collect() }
    }
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) max: f64,
    pub(super) mean: f64,
    pub(super) count: u64,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Failures {
    pub(super) count: u64,
    /// The first of them in words.
    pub(super) example: String,
}

/// Requests that the server refused because it had too many (429).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Busy {
    pub(super) count: u64,
    /// The shortest and the longest `Retry-After` in seconds.
    pub(super) retry_after_s: Option<(u64, u64)>,
}

/// Everything that one run measured.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    pub(super) first_token: Times,
    pub(super) between_tokens: Times,
    pub(super) end_to_end: Times,
    pub(super) completed: u64,
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) busy: Busy,
    /// By status, or by what happened.
    pub(super) failures: BTreeMap<String, Failures>,
    /// Answers by how their adapter was applied.
    pub(super) applied: BTreeMap<String, u64>,
    server_ms: Timings,
}

impl Recorder {
    /// # Errors
    /// Never with the bounds that it has.
    pub(super) fn new() -> Result<Self, CreationError> {
        Ok(Self {
            first_token: Times::new()?,
            between_tokens: Times::new()?,
            end_to_end: Times::new()?,
            completed: 0,
            prompt_tokens: 0,
            completion_tokens: 0,
            busy: Busy::default(),
            failures: BTreeMap::new(),
            applied: BTreeMap::new(),
            server_ms: Timings::default(),
        })
    }

    /// Takes in how a request ended.
    pub(super) fn record(&mut self, outcome: &Result<Answer, Error>) {
        match outcome {
            Ok(answer) => self.completed(answer),
            Err(Error::Refused { status: 429, retry_after_s, .. }) => {
                self.busy.count += 1;
                if let Some(after) = *retry_after_s {
                    let (least, most) = self.busy.retry_after_s.unwrap_or((after, after));
                    self.busy.retry_after_s = Some((least.min(after), most.max(after)));
                }
            }
            Err(error) => {
                let failures = self.failures.entry(error.label());
                failures.or_insert_with(|| Failures { count: 0, example: error.to_string() }).count += 1;
            }
        }
    }

    fn completed(&mut self, answer: &Answer) {
        self.completed += 1;
        self.end_to_end.add(answer.total);
        if let Some(first) = answer.first_token {
            self.first_token.add(first);
        }
        for gap in &answer.gaps {
            self.between_tokens.add(*gap);
        }
        self.prompt_tokens += answer.done.usage.prompt_tokens;
        self.completion_tokens += answer.done.usage.completion_tokens;
        *self.applied.entry(answer.done.adapter.applied.clone()).or_default() += 1;
        self.server_ms.add(&answer.done.timings_ms);
    }

    /// Requests that failed for another reason than a full queue.
    pub(super) fn failed(&self) -> u64 {
        self.failures.values().map(|failures| failures.count).sum()
    }

    /// Requests that have ended.
    pub(super) fn ended(&self) -> u64 {
        self.completed + self.busy.count + self.failed()
    }

    /// The means of what the server says of its own times, in milliseconds.
    pub(super) fn server_ms(&self) -> Timings {
        self.server_ms.divided_by(self.completed.max(1) as f64)
    }

    /// A mean over the completed requests.
    pub(super) fn mean(&self, sum: u64) -> f64 {
        sum as f64 / self.completed.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::client::{Done, Usage, UsedAdapter};

    fn answer(total_ms: u64) -> Answer {
        Answer {
            first_token: Some(Duration::from_millis(total_ms / 2)),
            gaps: vec![Duration::from_micros(1500); 2],
            total: Duration::from_millis(total_ms),
            done: Done {
                usage: Usage { prompt_tokens: 9, completion_tokens: 3 },
                timings_ms: Timings { queue: total_ms as f64, ..Timings::default() },
                adapter: UsedAdapter { applied: "merged".into() },
            },
        }
    }

    fn refused(status: u16, retry_after_s: Option<u64>) -> Result<Answer, Error> {
        Err(Error::Refused { status, detail: "no".into(), retry_after_s })
    }

    #[test]
    fn percentiles_are_those_of_the_times_within_a_thousandth() {
        let mut recorder = Recorder::new().unwrap();
        for ms in 1..=1000 {
            recorder.record(&Ok(answer(ms)));
        }
        let times = recorder.end_to_end.summary().unwrap();
        for (found, expected) in [(times.p50, 500.0), (times.p95, 950.0), (times.p99, 990.0), (times.max, 1000.0)] {
            assert!((found / expected - 1.0f64).abs() < 2e-3, "{found} {expected}");
        }
        assert!((times.mean - 500.5).abs() < 1.0);
        assert_eq!(recorder.between_tokens.summary().unwrap().count, 2000);
        assert_eq!((recorder.completed, recorder.completion_tokens, recorder.prompt_tokens), (1000, 3000, 9000));
        assert_eq!(recorder.applied["merged"], 1000);
        assert!((recorder.server_ms().queue - 500.5).abs() < 1e-9);
    }

    #[test]
    fn a_curve_rises_from_the_fastest_to_the_slowest() {
        let mut recorder = Recorder::new().unwrap();
        assert!(recorder.end_to_end.curve(10).is_empty() && recorder.end_to_end.summary().is_none());
        for ms in 1..=100 {
            recorder.record(&Ok(answer(ms)));
        }
        let curve = recorder.end_to_end.curve(20);
        assert!(curve.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1));
        assert!((curve[10].0 - 1.0).abs() < 1e-9 && (curve[10].1 - 90.0).abs() < 1.2, "{:?}", curve[10]);
        assert!((curve[20].0 - 2.0).abs() < 1e-9);
    }

    #[test]
    fn full_queues_are_counted_apart_from_failures() {
        let mut recorder = Recorder::new().unwrap();
        for outcome in [refused(429, Some(2)), refused(429, None), refused(429, Some(7)), refused(503, Some(1))] {
            recorder.record(&outcome);
        }
        recorder.record(&Err(Error::TimedOut));
        assert_eq!(recorder.busy, Busy { count: 3, retry_after_s: Some((2, 7)) });
        assert_eq!(recorder.failures.keys().collect::<Vec<_>>(), ["503", "timeout"]);
        assert_eq!((recorder.failed(), recorder.ended(), recorder.completed), (2, 5, 0));
    }
}
