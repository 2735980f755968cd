//! The command line together with `attune.toml`.
//!
//! Options that describe an installation (where, how, how much) have a flag, an environment variable and a key in
//! the file, and the first of the three that is given counts. The file's values become defaults of the parser, so
//! the parser itself keeps that order. What one command is about (a task, an input, an output) is a flag alone: a file
//! that is there for all commands has no say in it.

use super::remote::refuse_local_options;
use crate::config::{ConfigError, ConfigFile, FILE_NAME, Key, Kind};
use clap::error::ErrorKind;
use clap::{Arg, Command, CommandFactory, FromArgMatches};
use std::any::TypeId;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Names the file. It is no key of the file.
const CONFIG: &str = "config";
const CONFIG_ENV: &str = "ATTUNE_CONFIG";

/// Why there is no command to run.
#[derive(Debug)]
pub(super) enum Refused {
    /// The arguments are wrong, or ask for help.
    Arguments(clap::Error),
    /// The file is wrong.
    File(ConfigError),
}

/// Parses this process's arguments, environment and file.
pub(super) fn parse<P: CommandFactory + FromArgMatches>() -> Result<P, Refused> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let file = match named_file(&arguments).or_else(|| std::env::var_os(CONFIG_ENV)).filter(|path| !path.is_empty()) {
        Some(path) => ConfigFile::read(path.as_ref()).map(Some),
        None => ConfigFile::read_if_there(FILE_NAME.as_ref()),
    };
    parse_from(arguments, file)
}

fn parse_from<P: CommandFactory + FromArgMatches>(
    arguments: Vec<OsString>,
    file: Result<Option<ConfigFile>, ConfigError>,
) -> Result<P, Refused> {
    let command = P::command().arg(config_argument());
    let values = file.and_then(|file| match file {
        Some(file) => file.resolve(&keys(&command)),
        None => Ok(BTreeMap::new()),
    });
    let (values, refused) = match values {
        Ok(values) => (values, None),
        Err(error) => (BTreeMap::new(), Some(error)),
    };
    let parsed = with_file(command, &values).try_get_matches_from(arguments);
    match (parsed, refused) {
        // Who asks for help gets it whatever the file holds.
        (Err(help), _) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Err(Refused::Arguments(help))
        }
        (_, Some(error)) => Err(Refused::File(error)),
        (parsed, None) => parsed
            .and_then(|matches| {
                refuse_local_options(&matches)?;
                P::from_arg_matches(&matches)
            })
            .map_err(Refused::Arguments),
    }
}

fn config_argument() -> Arg {
    Arg::new(CONFIG)
        .long(CONFIG)
        .env(CONFIG_ENV)
        .global(true)
        .display_order(usize::MAX)
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("A file with options; attune.toml in the working directory where it is not given")
}

/// The value of `--config`, which is needed before the arguments can be parsed. No other option takes a value that
/// begins with a hyphen, so a plain look finds what the parser will find.
fn named_file(arguments: &[OsString]) -> Option<OsString> {
    let mut arguments = arguments.iter().skip(1).take_while(|argument| *argument != "--");
    while let Some(argument) = arguments.next() {
        let Some(rest) = argument.to_str().and_then(|text| text.strip_prefix("--config")) else { continue };
        match rest.strip_prefix('=') {
            Some(path) => return Some(path.into()),
            None if rest.is_empty() => return arguments.next().cloned(),
            None => {}
        }
    }
    None
}

/// The file's keys: the options of all subcommands that have an environment variable.
fn keys(command: &Command) -> Vec<Key> {
    let mut found = BTreeMap::new();
    collect_keys(command, &mut found);
    found.into_iter().map(|(name, kind)| Key { name, kind }).collect()
}

fn collect_keys(command: &Command, found: &mut BTreeMap<String, Kind>) {
    found.extend(command.get_arguments().filter_map(|argument| Some((key(argument)?, kind(argument)))));
    command.get_subcommands().for_each(|subcommand| collect_keys(subcommand, found));
}

/// The option's key, if the file can hold it: the flag, in the file's spelling.
fn key(argument: &Arg) -> Option<String> {
    argument.get_env().filter(|_| argument.get_id() != CONFIG)?;
    Some(argument.get_long()?.replace('-', "_"))
}

fn kind(argument: &Arg) -> Kind {
    if !argument.get_action().takes_values() {
        return Kind::Switch;
    }
    let choices = argument.get_possible_values();
    if !choices.is_empty() {
        return Kind::Choice(choices.iter().map(|choice| choice.get_name().to_owned()).collect());
    }
    let parsed = argument.get_value_parser().type_id();
    let is_one_of = |types: &[TypeId]| types.iter().any(|of| parsed == *of);
    if is_one_of(&[TypeId::of::<usize>(), TypeId::of::<u64>(), TypeId::of::<u32>(), TypeId::of::<u16>()]) {
        Kind::Whole
    } else if is_one_of(&[TypeId::of::<f64>(), TypeId::of::<f32>()]) {
        Kind::Number
    } else {
        Kind::Text
    }
}

/// The command with the file's values as defaults, and with the key of each option in its help.
fn with_file(command: Command, values: &BTreeMap<String, String>) -> Command {
    command
        .mut_args(|argument| match key(&argument) {
            Some(key) => with_key(argument, &key, values.get(&key)),
            None => argument,
        })
        .mut_subcommands(|subcommand| with_file(subcommand, values))
}

fn with_key(mut argument: Arg, key: &str, value: Option<&String>) -> Arg {
    if let Some(help) = argument.get_help() {
        let help = format!("{help} [{FILE_NAME}: {key}]");
        argument = argument.help(help);
    }
    if let Some(help) = argument.get_long_help() {
        let help = format!("{help} [{FILE_NAME}: {key}]");
        argument = argument.long_help(help);
    }
    match value {
        Some(value) => argument.required(false).default_value(value.clone()),
        None => argument,
    }
}

#[cfg(test)]
mod tests;
