//! The command line: one file a subcommand.

mod adapter;
mod backup;
mod bench;
mod bench_command;
mod demo;
mod demo_measure;
mod demo_phases;
mod demo_recipe;
mod demo_study;
mod demo_study_plot;
mod eval;
mod gc;
mod generate;
mod job_progress;
mod key;
mod migrate;
mod one_shot;
mod remote;
mod restore;
mod serve;
mod settings;
mod size;
mod task;
mod task_files;
mod task_formats;
mod task_import;
mod task_registry;
mod terminal;
mod train;
mod worker;

use crate::app::TelemetryOptions;
use crate::telemetry::{LogFormat, start};
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use time::OffsetDateTime;

/// The exit status of a command line that cannot be run, as clap has it.
const USAGE: u8 = 2;

const EXAMPLES: &str = "Examples:
  attune serve                                          the demo, and its page, on http://127.0.0.1:8080
  attune serve --base ORG/NAME                          a model of the Hugging Face hub
  attune adapter create --task \"Write the word backwards.\" --out backwards-lora
  attune generate --adapter backwards-lora --input stone
  attune generate --server http://127.0.0.1:8080 --task \"Write the word backwards.\" --input stone

Options that describe an installation can stand in attune.toml or the environment: `attune COMMAND --help` names them.
A server describes its interface at /docs.";

/// Describe a task, get a LoRA.
#[derive(Debug, Parser)]
#[command(name = "attune", version, about, long_about = None, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve over HTTP; with no options, the embedded demo model on 127.0.0.1:8080
    Serve(Box<serve::Serve>),
    /// Work training jobs off that servers queue
    ///
    /// Any number of workers and servers share one queue: give all of them the same --base, --database-url and
    /// --artifacts, and each a --data-dir of its own. A job is one worker's as long as that renews its lease; a worker
    /// that dies is noticed after 30 seconds, and another goes on from the job's last checkpoint. On SIGTERM or Ctrl-C
    /// running jobs stop at their next checkpoint and go back into the queue.
    ///
    ///   attune serve  --slots adapter=0,generator=0 …       serves, and only queues
    ///   attune worker --kinds adapter --slots adapter=2 …   trains adapters, two at once
    ///   attune worker …                                     trains whatever comes
    ///
    /// Without --database-url the queue is a file in the data directory, which one process has at a time: then a
    /// worker can only take the place of a server that is stopped.
    #[command(verbatim_doc_comment)]
    Worker(Box<worker::Worker>),
    /// Complete one prompt and print the answer, here or from a running server
    Generate(generate::GenerateCommand),
    /// Make and merge adapters as files
    #[command(subcommand)]
    Adapter(adapter::AdapterCommand),
    /// The training tasks of a data directory, or of a running server
    #[command(subcommand)]
    Task(task::TaskCommand),
    /// Train an adapter or a generator to its end, in this process or on a running server
    #[command(subcommand)]
    Train(train::Train),
    /// Measure what generated adapters are worth on the task suite
    Eval(Box<eval::Eval>),
    /// Load a server, or one of its own, and tell latencies and rates
    Bench(Box<bench_command::Bench>),
    /// The demo model: build it from nothing
    #[command(subcommand)]
    Demo(demo::Demo),
    /// Collect the bytes that no adapter or generator uses any more; a server does so every hour
    Gc(gc::Gc),
    /// API keys: who may use a server, and for what
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Write a whole instance into one file; a server may run meanwhile
    Backup(backup::Backup),
    /// Fill an empty instance from a backup, whichever database and place for bytes it has
    Restore(restore::Restore),
    /// Bring the database, a data directory's or a server's, to the current schema
    Migrate(migrate::Migrate),
    /// Print the OpenAPI file
    Openapi,
}

/// Parses the command line and runs what it says.
pub fn run() -> ExitCode {
    let cli: Cli = match settings::parse() {
        Ok(cli) => cli,
        Err(settings::Refused::Arguments(error)) => error.exit(),
        Err(settings::Refused::File(error)) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    if let Err(refused) = crate::crash::check() {
        eprintln!("error: {refused}");
        return ExitCode::from(USAGE);
    }
    let telling = match cli.command.telemetry() {
        Some(telemetry) => telemetry.start(),
        // A command that is done at once counts nothing, and is watched by whoever called it.
        None => start(LogFormat::Text, None, OffsetDateTime::now_utc).map_err(Into::into),
    };
    let _telling = match telling {
        Ok(telling) => telling,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(USAGE);
        }
    };
    let done = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Worker(worker) => worker.run(),
        Command::Generate(generate) => generate.run(),
        Command::Adapter(adapter) => adapter.run(),
        Command::Task(task) => task.run(),
        Command::Train(train) => train.run(),
        Command::Eval(eval) => eval.run(),
        Command::Bench(bench) => bench.run(),
        Command::Demo(demo) => demo.run(),
        Command::Gc(gc) => gc.run(),
        Command::Key(key) => key.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Migrate(migrate) => migrate.run(),
        Command::Openapi => print(&crate::http::openapi_json()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Command {
    /// What a process tells that stays.
    fn telemetry(&self) -> Option<&TelemetryOptions> {
        match self {
            Self::Serve(serve) => Some(&serve.options.telemetry),
            Self::Worker(worker) => Some(&worker.telemetry),
            _ => None,
        }
    }
}

/// Writes a line to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(())
}
