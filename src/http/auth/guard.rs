//! Who a key is: found in the database, remembered for a moment, and counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bucket::{Bucket, Standing};
use super::limits::Effective;
use crate::service::{Caller, CallerKey, Error, SecretKey, Service};
use crate::store::{KeyLimits, KeyRecord, Scope};

/// How long a key that was found is not looked up again: so long after it was revoked it may still work elsewhere.
pub const REMEMBERED: Duration = Duration::from_secs(5);
/// How long a server without keys goes on before it looks for the first one.
const LOOK: Duration = Duration::from_secs(1);
/// How often a key's use is written down.
const TOUCH: Duration = Duration::from_secs(60);
/// How many keys are remembered before those that nobody uses are forgotten.
const MANY: usize = 4096;

/// When keys are asked for, and what one may do that has no limits of its own.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyPolicy {
    /// Whether keys are asked for even where none was ever made.
    pub required: bool,
    /// The limits of keys that have none.
    pub limits: KeyLimits,
}

/// Keeps the door. The state of one process.
pub(crate) struct Guard {
    policy: KeyPolicy,
    /// Whether keys are asked for. It never turns false again: revoked keys stay, and so does the lock.
    required: AtomicBool,
    looked: Mutex<Option<Instant>>,
    known: Mutex<HashMap<String, Known>>,
}

/// A key that was found.
struct Known {
    record: Arc<KeyRecord>,
    read: Instant,
    touched: Option<Instant>,
    bucket: Bucket,
}

/// A key that is good.
pub(super) struct Admitted {
    pub(super) record: Arc<KeyRecord>,
    pub(super) limits: Effective,
    /// None where there is no limit of requests.
    pub(super) standing: Option<Standing>,
    /// Whether its use is to be written down.
    pub(super) touch: bool,
}

impl Admitted {
    pub(super) fn scopes(&self) -> &[Scope] {
        &self.record.scopes
    }

    pub(super) fn caller(&self) -> Caller {
        let key = CallerKey {
            id: self.record.id.clone(),
            adapters_per_day: self.limits.adapters,
            training_minutes_per_day: self.limits.training_minutes,
        };
        Caller { tenant: self.record.tenant.as_str().into(), key: Some(Arc::new(key)) }
    }
}

impl Guard {
    pub(crate) fn new(policy: KeyPolicy) -> Self {
        Self {
            policy,
            required: AtomicBool::new(policy.required),
            looked: Mutex::new(None),
            known: Mutex::new(HashMap::new()),
        }
    }

    /// Whether keys are asked for. A server without any looks for the first one once a second; while the database does not
    /// answer it stays as it was, because nobody can have made a key there.
    pub(super) async fn asks(&self, service: &Service) -> bool {
        if self.required.load(Ordering::Acquire) {
            return true;
        }
        let now = Instant::now();
        match &mut *lock(&self.looked) {
            Some(looked) if now.duration_since(*looked) < LOOK => return false,
            // Of those who come meanwhile nobody waits; but nobody gets in before it was looked once.
            Some(looked) => *looked = now,
            None => {}
        }
        match service.has_keys().await {
            Ok(false) => *lock(&self.looked) = Some(now),
            Ok(true) => self.ask(),
            Err(error) => tracing::warn!(%error, "whether there are API keys cannot be found out now"),
        }
        self.required.load(Ordering::Acquire)
    }

    /// Asks for keys from now on.
    pub(crate) fn ask(&self) {
        self.required.store(true, Ordering::Release);
    }

    /// The key of this text, if it is one that counts now; a request is counted against it.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub(super) async fn admit(&self, service: &Service, text: &str) -> Result<Option<Admitted>, Error> {
        let Some(secret) = SecretKey::parse(text) else { return Ok(None) };
        let Some(record) = self.record(service, &secret).await? else { return Ok(None) };
        let now = service.now();
        if record.revoked_at.is_some() || record.expires_at.is_some_and(|expires| expires <= now) {
            return Ok(None);
        }
        Ok(Some(self.count(record)))
    }

    /// The record of the key, remembered or read anew.
    async fn record(&self, service: &Service, secret: &SecretKey) -> Result<Option<Arc<KeyRecord>>, Error> {
        let now = Instant::now();
        let remembered = lock(&self.known).get(secret.prefix()).and_then(|known| {
            let good = now.duration_since(known.read) < REMEMBERED && secret.has(&known.record.hash);
            good.then(|| Arc::clone(&known.record))
        });
        match remembered {
            Some(record) => Ok(Some(record)),
            None => Ok(service.find_key(secret).await?.map(Arc::new)),
        }
    }

    /// Remembers the key and counts a request.
    fn count(&self, record: Arc<KeyRecord>) -> Admitted {
        let now = Instant::now();
        let limits = Effective::of(record.limits, self.policy.limits);
        let mut known = lock(&self.known);
        if known.len() >= MANY {
            // A bucket that nobody took from for a minute is full, as a new one would be.
            known.retain(|_, known| now.duration_since(known.read.max(known.bucket.last())) < TOUCH);
        }
        let entry = known.entry(record.prefix.clone()).or_insert_with(|| Known {
            record: Arc::clone(&record),
            read: now,
            touched: None,
            bucket: Bucket::full(limits.requests.unwrap_or(0), now),
        });
        if !Arc::ptr_eq(&entry.record, &record) {
            (entry.record, entry.read) = (Arc::clone(&record), now);
        }
        let standing = limits.requests.map(|limit| entry.bucket.take(limit, now));
        let touch = entry.touched.is_none_or(|touched| now.duration_since(touched) >= TOUCH);
        if touch {
            entry.touched = Some(now);
        }
        Admitted { record, limits, standing, touch }
    }

    /// Forgets a key that was revoked here.
    pub(crate) fn forget(&self, prefix: &str) {
        lock(&self.known).remove(prefix);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
