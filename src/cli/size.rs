//! Sizes as people write them.

/// Units, the longest names first, so that none hides another.
const UNITS: [(&str, u64); 7] = [
    ("GIB", 1 << 30),
    ("MIB", 1 << 20),
    ("KIB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Bytes of a text such as `5GB`, `200MB` or `1GiB`; a number alone is bytes.
///
/// # Errors
/// In words for the command line.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let upper = text.trim().to_ascii_uppercase();
    let unit = UNITS.into_iter().find_map(|(name, factor)| Some((upper.strip_suffix(name)?, factor)));
    let (number, factor) = unit.unwrap_or((&upper, 1));
    let number: u64 = number.trim().parse().map_err(|_| "not a size: write 5GB, 200MB or 1GiB".to_owned())?;
    match number.checked_mul(factor) {
        Some(0) => Err("must be above 0".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("is too large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        for (text, expected) in
            [("5GB", 5_000_000_000), ("200mb", 200_000_000), ("1 GiB", 1 << 30), ("12", 12), ("3KB", 3000), ("7B", 7)]
        {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "GB", "0MB", "-1GB", "1.5GB", "99999999999GB", "5 parsecs"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
