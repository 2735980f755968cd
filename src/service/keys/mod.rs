//! API keys: made, listed, revoked, found.

mod secret;

pub use secret::SecretKey;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{Error, Service};
use crate::store::{DEFAULT_TENANT, KeyLimits, KeyRecord, KeyStore, Page, PageRequest, Scope};

/// The longest name of a key or a tenant, in characters.
const MAX_NAME: usize = 128;

/// A key to make.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// What it is called, for people.
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// Whose it is; the caller's own tenant where it is not said. Only a key of the tenant `default` can make another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 128, pattern = "^[A-Za-z0-9._-]+$")]
    pub tenant: Option<String>,
    /// What it may do.
    #[schema(min_items = 1)]
    pub scopes: Vec<Scope>,
    /// In how many seconds it expires; never where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 3_153_600_000_u64)]
    pub expires_in_seconds: Option<u64>,
    /// Requests a minute; 0 for no limit, the server's default where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub requests_per_minute: Option<u32>,
    /// Adapters made a day; 0 for no limit, the server's default where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub adapters_per_day: Option<u32>,
    /// Minutes of training a day; 0 for no limit, the server's default where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub training_minutes_per_day: Option<u32>,
}

/// A key, as every list shows it.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyView {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub tenant: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// How it begins.
    #[schema(example = "attune_0123456789ab")]
    pub prefix: String,
    /// Requests a minute; 0 for no limit, null for the server's default.
    #[schema(required = true)]
    pub requests_per_minute: Option<u32>,
    /// Adapters made a day; 0 for no limit, null for the server's default.
    #[schema(required = true)]
    pub adapters_per_day: Option<u32>,
    /// Minutes of training a day; 0 for no limit, null for the server's default.
    #[schema(required = true)]
    pub training_minutes_per_day: Option<u32>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: OffsetDateTime,
    /// From when on it is of no use any more.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to about a minute.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub last_used_at: Option<OffsetDateTime>,
}

/// A new key with its secret, which is shown this once.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
pub struct CreatedKey {
    /// The key.
    #[serde(flatten)]
    pub key: KeyView,
    /// The whole text to send as `Authorization: Bearer …`.
    pub secret: String,
}

impl From<KeyRecord> for KeyView {
    fn from(record: KeyRecord) -> Self {
        let KeyLimits { requests_per_minute, adapters_per_day, training_minutes_per_day } = record.limits;
        Self {
            id: record.id,
            name: record.name,
            tenant: record.tenant,
            scopes: record.scopes,
            prefix: record.prefix,
            requests_per_minute,
            adapters_per_day,
            training_minutes_per_day,
            created_at: record.created_at,
            expires_at: record.expires_at,
            revoked_at: record.revoked_at,
            last_used_at: record.last_used_at,
        }
    }
}

/// Makes a key and stores all but its secret.
///
/// # Errors
/// [`Error::Invalid`] names the field; [`Error::Store`].
pub async fn create_key(
    store: &(impl KeyStore + ?Sized),
    request: CreateKey,
    (id, now): (String, OffsetDateTime),
) -> Result<CreatedKey, Error> {
    let tenant = request.tenant.unwrap_or_else(|| DEFAULT_TENANT.to_owned());
    check(&request.name, &tenant, &request.scopes)?;
    let expires_at = request.expires_in_seconds.map(|seconds| expiry(now, seconds)).transpose()?;
    let secret = SecretKey::random().map_err(Error::internal)?;
    let mut scopes = request.scopes;
    scopes.sort_by_key(|scope| *scope as u8);
    scopes.dedup();
    let record = KeyRecord {
        id,
        tenant,
        name: request.name,
        scopes,
        prefix: secret.prefix().to_owned(),
        hash: secret.hash(),
        limits: KeyLimits {
            requests_per_minute: request.requests_per_minute,
            adapters_per_day: request.adapters_per_day,
            training_minutes_per_day: request.training_minutes_per_day,
        },
        // As it is stored.
        created_at: now.truncate_to_millisecond(),
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    store.insert_key(&record).await?;
    Ok(CreatedKey { key: record.into(), secret: secret.reveal().to_owned() })
}

fn check(name: &str, tenant: &str, scopes: &[Scope]) -> Result<(), Error> {
    let invalid = |field, problem: &str| Err(Error::Invalid { field, problem: problem.to_owned() });
    let sane = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return invalid("name", "must have 1 to 128 characters, none of them a control character");
    }
    if tenant.is_empty() || tenant.len() > MAX_NAME || !tenant.chars().all(sane) {
        return invalid("tenant", "must have 1 to 128 characters out of letters, digits and ._-");
    }
    if scopes.is_empty() {
        return invalid("scopes", "must name at least one of read, generate, train, admin");
    }
    Ok(())
}

fn expiry(now: OffsetDateTime, seconds: u64) -> Result<OffsetDateTime, Error> {
    const CENTURY: u64 = 100 * 365 * 86_400;
    let problem = || "must be between 1 and 3153600000, which is a hundred years".to_owned();
    let invalid = || Error::Invalid { field: "expires_in_seconds", problem: problem() };
    let after =
        (1..=CENTURY).contains(&seconds).then(|| time::Duration::seconds(seconds as i64)).ok_or_else(invalid)?;
    now.checked_add(after).ok_or_else(invalid)
}

impl Service {
    /// Makes a key.
    ///
    /// # Errors
    /// As [`create_key`].
    pub async fn create_key(&self, request: CreateKey) -> Result<CreatedKey, Error> {
        create_key(&*self.store, request, (self.new_id(), self.now())).await
    }

    /// The keys of a tenant, or of all, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`] with an invalid cursor.
    pub async fn list_keys(&self, tenant: Option<&str>, page: &PageRequest) -> Result<Page<KeyRecord>, Error> {
        Ok(self.store.list_keys(tenant, page).await?)
    }

    /// Revokes a key of a tenant, or of any.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_key(&self, tenant: Option<&str>, id: &str) -> Result<KeyRecord, Error> {
        let revoked = self.store.revoke_key(tenant, id, self.now()).await;
        revoked.map_err(|error| super::adapters::missing(error, "key", id))
    }

    /// Whether a key was ever made here.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_keys(&self) -> Result<bool, Error> {
        Ok(self.store.has_keys().await?)
    }

    /// The record of this key, whatever has become of it; none where there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_key(&self, key: &SecretKey) -> Result<Option<KeyRecord>, Error> {
        let record = self.store.key_of_prefix(key.prefix()).await?;
        Ok(record.filter(|record| key.has(&record.hash)))
    }

    /// Notes that the key was used.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn touch_key(&self, id: &str) -> Result<(), Error> {
        Ok(self.store.touch_key(id, self.now()).await?)
    }
}
