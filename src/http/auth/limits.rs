//! How much a key may do, and the headers that tell it: `RateLimit-Policy` and `RateLimit` of
//! draft-ietf-httpapi-ratelimit-headers.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::bucket::Standing;
use crate::store::KeyLimits;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub(crate) const STATE: HeaderName = HeaderName::from_static("ratelimit");
const DAY_S: u32 = 86_400;

/// What counts for a key whose own limits may leave it to the server. None where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effective {
    pub(super) requests: Option<u32>,
    pub(super) adapters: Option<u32>,
    pub(super) training_minutes: Option<u32>,
}

impl Effective {
    pub(super) fn of(own: KeyLimits, default: KeyLimits) -> Self {
        let limit = |own: Option<u32>, default: Option<u32>| own.or(default).filter(|limit| *limit > 0);
        Self {
            requests: limit(own.requests_per_minute, default.requests_per_minute),
            adapters: limit(own.adapters_per_day, default.adapters_per_day),
            training_minutes: limit(own.training_minutes_per_day, default.training_minutes_per_day),
        }
    }

    /// Tells the limits, and how that of requests stands.
    pub(super) fn tell(self, standing: Option<Standing>, headers: &mut HeaderMap) {
        let policy = |name, limit: Option<u32>, window| limit.map(|limit| format!("\"{name}\";q={limit};w={window}"));
        let policies = [
            policy("requests", self.requests, 60),
            policy("adapters", self.adapters, DAY_S),
            policy("training-minutes", self.training_minutes, DAY_S),
        ];
        let policies: Vec<String> = policies.into_iter().flatten().collect();
        if !policies.is_empty() {
            headers.extend(HeaderValue::from_str(&policies.join(", ")).map(|value| (POLICY, value)));
        }
        if let Some(Standing { left, wait, .. }) = standing {
            headers.append(STATE, state("requests", left, wait));
        }
    }
}

/// A policy's standing: how much is left, and in how many seconds there is more.
pub(crate) fn state(policy: &str, left: u32, wait: Duration) -> HeaderValue {
    let text = format!("\"{policy}\";r={left};t={}", seconds(wait));
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// Whole seconds, after which the wait is over.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keys_own_limit_counts_and_nothing_is_none() {
        let default = KeyLimits { requests_per_minute: Some(5), adapters_per_day: Some(0), ..KeyLimits::default() };
        let own = KeyLimits { requests_per_minute: Some(0), training_minutes_per_day: Some(3), ..KeyLimits::default() };
        let effective = Effective::of(own, default);
        assert_eq!(effective, Effective { requests: None, adapters: None, training_minutes: Some(3) });
        assert_eq!(Effective::of(KeyLimits::default(), default).requests, Some(5));
    }

    #[test]
    fn the_headers_are_the_drafts() {
        let limits = Effective { requests: Some(100), adapters: Some(7), training_minutes: None };
        let mut headers = HeaderMap::new();
        let standing = Standing { allowed: true, limit: 100, left: 50, wait: Duration::from_millis(29_500) };
        limits.tell(Some(standing), &mut headers);
        assert_eq!(headers[POLICY], "\"requests\";q=100;w=60, \"adapters\";q=7;w=86400");
        assert_eq!(headers[STATE], "\"requests\";r=50;t=30");
        let mut none = HeaderMap::new();
        Effective::default().tell(None, &mut none);
        assert!(none.is_empty());
    }
}
