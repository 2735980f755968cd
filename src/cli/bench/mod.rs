//! `attune bench`: a load generator. [`load`] says what is asked and when, [`drive`] asks it, [`measure`] counts what
//! comes back, [`report`], [`table`] and [`plot`] tell it.

mod adapters;
mod client;
mod drive;
mod load;
mod measure;
mod options;
mod plot;
mod progress;
mod report;
mod shape;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use options::BenchArgs;
pub(crate) use shape::Shape;

use super::print;
use adapters::{Adapters, Making, Source};
use anyhow::Context;
use client::Client;
use drive::Run;
use load::{Arrivals, Shares, Traffic};
use measure::Recorder;
use options::{Limit, Loop, Mode, RunKind};
use progress::Bar;
use report::{Measured, Outcome, Report};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

/// A server to load.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// `http://HOST:PORT`
    pub(crate) url: String,
    /// The base's shape, where it is known: random adapters can be made where there is no generator.
    pub(crate) shape: Option<Shape>,
}

/// Loads the server of `--url`, or the one that `start` starts, and writes the report. Ctrl-C ends the load; what was
/// measured until then is reported.
///
/// # Errors
/// Where there is no server, adapters cannot be made, not one request succeeds, or the report cannot be written.
pub(crate) async fn run(args: BenchArgs, start: impl AsyncFnOnce() -> anyhow::Result<Running>) -> anyhow::Result<()> {
    let report = load_test(args, start).await?;
    report.write()?;
    report.check()
}

async fn load_test(args: BenchArgs, start: impl AsyncFnOnce() -> anyhow::Result<Running>) -> anyhow::Result<Report> {
    let running = match &args.url {
        Some(url) => Running { url: url.clone(), shape: None },
        None => start().await?,
    };
    let client = Client::connect(&running.url, args.api_key.as_ref(), args.patience())
        .await
        .with_context(|| format!("no attune server answers at {}", running.url))?;
    let mut bench = Bench::new(args, running, client);
    let ended = tokio::select! {
        done = bench.measure() => done.map(|()| false),
        _ = tokio::signal::ctrl_c() => Ok(true),
    };
    bench.end_run();
    bench.clean_up().await;
    Ok(Report { interrupted: ended?, ..bench.report })
}

/// A load test under way.
struct Bench {
    running: Running,
    client: Client,
    adapters: Adapters,
    report: Report,
    current: Option<Current>,
}

/// The run that is measured now.
struct Current {
    kind: RunKind,
    recorder: Mutex<Recorder>,
    begin: Instant,
    bar: Bar,
}

impl Bench {
    fn new(args: BenchArgs, running: Running, client: Client) -> Self {
        let report = Report {
            url: client.url().to_owned(),
            info: client.info().clone(),
            request: client.body().clone(),
            args,
            adapters: None,
            runs: Vec::new(),
            interrupted: false,
        };
        Self { running, client, adapters: Adapters::default(), report, current: None }
    }

    async fn measure(&mut self) -> anyhow::Result<()> {
        let runs = self.report.args.runs();
        anyhow::ensure!(!runs.is_empty(), "nothing to run: --adapters 0 runs the base, another number needs a mode");
        self.make_adapters(runs.iter().map(|run| run.adapters).max().unwrap_or(0)).await?;
        for kind in runs {
            if let Some(reason) = self.refusal(kind).await? {
                self.report.runs.push(Measured { kind, result: Outcome::Skipped { reason }, notes: Vec::new() });
                continue;
            }
            self.measure_run(kind).await?;
        }
        Ok(())
    }

