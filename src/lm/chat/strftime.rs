//! `strftime_now`: the date as C's `strftime` writes it in the C locale.

use std::fmt::Write as _;

use minijinja::{Error, ErrorKind};
use time::OffsetDateTime;

/// The longest accepted format, in bytes; each directive writes at most a few dozen bytes.
const MAX_FORMAT_BYTES: usize = 1024;

/// The time by a format such as `%d %b %Y`. Unknown directives stay as they are.
pub(super) fn format(now: OffsetDateTime, format: &str) -> Result<String, Error> {
    if format.len() > MAX_FORMAT_BYTES {
        return Err(Error::new(ErrorKind::InvalidOperation, "the format of strftime_now is too long"));
    }
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            // glibc's flag against padding, which templates use for days and hours.
            Some('-') => match chars.next() {
                Some(directive) => out.push_str(unpadded(&written(now, directive))),
                None => out.push_str("%-"),
            },
            Some(directive) => out.push_str(&written(now, directive)),
            None => out.push('%'),
        }
    }
    Ok(out)
}

fn unpadded(text: &str) -> &str {
    match text.trim_start_matches(['0', ' ']) {
        "" => "0",
        rest => rest,
    }
}

fn written(now: OffsetDateTime, directive: char) -> String {
    let weekday = now.weekday().to_string();
    let month = now.month().to_string();
    let twelve = match now.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let join = |directives: &str, separator: &str| {
        directives.chars().map(|d| written(now, d)).collect::<Vec<_>>().join(separator)
    };
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = match directive {
        'Y' => write!(out, "{}", now.year()),
        'y' => write!(out, "{:02}", now.year().rem_euclid(100)),
        'C' => write!(out, "{:02}", now.year().div_euclid(100)),
        'm' => write!(out, "{:02}", u8::from(now.month())),
        'd' => write!(out, "{:02}", now.day()),
        'e' => write!(out, "{:>2}", now.day()),
        'j' => write!(out, "{:03}", now.ordinal()),
        'H' => write!(out, "{:02}", now.hour()),
        'I' => write!(out, "{twelve:02}"),
        'M' => write!(out, "{:02}", now.minute()),
        'S' => write!(out, "{:02}", now.second()),
        'f' => write!(out, "{:06}", now.microsecond()),
        'p' => write!(out, "{}", if now.hour() < 12 { "AM" } else { "PM" }),
        'A' => write!(out, "{weekday}"),
        'a' => write!(out, "{}", &weekday[..3]),
        'B' => write!(out, "{month}"),
        'b' | 'h' => write!(out, "{}", &month[..3]),
        'u' => write!(out, "{}", now.weekday().number_from_monday()),
        'w' => write!(out, "{}", now.weekday().number_days_from_sunday()),
        'F' => write!(out, "{}", join("Ymd", "-")),
        'T' | 'X' => write!(out, "{}", join("HMS", ":")),
        'R' => write!(out, "{}", join("HM", ":")),
        'D' | 'x' => write!(out, "{}", join("mdy", "/")),
        'c' => write!(out, "{}", join("abeTY", " ")),
        's' => write!(out, "{}", now.unix_timestamp()),
        // Python's local time without a zone writes nothing here.
        'z' | 'Z' => Ok(()),
        'n' => writeln!(out),
        't' => write!(out, "\t"),
        '%' => write!(out, "%"),
        other => write!(out, "%{other}"),
    };
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_pythons_strftime_writes_them() {
        // datetime(2026, 3, 5, 0, 7, 9, 120000).strftime(format)
        let now = time::macros::datetime!(2026-03-05 00:07:09.12 UTC);
        for (directives, expected) in [
            ("%d %b %Y", "05 Mar 2026"),
            ("%Y-%m-%d", "2026-03-05"),
            ("%A, %B %-d, %Y", "Thursday, March 5, 2026"),
            ("%H:%M:%S.%f %I %p", "00:07:09.120000 12 AM"),
            ("%F %T %R %D %y %j %u %w %e", "2026-03-05 00:07:09 00:07 03/05/26 26 064 4 4  5"),
            ("%c", "Thu Mar  5 00:07:09 2026"),
            ("%-H 100%% %", "0 100% %"),
        ] {
            assert_eq!(format(now, directives).unwrap(), expected, "{directives}");
        }
    }
}
