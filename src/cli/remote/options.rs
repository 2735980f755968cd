//! Which server, and what must not stand beside it.

use super::Remote;
use crate::app::{BaseOptions, StateOptions};
use anyhow::Context;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use reqwest::Url;
use reqwest::header::HeaderValue;
use std::str::FromStr;

const SERVER: &str = "server";
const API_KEY: &str = "api_key";
/// Of training in this process.
const TRAIN_THREADS: &str = "train_threads";

/// Where the work is done: in this process, where no server is named.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct ServerOptions {
    /// Have a running server do it, with its base and its data: no --base, --data-dir or the like then. Empty for none
    #[arg(long, env = "ATTUNE_SERVER", value_name = "http://HOST:PORT")]
    server: Option<String>,
    /// The API key that the server asks for. Better a variable than a flag, which others on the machine can read
    #[arg(long, env = "ATTUNE_API_KEY", hide_env_values = true, hide_default_value = true, value_name = "KEY")]
    api_key: Option<ApiKey>,
}

impl ServerOptions {
    /// The server, where one is named. It is not asked anything yet.
    ///
    /// # Errors
    /// Where the address is none.
    pub(in crate::cli) fn remote(&self) -> anyhow::Result<Option<Remote>> {
        let Some(server) = self.server.as_deref().filter(|server| !server.is_empty()) else { return Ok(None) };
        Ok(Some(Remote::new(address(server)?, self.api_key.as_ref())?))
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

/// The address, which is shown in messages: what nobody should read must not be in it.
fn address(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.context("--server (or ATTUNE_SERVER) is no address such as http://127.0.0.1:8080")?;
    anyhow::ensure!(
        url.username().is_empty() && url.password().is_none(),
        "--server (or ATTUNE_SERVER) has a user or a password in it: a server takes an API key (--api-key)"
    );
    Ok(url)
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
    let server = match matches.try_get_one::<String>(SERVER) {
        Ok(server) => server.is_some_and(|server| !server.is_empty()),
        // It is no command for a server.
        Err(_) => return Ok(()),
    };
    let given =
        |id: &str| matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine);
    if !server && given(API_KEY) {
        let message = "--api-key is for a server: name one with --server\n";
        return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, message));
    }
    let local = StateOptions::augment_args(BaseOptions::augment_args(Command::new("")));
    let ids = local.get_arguments().map(|argument| argument.get_id().as_str()).chain([TRAIN_THREADS]);
    let flags: Vec<String> = ids.filter(|id| given(id)).map(|id| format!("--{}", id.replace('_', "-"))).collect();
    if !server || flags.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} cannot be given with --server (or ATTUNE_SERVER): the server has its own. Leave them out, or give --server ''\n",
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
        assert_eq!(refused(&["--server", "", "--base", "x"]), None, "an empty one is none");
        let key = refused(&["--api-key", "attune_secret"]).unwrap();
        assert!(key.contains("--server") && !key.contains("secret"), "{key}");
    }

    #[test]
    fn an_address_is_one_of_a_web_server_and_a_key_is_shown_nowhere() {
        assert!(address("http://localhost:8080").is_ok() && address("https://a.example/attune").is_ok());
        for wrong in ["localhost:8080", "nonsense", "ftp://a"] {
            assert!(address(wrong).unwrap_err().to_string().contains("http://127.0.0.1:8080"));
        }
        let told = address("http://me:hunter2@a.example").unwrap_err().to_string();
        assert!(told.contains("--api-key") && !told.contains("hunter2"), "{told}");
        let key: ApiKey = "attune_secret".parse().unwrap();
        assert!(!format!("{key:?}").contains("secret"));
    }
}
