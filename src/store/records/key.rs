//! API keys: who may do what, and how much of it.

use std::fmt;

use time::OffsetDateTime;

use super::words;

words! {
    /// What a key may do.
    Scope, "scope" {
        /// Look at what is there.
        Read = "read",
        /// Make adapters, and use them.
        Generate = "generate",
        /// Change tasks, and train.
        Train = "train",
        /// All of it, and manage keys.
        Admin = "admin",
    }
}

/// How much a key may do. Of each, none where the server's default counts, and 0 where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Adapters made a day.
    pub adapters_per_day: Option<u32>,
    /// Minutes of training a day.
    pub training_minutes_per_day: Option<u32>,
}

/// The SHA-256 of a whole key, in hexadecimal. It is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyHash(pub String);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// An API key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How it begins; that is no secret.
    pub prefix: String,
    /// What it is checked against.
    pub hash: KeyHash,
    /// How much it may do.
    pub limits: KeyLimits,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// From when on it is of no use any more.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<OffsetDateTime>,
}
