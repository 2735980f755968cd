//! Who may reach a server: the options, and the rule that a door to others has a lock.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;
use clap::Args;

use crate::http::{Exposure, KeyPolicy};
use crate::store::{KeyLimits, Store};

/// Who may come to a server, and how much and how slowly.
#[derive(Clone, Debug, Args)]
pub struct ExposureOptions {
    /// Ask for an API key even where there is none yet. Without it a server asks as soon as there is one
    #[arg(long, env = "ATTUNE_REQUIRE_KEYS")]
    pub require_keys: bool,
    /// Allow an address that others can reach though there is no API key: whoever reaches it may do everything
    #[arg(long, env = "ATTUNE_INSECURE")]
    pub insecure: bool,
    /// Requests a minute that a key may send which has no limit of its own; each process counts for itself. No limit where absent
    /// or 0
    #[arg(long, env = "ATTUNE_REQUESTS_PER_MINUTE", value_name = "REQUESTS")]
    pub requests_per_minute: Option<u32>,
    /// Adapters that a key may make a day (UTC) which has no limit of its own; all processes over one database count together. No
    /// limit where absent or 0
    #[arg(long, env = "ATTUNE_ADAPTERS_PER_DAY", value_name = "ADAPTERS")]
    pub adapters_per_day: Option<u32>,
    /// Minutes that the jobs of a key may run a day (UTC) which has no limit of its own; then it can queue no more. No limit where
    /// absent or 0
    #[arg(long, env = "ATTUNE_TRAINING_MINUTES_PER_DAY", value_name = "MINUTES")]
    pub training_minutes_per_day: Option<u32>,
    /// Web pages that may read answers in a browser, by their origins; none where absent
    #[arg(long, env = "ATTUNE_CORS_ORIGIN", value_name = "https://HOST,…")]
    pub cors_origin: Option<Origins>,
    /// Seconds in which the head of a request must have come, also the next one on a connection that is kept open; then it is closed
    #[arg(long, env = "ATTUNE_HEADER_TIMEOUT", default_value_t = 60, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub header_timeout: u64,
    /// Seconds in which the whole body of a request must have come; then 408 is answered
    #[arg(long, env = "ATTUNE_BODY_TIMEOUT", default_value_t = 300, value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub body_timeout: u64,
}

impl Default for ExposureOptions {
    /// As for a server within one command.
    fn default() -> Self {
        Self {
            require_keys: false,
            insecure: false,
            requests_per_minute: None,
            adapters_per_day: None,
            training_minutes_per_day: None,
            cors_origin: None,
            header_timeout: 60,
            body_timeout: 300,
        }
    }
}

impl ExposureOptions {
    pub(super) fn exposure(&self) -> Exposure {
        let limits = KeyLimits {
            requests_per_minute: self.requests_per_minute,
            adapters_per_day: self.adapters_per_day,
            training_minutes_per_day: self.training_minutes_per_day,
        };
        Exposure {
            keys: KeyPolicy { required: self.require_keys, limits },
            cors_origins: self.cors_origin.clone().map(|origins| origins.0).unwrap_or_default(),
            body_time: Some(Duration::from_secs(self.body_timeout)),
        }
    }

    pub(super) fn header_time(&self) -> Duration {
        Duration::from_secs(self.header_timeout)
    }

    /// Refuses an address that others can reach where there is no key, before anybody is let in there. One that cannot be
    /// listened on shows when it is tried.
    pub(super) async fn check(&self, listen: &str, store: &dyn Store) -> anyhow::Result<()> {
        let Ok(addresses) = tokio::net::lookup_host(listen).await else { return Ok(()) };
        if addresses.into_iter().all(|address| address.ip().is_loopback()) {
            return Ok(());
        }
        let keys = store.has_keys().await?;
        if !keys && self.insecure && !self.require_keys {
            tracing::warn!(listen, "there is no API key: whoever reaches this address may do everything");
        }
        anyhow::ensure!(
            keys || self.insecure,
            "others can reach {listen} and there is no API key: make one with `attune key create --name NAME --scopes admin`, \
             over the same --data-dir or --database-url, or allow everybody everything with --insecure"
        );
        Ok(())
    }
}

/// Origins of web pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

/// Why a text is no list of origins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no origin: write https://HOST or http://HOST:PORT, without a path")]
pub struct OriginsError {
    /// What stands in the place of one.
    found: String,
}

impl FromStr for Origins {
    type Err = OriginsError;

    fn from_str(text: &str) -> Result<Self, OriginsError> {
        let origin = |text: &str| {
            let invalid = || OriginsError { found: text.to_owned() };
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(invalid)?;
            let sane = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
            if host.is_empty() || !host.bytes().all(sane) {
                return Err(invalid());
            }
            HeaderValue::from_str(text).map_err(|_| invalid())
        };
        text.split(',').map(|text| origin(text.trim())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins: Vec<&str> = self.0.iter().filter_map(|origin| origin.to_str().ok()).collect();
        f.write_str(&origins.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_a_list_and_nothing_else_is_one() {
        let origins: Origins = "https://a.example, http://localhost:3000".parse().unwrap();
        assert_eq!(origins.to_string(), "https://a.example,http://localhost:3000");
        for wrong in
            ["", "*", "a.example", "https://a.example/", "https://", "https://a b", "https://a,,http://b", "null"]
        {
            assert!(wrong.parse::<Origins>().is_err(), "{wrong}");
        }
    }
}
