//! Who asks for something, and how much more of it they may have.

use std::sync::Arc;
use std::time::Duration;

use time::{OffsetDateTime, Time};

use super::{Error, Service};
use crate::store::{DEFAULT_TENANT, JobOwner};
use crate::telemetry::record::{self, Limit};

const DAY: Duration = Duration::from_secs(86_400);

/// Who asks. Clones share the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose things are meant.
    pub tenant: Arc<str>,
    /// The key that they came with, where there was one.
    pub key: Option<Arc<CallerKey>>,
}

/// An API key and its quotas; none where there is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerKey {
    /// Its id.
    pub id: String,
    /// Adapters that it may make a day, at least 1.
    pub adapters_per_day: Option<u32>,
    /// Minutes that it may train a day, at least 1.
    pub training_minutes_per_day: Option<u32>,
}

impl Default for Caller {
    /// The only tenant, without a key.
    fn default() -> Self {
        Self { tenant: DEFAULT_TENANT.into(), key: None }
    }
}

impl Caller {
    /// As a job remembers them.
    pub(super) fn owner(&self) -> JobOwner {
        JobOwner { tenant: self.tenant.to_string(), key: self.key.as_ref().map(|key| key.id.clone()) }
    }
}

/// The place of an adapter in a key's quota of a day.
#[derive(Debug)]
pub(super) struct Taken {
    key: Arc<CallerKey>,
    day: i64,
}

impl Service {
    /// Counts an adapter against the caller's quota before it is made; none where there is no quota.
    ///
    /// # Errors
    /// [`Error::QuotaUsed`].
    pub(super) async fn take_adapter(&self, caller: &Caller) -> Result<Option<Taken>, Error> {
        let Some(key) = &caller.key else { return Ok(None) };
        let Some(limit) = key.adapters_per_day else { return Ok(None) };
        let now = self.now();
        let day = now.unix_timestamp().div_euclid(DAY.as_secs() as i64);
        match self.store.take_adapter(&key.id, day, limit).await? {
            true => Ok(Some(Taken { key: key.clone(), day })),
            false => {
                record::rate_limited(Limit::Adapters);
                Err(Error::QuotaUsed { what: "adapters", limit, wait: until_midnight(now) })
            }
        }
    }

    /// Gives the place back of an adapter that was not made after all. Where that fails it counts.
    pub(super) async fn give_back(&self, taken: Option<Taken>) {
        let Some(Taken { key, day }) = taken else { return };
        if let Err(error) = self.store.give_adapter_back(&key.id, day).await {
            tracing::warn!(%error, "an adapter that was not made counts against a quota");
        }
    }

    /// Refuses one whose jobs have trained for as long as they may today.
    ///
    /// # Errors
    /// [`Error::QuotaUsed`].
    pub(super) async fn check_training_quota(&self, caller: &Caller) -> Result<(), Error> {
        let Some(key) = &caller.key else { return Ok(()) };
        let Some(limit) = key.training_minutes_per_day else { return Ok(()) };
        let now = self.now();
        let trained = self.store.trained_ms(&key.id, midnight(now), now).await?;
        if trained < u64::from(limit) * 60_000 {
            return Ok(());
        }
        record::rate_limited(Limit::Training);
        Err(Error::QuotaUsed { what: "training-minutes", limit, wait: until_midnight(now) })
    }
}

/// The beginning of the day in UTC.
fn midnight(now: OffsetDateTime) -> OffsetDateTime {
    now.to_offset(time::UtcOffset::UTC).replace_time(Time::MIDNIGHT)
}

fn until_midnight(now: OffsetDateTime) -> Duration {
    Duration::try_from(midnight(now) + DAY - now).unwrap_or(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_day_is_one_in_utc_wherever_the_clock_stands() {
        assert_eq!(midnight(datetime!(2026-11-29 01:30 +02:00)), datetime!(2026-11-28 00:00 UTC));
        assert_eq!(until_midnight(datetime!(2026-11-28 23:59:30 UTC)), Duration::from_secs(30));
    }
}
