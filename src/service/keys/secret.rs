//! The text of an API key.
//!
//! ```text
//! attune_ 0123456789ab …64 hexadecimal digits…
//!         └ public ──┘ └ 256 random bits ────┘
//! ```
//!
//! The public part finds the record, so that the database compares no secret. What is stored is one SHA-256 of the whole text:
//! slow hashes are for what people think up, and nobody guesses 256 random bits, so a fast one is as safe and costs a
//! request nothing.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::noise::unguessable;
use crate::store::KeyHash;
use crate::store::artifacts::hex;

const MARK: &str = "attune_";
/// Digits of the public part.
const PUBLIC: usize = 12;
/// Random bytes of the secret part.
const SECRET_BYTES: usize = 32;

/// A whole key. It is never shown but to the one who made it: `Debug` gives its public part.
#[derive(Clone)]
pub struct SecretKey(String);

impl SecretKey {
    /// A new one.
    ///
    /// # Errors
    /// Where the system gives no random bytes.
    pub(super) fn random() -> std::io::Result<Self> {
        let (public, secret): ([u8; PUBLIC / 2], [u8; SECRET_BYTES]) = (unguessable()?, unguessable()?);
        Ok(Self(format!("{MARK}{}{}", hex(&public), hex(&secret))))
    }

    /// The key of this text; none where it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(MARK)?;
        let formed = digits.len() == PUBLIC + 2 * SECRET_BYTES;
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (formed && digits.bytes().all(hexadecimal)).then(|| Self(text.to_owned()))
    }

    /// How it begins, which is no secret.
    pub fn prefix(&self) -> &str {
        &self.0[..MARK.len() + PUBLIC]
    }

    /// The whole of it, for the one who made it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> KeyHash {
        KeyHash(hex(&Sha256::digest(&self.0)))
    }

    /// Whether it is the key of this hash, found out in a time that does not depend on how far they agree.
    pub fn has(&self, hash: &KeyHash) -> bool {
        self.hash().0.as_bytes().ct_eq(hash.0.as_bytes()).into()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}…)", self.prefix())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_own_and_no_other() {
        let (one, other) = (SecretKey::random().unwrap(), SecretKey::random().unwrap());
        assert!(one.has(&one.hash()) && !one.has(&other.hash()));
        let read = SecretKey::parse(one.reveal()).unwrap();
        assert!(read.has(&one.hash()));
        assert_eq!(read.prefix(), one.prefix());
    }

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        let key = SecretKey::random().unwrap();
        let text = key.reveal();
        for wrong in
            ["", "attune_", "attune_ü", &text[1..], &text[..text.len() - 1], &format!("{text}0"), &text.to_uppercase()]
        {
            assert!(SecretKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn debug_shows_what_is_public_alone() {
        let key = SecretKey::random().unwrap();
        let (shown, hash) = (format!("{key:?}"), format!("{:?}", key.hash()));
        assert_eq!(shown, format!("SecretKey({}…)", key.prefix()));
        assert!(!hash.contains(&key.hash().0));
    }
}
