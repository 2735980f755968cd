//! Where the hub is, who asks, and where its files are kept.

use std::path::{Path, PathBuf};

use super::Error;

/// How the hub is used. The default is the public hub, without a token, in the user's cache.
#[derive(Clone, Default)]
pub struct HubOptions {
    /// Another hub than `https://huggingface.co`.
    pub endpoint: Option<String>,
    /// A token for gated and private models. It is never shown.
    pub token: Option<String>,
    /// The folder of the `models--org--name` folders.
    pub cache_dir: Option<PathBuf>,
    /// Ask nobody: what the cache lacks is an error.
    pub offline: bool,
}

impl std::fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HubOptions")
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.as_ref().map(|_| "..."))
            .field("cache_dir", &self.cache_dir)
            .field("offline", &self.offline)
            .finish()
    }
}

impl HubOptions {
    /// As huggingface_hub reads the environment: `HF_ENDPOINT`; `HF_TOKEN`, else the file `HF_TOKEN_PATH` or
    /// `token` in `HF_HOME`; `HF_HUB_CACHE`, else `hub` in `HF_HOME`, which is `huggingface` in `XDG_CACHE_HOME` or
    /// `~/.cache`; `HF_HUB_OFFLINE`.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok(), std::env::home_dir().as_deref())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>, user_home: Option<&Path>) -> Self {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let home = home(&set, user_home);
        let token_file = set("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| Some(home.as_ref()?.join("token")));
        let from_file = || {
            let text = std::fs::read_to_string(token_file?).ok()?;
            Some(text.trim().to_owned()).filter(|token| !token.is_empty())
        };
        let cache = set("HF_HUB_CACHE").or_else(|| set("HUGGINGFACE_HUB_CACHE")).map(PathBuf::from);
        let offline = set("HF_HUB_OFFLINE").unwrap_or_default().to_ascii_lowercase();
        Self {
            endpoint: set("HF_ENDPOINT"),
            token: set("HF_TOKEN").or_else(from_file),
            cache_dir: cache.or_else(|| Some(home?.join("hub"))),
            offline: matches!(offline.as_str(), "1" | "on" | "yes" | "true"),
        }
    }

    /// The hub's address, without a slash at its end.
    #[cfg_attr(not(feature = "hub"), expect(dead_code, reason = "only the hub's own code asks"))]
    pub(super) fn endpoint(&self) -> Result<String, Error> {
        let endpoint = self.endpoint.as_deref().unwrap_or("https://huggingface.co").trim_end_matches('/');
        let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        match host {
            Some(host) if !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "?#".contains(c)) => {
                Ok(endpoint.to_owned())
            }
            _ => Err(Error::Option { variable: "HF_ENDPOINT", problem: "must be an http:// or https:// address" }),
        }
    }

    /// The cache's folder.
    #[cfg_attr(not(feature = "hub"), expect(dead_code, reason = "only the hub's own code asks"))]
    pub(super) fn cache(&self) -> Result<PathBuf, Error> {
        let default = || Some(home(&|_| None, std::env::home_dir().as_deref())?.join("hub"));
        self.cache_dir.clone().or_else(default).ok_or(Error::NoCache)
    }
}

/// `HF_HOME`, or where it is by default.
fn home(set: &impl Fn(&str) -> Option<String>, user_home: Option<&Path>) -> Option<PathBuf> {
    let caches = || set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(user_home?.join(".cache")));
    set("HF_HOME").map(PathBuf::from).or_else(|| Some(caches()?.join("huggingface")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> HubOptions {
        let value = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        HubOptions::from_variables(value, Some(Path::new("/home/someone")))
    }

    #[test]
    fn the_cache_is_where_huggingface_hub_has_it() {
        let cache = |variables: &[(&str, &str)]| options(variables).cache_dir.unwrap().display().to_string();
        assert_eq!(cache(&[]), "/home/someone/.cache/huggingface/hub");
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/c")]), "/c/huggingface/hub");
        assert_eq!(cache(&[("HF_HOME", "/h"), ("XDG_CACHE_HOME", "/c")]), "/h/hub");
        assert_eq!(cache(&[("HF_HUB_CACHE", "/x"), ("HF_HOME", "/h")]), "/x");
    }

    #[test]
    fn the_token_is_the_variable_or_the_file_and_is_never_shown() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "from-file\n").unwrap();
        let at_home = ("HF_HOME", home.path().to_str().unwrap());
        assert_eq!(options(&[at_home]).token.as_deref(), Some("from-file"));
        assert_eq!(options(&[at_home, ("HF_TOKEN", "direct ")]).token.as_deref(), Some("direct"));
        assert!(options(&[]).token.is_none());
        assert!(!format!("{:?}", options(&[("HF_TOKEN", "secret")])).contains("secret"));
    }

    #[test]
    fn offline_is_switched_on_by_the_usual_words() {
        for (word, expected) in [("1", true), ("True", true), ("yes", true), ("0", false), ("", false), ("no", false)] {
            assert_eq!(options(&[("HF_HUB_OFFLINE", word)]).offline, expected, "{word}");
        }
    }
}
