//! Who is calling, and what may they do: the ring of keys.
//! May not know HTTP, workflows or runs. Promise: a change of a key holds for the very next request; a key's text exists
//! only in the answer that creates it.

mod entry;
mod first_use;
mod fresh_text;
mod hash;
mod housekeeping;
mod imported;
mod issue;
mod keyring;
mod password;
mod refusals;
mod request_counts;
mod ring;
mod rules;
mod sessions;
mod sign_in;
mod throttle;
mod usage;
mod watch;

pub use entry::{KeyEntry, MAX_STREAMS, StreamSeat};
pub use imported::{ImportedText, imported_secret};
pub use keyring::Keyring;
pub use password::{MIN_PASSWORD_CHARS, WeakPassword};
pub use sessions::SESSION_SECONDS;
pub use sign_in::{SignIn, SignInError};

use crate::model::key::{ForeignLookup, KeyFormat};
use crate::model::limit::{KeyLimits, Limit};
use crate::model::workflow::Reach;
use crate::store::StoreError;
use zeroize::Zeroizing;

/// Why nobody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No credential was sent.
    Missing,
    /// It has not the form of a key, or its checksum is wrong.
    Malformed,
    /// No key has this text.
    Unknown,
    /// The right text, after its end: of the key, of a former text's grace, or of a successor that nobody used in time.
    Expired,
    /// The right text of a revoked key.
    Revoked,
    /// The right text of a disabled key.
    Disabled,
    /// Too many failed attempts from this address.
    Throttled {
        /// After how many seconds the next failing attempt is looked at.
        retry_after_s: u32,
    },
}

impl Refusal {
    /// The word for `reason` fields and the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Missing => "missing",
            Refusal::Malformed => "malformed",
            Refusal::Unknown => "unknown",
            Refusal::Expired => "expired",
            Refusal::Revoked => "revoked",
            Refusal::Disabled => "disabled",
            Refusal::Throttled { .. } => "throttled",
        }
    }
}

/// Why a key could not be made or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyError {
    /// Something in the request is wrong: which field, and a sentence.
    #[error("{field}: {message}")]
    Invalid {
        /// The field's name in the native door.
        field: &'static str,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// The caller would hand on, or touch, more than it holds. Names the scope word it lacks.
    #[error("{0}")]
    NotHeld(String),
    /// No such key, or none that the caller may see.
    #[error("no such key")]
    NotFound,
    /// Not in this state.
    #[error("{0}")]
    Conflict(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key's text: shown once, never printed, wiped from memory when dropped.
pub struct KeyText(Zeroizing<String>);

impl KeyText {
    /// Takes over a text that was just made.
    fn new(text: String) -> KeyText {
        KeyText(Zeroizing::new(text))
    }

    /// The text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// 1 to 255 characters.
    pub name: String,
    /// At least one word.
    pub scopes: Vec<String>,
    /// How its text is made.
    pub format: KeyFormat,
    /// When it ends, in milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
    /// What it reaches.
    pub reach: Reach,
    /// Its own limits.
    pub limits: KeyLimits,
}

/// A change of a key; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct KeyChange {
    /// The name.
    pub name: Option<String>,
    /// The scope words.
    pub scopes: Option<Vec<String>>,
    /// When it ends; `Some(None)`: never.
    pub expires_at_ms: Option<Option<i64>>,
    /// Its own limits.
    pub limits: Option<KeyLimits>,
    /// Switched off or on.
    pub disabled: Option<bool>,
}

/// What the keyring takes from the configuration and the database.
#[derive(Clone)]
pub struct KeyringOptions {
    /// The limits of keys that have none of their own, in the order of [`Category::ALL`](crate::model::limit::Category::ALL).
    pub default_limits: [Limit; 3],
    /// Under what the texts of imported keys are looked up.
    pub foreign_lookup: ForeignLookup,
    /// Whether alerts wait to be told to somebody.
    pub tells_alerts: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::{Debug, Display};

    /// Two blanket implementations: where a type has the trait, `absent` is ambiguous and this does not compile.
    macro_rules! assert_has_not {
        ($type:ty: $($bound:path),*) => {$({
            trait Absent<Marker> {
                fn absent() {}
            }
            impl<T> Absent<()> for T {}
            impl<T: $bound> Absent<u8> for T {}
            <$type as Absent<_>>::absent();
        })*};
    }

    #[test]
    fn a_keys_text_cannot_be_printed_copied_or_serialised() {
        assert_has_not!(KeyText: Debug, Display, Clone, serde::Serialize);
        let text = KeyText::new("wfk_x".into());
        assert_eq!(text.reveal(), "wfk_x");
    }
}
