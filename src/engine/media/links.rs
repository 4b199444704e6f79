//! Links that open a file without a key. May not know where the server is reached. Promises: only this server makes them, each
//! opens one file until one moment, and a wrong one costs one hash and no look at anything.

use super::MediaError;
use crate::id::MediaId;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

/// What the key is derived for; another text would be another key.
const PURPOSE: &str = "flowlatch media links, version 1";
/// How many bytes of a signature a link holds: 128 bits.
const SIGNATURE_BYTES: usize = 16;

/// A way to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// `/media/<id>/<expires>/<signature>`.
    pub path: String,
    /// From when it opens nothing, in milliseconds since the Unix epoch.
    pub expires_at_ms: i64,
}

/// What signs links.
pub(super) struct Links {
    key: [u8; 32],
    lifetime_ms: i64,
}

impl Links {
    pub(super) fn new(link_key: &[u8; 32], lifetime_ms: i64) -> Links {
        Links {
            key: blake3::derive_key(PURPOSE, link_key),
            lifetime_ms,
        }
    }

    /// A link that opens the file from now on. It expires at a whole second.
    pub(super) fn link(&self, id: &MediaId, now_ms: i64) -> Link {
        let expires_s = now_ms.saturating_add(self.lifetime_ms).div_euclid(1_000);
        let expires = expires_s.to_string();
        let signature = self.signature(id.as_str(), &expires);
        Link {
            path: format!("/media/{id}/{expires}/{signature}"),
            expires_at_ms: expires_s.saturating_mul(1_000),
        }
    }

    /// Whether these are the parts of a link that opens something now. The signature comes first: to who has none, an expired
    /// link is no other than one that never was.
    pub(super) fn check(
        &self,
        id: &str,
        expires: &str,
        signature: &str,
        now_ms: i64,
    ) -> Result<(), MediaError> {
        let right = self.signature(id, expires);
        if !bool::from(right.as_bytes().ct_eq(signature.as_bytes())) {
            return Err(MediaError::NotFound);
        }
        let expires_s: i64 = expires.parse().map_err(|_| MediaError::NotFound)?;
        if now_ms >= expires_s.saturating_mul(1_000) {
            return Err(MediaError::Expired);
        }
        Ok(())
    }

    fn signature(&self, id: &str, expires: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(id.as_bytes());
        hasher.update(&[0]);
        hasher.update(expires.as_bytes());
        let mut signature = [0; SIGNATURE_BYTES];
        hasher.finalize_xof().fill(&mut signature);
        URL_SAFE_NO_PAD.encode(signature)
    }
}
