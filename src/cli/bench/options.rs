//! The options of `attune bench`.

use crate::cli::remote::ApiKey;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Options of a load test. What a run is about is a flag alone.
#[derive(Clone, Debug, Args, Serialize)]
pub(crate) struct BenchArgs {
    /// The server to load; without it, one is started in this process on a free port, with data that is thrown away
    #[arg(long, env = "ATTUNE_BENCH_URL", value_name = "http://HOST:PORT")]
    pub(crate) url: Option<String>,
    /// The API key that the server of --url asks for, with the scopes read and generate. Better a variable than a flag, which others
    /// on the machine can read
    #[arg(long, env = "ATTUNE_API_KEY", hide_env_values = true, hide_default_value = true, value_name = "KEY")]
    #[serde(skip)]
    pub(super) api_key: Option<ApiKey>,
    /// How many adapters share the requests: a run for each number; 0 is the base without an adapter
    #[arg(long, value_delimiter = ',', default_value = "0,1,8", value_name = "N,…")]
    pub(super) adapters: Vec<usize>,
    /// What is compared at each number: adapters beside the weights, adapters merged into them, no adapter
    #[arg(long, value_enum, value_delimiter = ',', default_value = "base,unmerged,merged", value_name = "MODE,…")]
    pub(super) modes: Vec<Mode>,
    /// Which adapter a request takes: each as often, or by Zipf's law with this exponent (the k-th at 1/k^exponent)
    #[arg(long, default_value = "uniform", value_name = "uniform|zipf[:EXPONENT]")]
    pub(super) popularity: Popularity,
    /// Who decides when a request is sent. closed: --concurrency workers, each sends its next when its last is answered,
    /// so that a slow server gets less load. open: requests arrive at random (Poisson) at --rate a second whatever the
    /// server does, and a request's time counts from when it should have been sent, so that waiting is never left out
    /// (no coordinated omission)
    #[arg(long = "loop", value_enum, default_value_t = Loop::Closed)]
    #[serde(rename = "loop")]
    pub(super) kind: Loop,
    /// Workers of the closed loop and of the warm-up
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) concurrency: u32,
    /// Arrivals a second of the open loop, on average
    #[arg(long, default_value_t = 4.0, value_parser = positive)]
    pub(super) rate: f64,
    /// Requests of a run; 128 where neither this nor --duration is given
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) requests: Option<u64>,
    /// Seconds in which a run sends requests; those under way are waited for. With --requests, what comes first
    #[arg(long, value_name = "SECONDS", value_parser = positive)]
    pub(super) duration: Option<f64>,
    /// Requests before each run that are not measured
    #[arg(long, default_value_t = 8)]
    pub(super) warmup: u64,
    /// The length of a prompt in ASCII characters, no two prompts alike. How many tokens that is, the report says
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) prompt_tokens: u32,
    /// The most tokens of an answer. Where the server can, answers are made to be as long
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_tokens: u32,
    /// Seconds after which a request is given up and counted as failed
    #[arg(long, default_value_t = 120.0, value_name = "SECONDS", value_parser = positive)]
    pub(super) timeout: f64,
    /// The rank of the random adapters that are imported where the server has no generator
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(super) rank: u32,
    /// The base's config.json, or its directory: the shape of random adapters
    #[arg(long, value_name = "DIR|FILE")]
    pub(super) shape_from: Option<PathBuf>,
    /// Leave the adapters that were made on the server of --url
    #[arg(long)]
    pub(super) keep_adapters: bool,
    /// The seed of prompts, arrivals, choices and random adapters; each run gets the same
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// Write all figures to this file as JSON; - prints it in place of the table
    #[arg(long, value_name = "FILE|-")]
    pub(super) json: Option<PathBuf>,
    /// Draw latencies and throughput into this file
    #[arg(long, value_name = "FILE.svg")]
    pub(super) svg: Option<PathBuf>,
}

/// The requests of a run where nothing bounds it.
const REQUESTS: u64 = 128;

impl BenchArgs {
    /// When a run ends.
    pub(super) fn limit(&self) -> Limit {
        let requests = match (self.requests, self.duration) {
            (None, None) => Some(REQUESTS),
            (requests, _) => requests,
        };
        Limit { requests, duration: self.duration.map(seconds) }
    }

    /// How long a request may take.
    pub(super) fn patience(&self) -> Duration {
        seconds(self.timeout)
    }

