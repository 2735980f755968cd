//! Which of the databases' own errors mean something to a caller.

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

/// What such an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Later it may go.
    Busy,
    /// Somebody has to make room.
    DiskFull,
    /// A text has a character that the database cannot hold.
    NulCharacter,
}

impl Fault {
    /// `None` for an error that trying again would not mend.
    pub(super) fn of(error: &Error) -> Option<Self> {
        match error {
            Error::PoolTimedOut | Error::PoolClosed | Error::Io(_) | Error::BeginFailed => Some(Self::Busy),
            // SQLite's thread ended after a rollback that failed; the pool makes another connection.
            Error::WorkerCrashed => Some(Self::Busy),
            // A server, or what stands before it, that closes a connection before it has said a word.
            Error::Protocol(_) => Some(Self::Busy),
            Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => Self::of_postgres(error.code()),
                None => Self::of_sqlite(error.code()?.parse().ok()?),
            },
            _ => None,
        }
    }

    /// The primary result code is the low byte of the extended one.
    fn of_sqlite(code: u32) -> Option<Self> {
        match code & 0xff {
            // SQLITE_BUSY; SQLITE_IOERR and SQLITE_CANTOPEN, a device or a share that fails and may come back.
            5 | 10 | 14 => Some(Self::Busy),
            // SQLITE_FULL
            13 => Some(Self::DiskFull),
            _ => None,
        }
    }

    /// By SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn of_postgres(code: &str) -> Option<Self> {
        match code {
            // disk_full
            "53100" => Some(Self::DiskFull),
            // character_not_in_repertoire: our texts are UTF-8, so it can only be a NUL.
            "22021" => Some(Self::NulCharacter),
            // serialization_failure, deadlock_detected, lock_not_available
            "40001" | "40P01" | "55P03" => Some(Self::Busy),
            // query_canceled (a time limit), read_only_sql_transaction (a standby, while the primary changes)
            "57014" | "25006" | "25P03" => Some(Self::Busy),
            // Connection exceptions, insufficient resources, shutdown and start.
            _ if ["08", "53", "57P"].iter().any(|class| code.starts_with(class)) => Some(Self::Busy),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_or_overloaded_is_busy_and_a_wrong_statement_is_not() {
        for busy in ["08006", "40001", "40P01", "53200", "53300", "55P03", "57014", "57P01", "57P03", "25006"] {
            assert_eq!(Fault::of_postgres(busy), Some(Fault::Busy), "{busy}");
        }
        assert_eq!(Fault::of_postgres("53100"), Some(Fault::DiskFull));
        for wrong in ["23505", "42P01", "42601", "22P02", "28P01"] {
            assert_eq!(Fault::of_postgres(wrong), None, "{wrong}");
        }
        assert_eq!(Fault::of(&std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()), Some(Fault::Busy));
        let closed = Error::Protocol("unexpected response from SSLRequest: 0x00".to_owned());
        assert_eq!(Fault::of(&closed), Some(Fault::Busy));
        assert_eq!((Fault::of_sqlite(517), Fault::of_sqlite(13)), (Some(Fault::Busy), Some(Fault::DiskFull)));
        // A read that failed, and a write.
        assert_eq!((Fault::of_sqlite(266), Fault::of_sqlite(778)), (Some(Fault::Busy), Some(Fault::Busy)));
        // A constraint, and a file that is no database.
        assert_eq!((Fault::of_sqlite(2067), Fault::of_sqlite(26)), (None, None));
    }
}
