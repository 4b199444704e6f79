//! Making a key's text: random bytes, form, slow hash, digest.
//! May not know what the key may do or who asked for it. Promise: the text is in the value that is returned and nowhere
//! else, and its public part is no other text's.

use super::first_use::Digest;
use super::keyring::Keyring;
use super::{KeyError, KeyText, hash};
use crate::model::key::{KeyFormat, KeySecret, PublicId, from_entropy, parse};
use crate::store::StoreError;
use zeroize::Zeroizing;

/// How many random bytes a text is made from; enough for every format but for one time in more than 10³⁰.
const ENTROPY_LEN: usize = 128;

/// A text that was just made.
pub(super) struct FreshText {
    /// For the one answer that shows it.
    pub(super) text: KeyText,
    /// For the store.
    pub(super) secret: KeySecret,
    /// Its public part.
    pub(super) public_id: PublicId,
    /// For the ring, which then needs no slow hash.
    pub(super) digest: Digest,
}

impl Keyring {
    /// Makes a text. While it is put into the ring, `changes` must be held, or another could get the same public part.
    pub(super) async fn fresh_text(
        &self,
        format: KeyFormat,
        now_ms: i64,
    ) -> Result<FreshText, KeyError> {
        let (text, public_id) = self.unused_text(format)?;
        let digest = self.shared.digest_key.digest(text.reveal().as_bytes());
        let hashed = tokio::task::spawn_blocking(move || {
            let phc = hash::hash_key(text.reveal().as_bytes());
            (text, phc)
        });
        let (text, phc) = hashed.await.map_err(not_made)?;
        let secret = KeySecret {
            public_id: String::from_utf8_lossy(&public_id).into_owned(),
            phc: phc.map_err(not_made)?,
            created_at_ms: now_ms,
            valid_until_ms: None,
        };
        Ok(FreshText {
            text,
            secret,
            public_id,
            digest,
        })
    }

    fn unused_text(&self, format: KeyFormat) -> Result<(KeyText, PublicId), KeyError> {
        loop {
            let mut entropy = Zeroizing::new([0; ENTROPY_LEN]);
            getrandom::fill(entropy.as_mut_slice()).map_err(not_made)?;
            let Some(text) = from_entropy(format, entropy.as_slice()).map(KeyText::new) else {
                continue;
            };
            match parse(text.reveal().as_bytes()) {
                Some(shape) if !self.ring().has_text(&shape.public_id) => {
                    return Ok((text, shape.public_id));
                }
                _ => {}
            }
        }
    }
}

/// Nothing was made, and nothing written.
fn not_made(error: impl std::fmt::Display) -> KeyError {
    KeyError::Store(StoreError::NotCommitted(error.to_string()))
}
