//! Where a server's database is.

use std::fmt;

use sqlx::postgres::PgConnectOptions;

use super::error::StoreError;

/// The parameters that a URL may have. The driver would log what it does not know, and that may be a password.
const PARAMETERS: [&str; 13] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// A URL like `postgres://user:password@host:5432/database?sslmode=verify-full`. It is taken as it comes, so that an error
/// in it is told without it; nothing shows it, because of the password.
///
/// ```
/// use attune::store::DatabaseUrl;
/// let url = DatabaseUrl::from("postgres://attune:secret@db.internal/attune".to_owned());
/// assert!(!format!("{url:?}").contains("secret"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

impl DatabaseUrl {
    /// What the driver makes of it.
    ///
    /// # Errors
    /// `InvalidUrl`, which says what is wrong and not with what.
    pub(super) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| self.0.starts_with(scheme)) {
            return Err(invalid("must begin with postgres://"));
        }
        let query = self.0.split_once('?').map_or("", |(_, query)| query);
        for key in query.split('&').filter_map(|pair| pair.split('=').next()).filter(|key| !key.is_empty()) {
            let known = PARAMETERS.contains(&key) || (key.starts_with("options[") && key.ends_with(']'));
            if !known {
                return Err(invalid(&format!(
                    "has an unknown parameter; the known ones are {}",
                    PARAMETERS.join(", ")
                )));
            }
        }
        self.0.parse().map_err(|_| {
            invalid(
                "cannot be read: postgres://USER:PASSWORD@HOST:PORT/DATABASE, and other than letters and digits as %XX",
            )
        })
    }
}

fn invalid(reason: &str) -> StoreError {
    StoreError::InvalidUrl { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        DatabaseUrl::from(url.to_owned()).options().unwrap_err().to_string()
    }

    #[test]
    fn a_url_is_read_and_not_shown() {
        let url = DatabaseUrl::from("postgresql://me:secret@db:6432/things?sslmode=require".to_owned());
        let options = url.options().unwrap();
        assert_eq!((options.get_host(), options.get_port(), options.get_database()), ("db", 6432, Some("things")));
        assert_eq!(format!("{:?}", Some(&url)), "Some(DatabaseUrl(…))");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_told_without_it() {
        for (url, problem) in [
            ("", "must begin with postgres://"),
            ("mysql://me:secret@db/things", "must begin with postgres://"),
            ("postgres://me:secret@db:port/things", "cannot be read"),
            ("postgres://me@db/things?pasword=secret", "unknown parameter"),
            ("postgres://me:secret@db/things?sslmode=maybe", "cannot be read"),
        ] {
            let refused = refused(url);
            assert!(refused.contains(problem), "{refused}");
            assert!(!refused.contains("secret") && !refused.contains("me:"), "{refused}");
        }
    }
}
