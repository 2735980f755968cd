//! Why a server did not do it, as a person is told.

use reqwest::{StatusCode, Url, header};
use serde_json::Value;

#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum Error {
    /// The server said no.
    #[error("{detail} ({status}{code}){remedy}")]
    Refused { status: u16, code: String, detail: String, remedy: String },
    #[error("{url} cannot be reached: {reason}. Is a server running there, and --server (or ATTUNE_SERVER) right?")]
    Unreachable { url: Url, reason: String },
    #[error("the connection to {url} broke off: {reason}")]
    BrokenOff { url: Url, reason: String },
    #[error("what {url} answered is none of attune's answers: {reason}")]
    Unreadable { url: Url, reason: String },
    #[error("{name:?} is no id and no name")]
    NoName { name: String },
}

impl Error {
    pub(super) fn sending(url: &Url, error: &reqwest::Error) -> Self {
        let (url, reason) = (url.clone(), deepest(error));
        if error.is_connect() { Self::Unreachable { url, reason } } else { Self::BrokenOff { url, reason } }
    }

    /// Of a response that is no success: its problem, where it has one.
    pub(super) async fn refused(response: reqwest::Response) -> Self {
        let (status, url) = (response.status(), response.url().clone());
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = response.text().await.unwrap_or_default();
        match serde_json::from_str::<Value>(&body) {
            Ok(problem) if problem["detail"].is_string() => Self::of_problem(status, &problem, wait.as_deref()),
            _ => Self::Unreadable { url, reason: format!("{status} without a problem's JSON") },
        }
    }

    fn of_problem(status: StatusCode, problem: &Value, wait: Option<&str>) -> Self {
        let code = problem["type"].as_str().and_then(|kind| kind.rsplit('/').next()).unwrap_or_default();
        let remedy = match (status, wait) {
            (StatusCode::UNAUTHORIZED, _) => ": give --api-key, or better ATTUNE_API_KEY".to_owned(),
            (_, Some(seconds)) => format!(": try again in {seconds} s"),
            _ => String::new(),
        };
        Self::Refused {
            status: status.as_u16(),
            code: if code.is_empty() { String::new() } else { format!(" {code}") },
            detail: problem["detail"].as_str().unwrap_or_default().to_owned(),
            remedy,
        }
    }

    /// Whether the server may answer when it is asked again.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 500 || matches!(status, 408 | 429),
            Self::Unreachable { .. } | Self::BrokenOff { .. } | Self::Unreadable { .. } => true,
            Self::NoName { .. } => false,
        }
    }
}

/// The cause beneath all others: those above it say the address over and over.
fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_says_what_the_server_says_and_what_helps() {
        let problem = json!({ "type": "/problems/unauthorized", "detail": "no key was sent" });
        let error = Error::of_problem(StatusCode::UNAUTHORIZED, &problem, None);
        let told = "no key was sent (401 unauthorized): give --api-key, or better ATTUNE_API_KEY";
        assert_eq!(error.to_string(), told);
        assert!(!error.may_pass());
        let full = json!({ "type": "/problems/queue_full", "detail": "32 wait" });
        let error = Error::of_problem(StatusCode::TOO_MANY_REQUESTS, &full, Some("3"));
        assert_eq!(error.to_string(), "32 wait (429 queue_full): try again in 3 s");
        let missing = Error::of_problem(StatusCode::NOT_FOUND, &json!({ "detail": "x" }), None);
        assert_eq!(missing.to_string(), "x (404)");
    }
}
