//! Which server, and what must not stand beside it.

use super::Remote;
use crate::app::{BaseOptions, StateOptions};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use reqwest::Url;
use reqwest::header::HeaderValue;
use std::str::FromStr;

const SERVER: &str = "server";
/// Of training in this process.
const TRAIN_THREADS: &str = "train_threads";

/// Where the work is done: in this process, where no server is named.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct ServerOptions {
    /// Have a running server do it, with its base and its data: no --base, --data-dir or the like then
    #[arg(long, env = "ATTUNE_SERVER", value_name = "http://HOST:PORT", value_parser = address)]
    server: Option<Url>,
    /// The API key that the server asks for. Better a variable than a flag, which others on the machine can read
    #[arg(long, env = "ATTUNE_API_KEY", hide_env_values = true, hide_default_value = true, value_name = "KEY")]
    api_key: Option<ApiKey>,
}

impl ServerOptions {
    /// The server, where one is named. It is not asked anything yet.
    pub(in crate::cli) fn remote(&self) -> anyhow::Result<Option<Remote>> {
        self.server.as_ref().map(|server| Remote::new(server.clone(), self.api_key.as_ref())).transpose()
    }
}

/// An API key as it is sent. It is shown nowhere.
#[derive(Clone)]
pub(in crate::cli) struct ApiKey(HeaderValue);

impl ApiKey {
    /// The value of `Authorization`.
    pub(in crate::cli) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for ApiKey {
    type Err = reqwest::header::InvalidHeaderValue;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim()))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

fn address(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|error| format!("{error}: an address is meant, such as http://127.0.0.1:8080"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(format!("{scheme}: is no http or https address, such as http://127.0.0.1:8080")),
    }
}

/// Refuses flags that choose a base or a state of this process beside a server, which has its own. Variables and
/// attune.toml are for all commands, and may say both.
///
/// # Errors
/// Where both are there; the message names them.
pub(in crate::cli) fn refuse_local_options(matches: &ArgMatches) -> Result<(), clap::Error> {
    if let Some((_, matches)) = matches.subcommand() {
        return refuse_local_options(matches);
    }
    if !matches.try_contains_id(SERVER).unwrap_or(false) {
        return Ok(());
    }
    let local = StateOptions::augment_args(BaseOptions::augment_args(Command::new("")));
    let ids = local.get_arguments().map(|argument| argument.get_id().as_str()).chain([TRAIN_THREADS]);
    let given =
        |id: &&str| matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine);
    let flags: Vec<String> = ids.filter(given).map(|id| format!("--{}", id.replace('_', "-"))).collect();
    if flags.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} cannot be given with --server (or ATTUNE_SERVER): the server has its own. Leave out the one or the other\n",
        flags.join(" and ")
    );
    Err(clap::Error::raw(ErrorKind::ArgumentConflict, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Probe {
        #[command(flatten)]
        base: BaseOptions,
        #[command(flatten)]
        state: StateOptions,
        #[command(flatten)]
        server: ServerOptions,
    }

    fn refused(arguments: &[&str]) -> Option<String> {
        use clap::CommandFactory;
        let matches = Probe::command().try_get_matches_from([&["probe"], arguments].concat()).unwrap();
        refuse_local_options(&matches).err().map(|error| error.to_string())
    }

    #[test]
    fn a_server_stands_beside_no_base_and_no_data_of_this_process() {
        let server = ["--server", "http://127.0.0.1:1"];
        assert_eq!(refused(&server), None);
        assert_eq!(refused(&["--base", "x", "--data-dir", "y"]), None);
        let both = [&server[..], &["--base", "x", "--data-dir", "y", "--offline"]].concat();
        let told = refused(&both).unwrap();
        assert!(told.contains("--base and --offline and --data-dir cannot be given with --server"), "{told}");
    }

    #[test]
    fn an_address_is_one_of_a_web_server_and_a_key_is_shown_nowhere() {
        assert!(address("http://localhost:8080").is_ok() && address("https://a.example/attune").is_ok());
        assert!(address("localhost:8080").unwrap_err().contains("http://127.0.0.1:8080"));
        assert!(address("nonsense").unwrap_err().contains("http://127.0.0.1:8080"));
        let key: ApiKey = "attune_secret".parse().unwrap();
        assert!(!format!("{key:?}").contains("secret"));
    }
}
