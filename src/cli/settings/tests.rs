use super::*;
use clap::{Parser, Subcommand};

/// Cargo sets it for every test, so that the tests need not change the environment.
const SET: &str = "CARGO_PKG_NAME";
/// Nobody sets it.
const UNSET: &str = "ATTUNE_TEST_IS_NEVER_SET";

#[derive(Debug, Parser)]
struct Probe {
    #[command(subcommand)]
    command: ProbeCommand,
}

#[derive(Debug, Subcommand)]
enum ProbeCommand {
    /// Run
    Run {
        /// Where the environment says something
        #[arg(long, env = SET, default_value = "the default")]
        said: String,
        /// Where it says nothing
        #[arg(long, env = UNSET, default_value = "the default")]
        data_dir: String,
        /// A number
        #[arg(long, env = UNSET)]
        queue: Option<usize>,
        /// A switch
        #[arg(long, env = UNSET)]
        insecure: bool,
        /// What this command is about
        #[arg(long)]
        task: Option<String>,
    },
    /// Another command with another option
    Other {
        #[arg(long, env = UNSET, default_value_t = 1)]
        threads: usize,
    },
}

fn parse(arguments: &str, file: &str) -> Result<ProbeCommand, String> {
    let arguments = arguments.split_whitespace().map(OsString::from).collect();
    match parse_from::<Probe>(arguments, ConfigFile::parse("a.toml".as_ref(), file).map(Some)) {
        Ok(probe) => Ok(probe.command),
        Err(Refused::Arguments(error)) => Err(error.to_string()),
        Err(Refused::File(error)) => Err(error.to_string()),
    }
}

#[track_caller]
fn run(arguments: &str, file: &str) -> (String, String) {
    match parse(arguments, file) {
        Ok(ProbeCommand::Run { said, data_dir, .. }) => (said, data_dir),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_flag_counts_before_the_environment_the_file_and_the_default() {
    let file = "said = 'the file'\ndata_dir = 'the file'";
    let environment = std::env::var(SET).unwrap();
    let flags = "probe run --said flag --data-dir flag";
    assert_eq!(run(flags, file), ("flag".to_owned(), "flag".to_owned()));
    assert_eq!(run("probe run", file), (environment.clone(), "the file".to_owned()));
    assert_eq!(run("probe run", ""), (environment, "the default".to_owned()));
}

#[test]
fn a_file_reaches_options_without_a_default_switches_and_numbers() {
    let parsed = parse("probe run", "queue = 7\ninsecure = true").unwrap();
    assert!(matches!(parsed, ProbeCommand::Run { queue: Some(7), insecure: true, .. }), "{parsed:?}");
    let parsed = parse("probe run --queue 8", "queue = 7").unwrap();
    assert!(matches!(parsed, ProbeCommand::Run { queue: Some(8), insecure: false, .. }), "{parsed:?}");
}

#[test]
fn a_file_holds_the_options_of_every_command_and_of_none_beside() {
    let parsed = parse("probe other", "threads = 3\ndata_dir = 'x'").unwrap();
    assert!(matches!(parsed, ProbeCommand::Other { threads: 3 }), "{parsed:?}");
    for key in ["task", "config", "data-dir", "help"] {
        let refused = parse("probe other", &format!("{key} = 'x'")).unwrap_err();
        assert!(refused.contains(&format!("no option `{key}`")), "{refused}");
        assert!(refused.ends_with("the options are data_dir, insecure, queue, said, threads"), "{refused}");
    }
}

#[test]
fn a_wrong_type_is_refused_by_its_key_whatever_the_flags_say() {
    for (file, start) in [
        ("queue = 'many'", "a.toml: queue takes a whole number"),
        ("insecure = 'yes'", "a.toml: insecure takes true or false"),
        ("data_dir = 3", "a.toml: data_dir takes text"),
    ] {
        let refused = parse("probe run --queue 1 --data-dir x", file).unwrap_err();
        assert!(refused.starts_with(start), "{refused}");
    }
}

#[test]
fn the_help_names_flag_variable_and_key_even_with_a_file_that_is_wrong() {
    let help = parse("probe run --help", "no_such_key = 1").unwrap_err();
    for part in ["--data-dir <DATA_DIR>", "[env: ATTUNE_TEST_IS_NEVER_SET=]", "[attune.toml: data_dir]", "--config"] {
        assert!(help.contains(part), "{part} is missing in\n{help}");
    }
}

#[test]
fn the_file_is_found_among_the_arguments() {
    let named = |arguments: &str| named_file(&arguments.split_whitespace().map(OsString::from).collect::<Vec<_>>());
    assert_eq!(named("attune serve --config a.toml"), Some("a.toml".into()));
    assert_eq!(named("attune --config=a.toml serve"), Some("a.toml".into()));
    assert_eq!(named("attune serve --configure a.toml"), None);
    assert_eq!(named("attune serve -- --config a.toml"), None);
    assert_eq!(named("attune serve --config"), None);
}

/// Two commands may share a key only if it means the same to both.
#[test]
fn a_key_has_one_meaning_in_all_of_attunes_commands() {
    let mut seen: BTreeMap<String, (String, Kind)> = BTreeMap::new();
    let mut commands = vec![super::super::Cli::command()];
    while let Some(command) = commands.pop() {
        for (key, argument) in command.get_arguments().filter_map(|argument| Some((key(argument)?, argument))) {
            let variable = argument.get_env().unwrap_or_default().to_string_lossy().into_owned();
            let meaning = (variable, kind(argument));
            let first = seen.entry(key.clone()).or_insert_with(|| meaning.clone());
            assert_eq!(*first, meaning, "{key} in {}", command.get_name());
        }
        commands.extend(command.get_subcommands().cloned());
    }
    assert!(seen.contains_key("listen"), "{seen:?}");
}

#[test]
fn the_command_line_with_a_file_is_sound() {
    with_file(super::super::Cli::command().arg(config_argument()), &BTreeMap::new()).debug_assert();
}
