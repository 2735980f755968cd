//! The command line: one file a subcommand.

mod demo;
mod terminal;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Describe a task, get a LoRA.
#[derive(Debug, Parser)]
#[command(name = "attune", version, about, long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The demo model: build it from nothing
    #[command(subcommand)]
    Demo(demo::Demo),
}

/// Parses the command line and runs what it says.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Demo(demo) => demo.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
