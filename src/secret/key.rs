//! The master key, and what is sealed under it: XChaCha20-Poly1305 with a random nonce.
//! Promise: what was sealed for one place cannot be opened as another's, and an altered byte opens nothing.
//!
//! What is sealed is one byte that names this form (1), 24 bytes of nonce, and the encrypted text with its tag.

use super::SecretText;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use std::fmt;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The first byte of everything sealed in this form.
const FORM: u8 = 1;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// The key under which everything secret is kept.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

/// The text is not a master key. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not a master key: that is 32 random bytes as base64 (44 characters) or in hexadecimal (64 characters)"
)]
pub struct BadMasterKey;

/// Why something was not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another key, another place, or an altered byte: nobody can tell which.
    #[error(
        "it cannot be decrypted: the master key is not the one it was kept with, or it was altered"
    )]
    Unreadable,
    /// The machine gives no random bytes.
    #[error("there are no random bytes")]
    NoRandomness,
}

impl MasterKey {
    /// A new random key.
    pub fn generate() -> Result<MasterKey, SealError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| SealError::NoRandomness)?;
        Ok(MasterKey(bytes))
    }

    /// Reads a key: base64 (either alphabet, padded or not) or hexadecimal; white space around it is nothing.
    pub fn parse(text: &str) -> Result<MasterKey, BadMasterKey> {
        let text = text.trim();
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        if text.len() == 2 * KEY_BYTES {
            hex::decode_to_slice(text, bytes.as_mut_slice()).map_err(|_| BadMasterKey)?;
            return Ok(MasterKey(bytes));
        }
        for alphabet in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            if let Ok(decoded) = alphabet.decode(text).map(Zeroizing::new)
                && decoded.len() == KEY_BYTES
            {
                bytes.copy_from_slice(&decoded);
                return Ok(MasterKey(bytes));
            }
        }
        Err(BadMasterKey)
    }

    /// The key as [`MasterKey::parse`] reads it: base64.
    pub fn text(&self) -> SecretText {
        SecretText::new(STANDARD.encode(self.0.as_slice()))
    }

    /// Encrypts `plain` for one place; only there [`MasterKey::open`] gives it back. `place` says what it is and where it
    /// is kept (`connection:conn_…`), and is not secret.
    pub fn seal(&self, plain: &[u8], place: &str) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let payload = Payload {
            msg: plain,
            aad: place.as_bytes(),
        };
        let encrypted = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Unreadable)?;
        let mut sealed = Vec::with_capacity(1 + NONCE_BYTES + encrypted.len());
        sealed.push(FORM);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&encrypted);
        Ok(sealed)
    }

    /// Gives back what was sealed for this place.
    pub fn open(&self, sealed: &[u8], place: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, encrypted) = sealed
            .strip_prefix(&[FORM])
            .and_then(|rest| rest.split_first_chunk::<NONCE_BYTES>())
            .ok_or(SealError::Unreadable)?;
        let payload = Payload {
            msg: encrypted,
            aad: place.as_bytes(),
        };
        self.cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::Unreadable)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl PartialEq for MasterKey {
    fn eq(&self, other: &MasterKey) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for MasterKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_in_its_place_with_its_key_and_unaltered_only() {
        let key = MasterKey::generate().expect("random");
        let sealed = key.seal(b"a text", "connection:1").expect("sealed");
        assert_eq!(
            key.open(&sealed, "connection:1")
                .expect("opened")
                .as_slice(),
            b"a text"
        );
        assert!(key.open(&sealed, "connection:2").is_err());
        let other = MasterKey::generate().expect("random");
        assert!(other.open(&sealed, "connection:1").is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(
                key.open(&altered, "connection:1").err(),
                Some(SealError::Unreadable),
                "{at}"
            );
            assert!(key.open(&sealed[..at], "connection:1").is_err(), "{at}");
        }
        let again = key.seal(b"a text", "connection:1").expect("sealed");
        assert_ne!(sealed, again, "a nonce is never used twice");
    }

    #[test]
    fn a_key_is_32_bytes_in_base64_or_hexadecimal() {
        let key = MasterKey(Zeroizing::new([0xfb; 32]));
        let text = key.text();
        let url_safe = text.expose().replace('+', "-").replace('/', "_");
        for good in [
            text.expose(),
            text.expose().trim_end_matches('='),
            &url_safe,
            url_safe.trim_end_matches('='),
            &"fb".repeat(32),
            &format!(" {}\n", "FB".repeat(32)),
        ] {
            assert!(MasterKey::parse(good) == Ok(key.clone()), "{good}");
        }
        for bad in [
            "",
            "secret",
            &"fb".repeat(31),
            &"fg".repeat(32),
            &text.expose()[4..],
            &format!("{}AAAA", text.expose()),
        ] {
            assert_eq!(MasterKey::parse(bad).err(), Some(BadMasterKey), "{bad}");
        }
        assert!(!format!("{key:?}").contains("fb") && !format!("{key:?}").contains("+/"));
    }
}