    /// The runs in their order: the base once, then each number of adapters.
    pub(super) fn runs(&self) -> Vec<RunKind> {
        let mut runs = Vec::new();
        if self.modes.contains(&Mode::Base) || self.adapters.contains(&0) {
            runs.push(RunKind { mode: Mode::Base, adapters: 0 });
        }
        for &adapters in self.adapters.iter().filter(|&&adapters| adapters > 0) {
            runs.extend([Mode::Unmerged, Mode::Merged].map(|mode| RunKind { mode, adapters }));
        }
        runs.retain(|run| run.mode == Mode::Base || self.modes.contains(&run.mode));
        let mut seen = Vec::new();
        runs.retain(|run| {
            let new = !seen.contains(run);
            seen.push(*run);
            new
        });
        runs
    }
}

/// When no more requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    pub(super) requests: Option<u64>,
    pub(super) duration: Option<Duration>,
}

/// What one run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct RunKind {
    pub(super) mode: Mode,
    pub(super) adapters: usize,
}

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            Mode::Base => f.write_str("base"),
            Mode::Unmerged => write!(f, "{} unmerged", self.adapters),
            Mode::Merged => write!(f, "{} merged", self.adapters),
        }
    }
}

/// How adapters are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// No adapter
    Base,
    /// Beside the weights, all adapters in one batch
    Unmerged,
    /// Merged into the weights, one adapter after the other
    Merged,
}

/// Who decides when a request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Loop {
    /// A worker's last answer
    Closed,
    /// The clock
    Open,
}

/// How often each adapter is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Popularity {
    Uniform,
    /// The k-th adapter at 1/k^exponent.
    Zipf {
        exponent: f64,
    },
}

impl FromStr for Popularity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, exponent) = text.split_once(':').map_or((text, None), |(name, exponent)| (name, Some(exponent)));
        match (name, exponent) {
            ("uniform", None) => Ok(Self::Uniform),
            ("zipf", None) => Ok(Self::Zipf { exponent: 1.0 }),
            ("zipf", Some(exponent)) => Ok(Self::Zipf { exponent: positive(exponent)? }),
            _ => Err("write uniform, zipf or zipf:1.0".to_owned()),
        }
    }
}

impl fmt::Display for Popularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf { exponent } => write!(f, "zipf:{exponent}"),
        }
    }
}

impl Serialize for Popularity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A number above 0 and not beyond a million.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1e6 => Ok(number),
        _ => Err("must be a number above 0, at most 1000000".to_owned()),
    }
}

fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    fn args(line: &str) -> BenchArgs {
        Line::try_parse_from(line.split_whitespace()).unwrap().args
    }

    fn names(line: &str) -> Vec<String> {
        args(line).runs().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_base_runs_once_and_every_number_of_adapters_in_both_ways() {
        let expected = ["base", "1 unmerged", "1 merged", "8 unmerged", "8 merged"];
        assert_eq!(names("bench"), expected);
        assert_eq!(names("bench --adapters 0,1,8,8,0"), expected);
        assert_eq!(names("bench --adapters 0"), ["base"]);
        assert_eq!(names("bench --adapters 8 --modes merged"), ["8 merged"]);
        assert_eq!(names("bench --adapters 0,8 --modes merged"), ["base", "8 merged"]);
    }

    #[test]
    fn a_run_ends_by_requests_or_time_or_what_comes_first() {
        let limit = |line| args(line).limit();
        assert_eq!(limit("bench"), Limit { requests: Some(128), duration: None });
        let three = Some(Duration::from_secs(3));
        assert_eq!(limit("bench --duration 3"), Limit { requests: None, duration: three });
        assert_eq!(limit("bench --duration 3 --requests 5"), Limit { requests: Some(5), duration: three });
    }

    #[test]
    fn popularity_is_read_as_it_is_written() {
        for (text, expected) in [
            ("uniform", Popularity::Uniform),
            ("zipf", Popularity::Zipf { exponent: 1.0 }),
            ("zipf:0.8", Popularity::Zipf { exponent: 0.8 }),
        ] {
            let read: Popularity = text.parse().unwrap();
            assert_eq!(read, expected);
            assert_eq!(read.to_string().parse::<Popularity>().unwrap(), expected);
        }
        for text in ["", "zipf:", "zipf:-1", "zipf:nan", "uniform:1", "pareto"] {
            assert!(text.parse::<Popularity>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_the_parser() {
        for line in ["bench --rate 0", "bench --concurrency 0", "bench --duration -1", "bench --requests 0"] {
            assert!(Line::try_parse_from(line.split_whitespace()).is_err(), "{line}");
        }
    }
}