    async fn make_adapters(&mut self, count: usize) -> anyhow::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let (begin, seed) = (Instant::now(), self.report.args.seed);
        let source = Source::find(&self.report.args, &self.running, self.client.info())?;
        let bar = Bar::new("adapters", Some(count as u64));
        for _ in 0..count {
            self.adapters.add(&self.client, &source, seed).await?;
            bar.step();
        }
        let making = Making { source: source.name(), count, seconds: begin.elapsed().as_secs_f64() };
        bar.end(&format!("{count} adapters ({}) in {:.1} s", making.source, making.seconds));
        self.report.adapters = Some(making);
        Ok(())
    }

    /// Why the server does not do this kind of run, after one request of it.
    async fn refusal(&self, kind: RunKind) -> anyhow::Result<Option<String>> {
        let (recorder, bar) = (Mutex::new(Recorder::new()?), Bar::new("", None));
        let run = self.run(kind, &recorder, &bar);
        let Some(ask) = self.traffic(kind, "probe").next() else { return Ok(None) };
        match run.probe(ask).await {
            Err(error) if error.is_final() => Ok(Some(error.to_string())),
            Err(error) => {
                // Whether it passes, the run tells.
                drive::rest(&error).await;
                Ok(None)
            }
            Ok(_) => Ok(None),
        }
    }

    async fn measure_run(&mut self, kind: RunKind) -> anyhow::Result<()> {
        let args = &self.report.args;
        let (limit, seed, warmup) = (args.limit(), args.seed, args.warmup);
        let (workers, rate, is_open) = (args.concurrency, args.rate, args.kind == Loop::Open);
        let (recorder, bar) = (Mutex::new(Recorder::new()?), Bar::new("warm-up", Some(warmup)));
        let warm = Limit { requests: Some(warmup), duration: None };
        self.run(kind, &recorder, &bar).closed(self.traffic(kind, "warm-up"), warm, workers).await;
        drop(bar);
        let bar = Bar::new(&kind.to_string(), limit.requests.filter(|_| limit.duration.is_none()));
        self.current = Some(Current { kind, recorder: Mutex::new(Recorder::new()?), begin: Instant::now(), bar });
        if let Some(current) = &self.current {
            let run = self.run(kind, &current.recorder, &current.bar);
            let traffic = self.traffic(kind, "run");
            match is_open {
                true => run.open(traffic, limit, Arrivals::poisson(seed, rate)).await,
                false => run.closed(traffic, limit, workers).await,
            }
        }
        self.end_run();
        Ok(())
    }

    /// Puts the run under way, if there is one, into the report.
    fn end_run(&mut self) {
        let Some(Current { kind, recorder, begin, bar }) = self.current.take() else { return };
        let wall_s = begin.elapsed().as_secs_f64();
        let recorder = recorder.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        bar.end(&format!("{kind}: {} requests in {wall_s:.1} s, {} completed", recorder.ended(), recorder.completed));
        let notes = notes(kind, &recorder, &self.report);
        self.report.runs.push(Measured { kind, result: Outcome::Done { recorder: recorder.into(), wall_s }, notes });
    }

    /// Leaves a server of others as it was.
    async fn clean_up(&mut self) {
        if self.report.args.url.is_none() || self.report.args.keep_adapters {
            return;
        }
        let stayed = self.adapters.remove(&self.client).await;
        if stayed > 0 {
            eprintln!("{stayed} adapters could not be deleted from the server");
        }
    }

    fn run<'a>(&'a self, kind: RunKind, recorder: &'a Mutex<Recorder>, bar: &'a Bar) -> Run<'a> {
        Run {
            client: &self.client,
            mode: kind.mode,
            adapters: &self.adapters.ids,
            max_tokens: self.report.args.max_tokens,
            recorder,
            bar,
        }
    }

    /// The same for every mode of one number of adapters.
    fn traffic(&self, kind: RunKind, label: &str) -> Traffic {
        let args = &self.report.args;
        let shares = Shares::new(args.popularity, kind.adapters);
        Traffic::new(args.seed, label, args.prompt_tokens as usize, shares)
    }
}

/// What a reader must know to compare this run with the others.
fn notes(kind: RunKind, recorder: &Recorder, report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    let merged = recorder.applied.get("merged").copied().unwrap_or(0);
    if kind.mode == Mode::Merged && merged < recorder.completed {
        notes.push(format!("{} of {} answers were not merged", recorder.completed - merged, recorder.completed));
    }
    let silent = recorder.completed - recorder.first_token.count();
    if silent > 0 {
        notes.push(format!(
            "{silent} answers had no text, and tokens without text are not streamed: their times are missing"
        ));
    }
    let (most, mean) = (report.args.max_tokens, recorder.mean(recorder.completion_tokens));
    if recorder.completed > 0 && mean < 0.9 * f64::from(most) {
        let mean = table::short(mean);
        notes
            .push(format!("answers ended after {mean} of {most} tokens on average: tokens/s compares with runs alike"));
    }
    notes
}

impl Report {
    /// Writes the files that were asked for, and the table.
    fn write(&self) -> anyhow::Result<()> {
        if let Some(path) = &self.args.svg {
            std::fs::write(path, plot::svg(self)?).with_context(|| format!("cannot write {}", path.display()))?;
        }
        let json = serde_json::to_string_pretty(&self.json())?;
        match &self.args.json {
            Some(path) if path == Path::new("-") => return print(&json),
            Some(path) => std::fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?,
            None => {}
        }
        print(&self.table())
    }

    /// Whether there is anything in it.
    fn check(&self) -> anyhow::Result<()> {
        let completed = self.runs.iter().filter_map(Measured::figures).any(|(recorder, _)| recorder.completed > 0);
        anyhow::ensure!(completed || self.interrupted, "no request succeeded: the report says why");
        Ok(())
    }
}
