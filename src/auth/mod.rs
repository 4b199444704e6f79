//! Who is calling, and what may they do: the ring of keys.
//! May not know HTTP, workflows or runs. Promise: a change of a key holds for the very next request; a key's text exists
//! only in the answer that creates it.

use crate::clock::Clock;
use crate::id::KeyId;
use crate::model::key::{KeyFormat, KeyRecord};
use crate::model::limit::{Category, KeyLimits, Limit, LimitState};
use crate::model::scope::{Permission, PermissionSet};
use crate::model::workflow::Reach;
use crate::store::{Store, StoreError};
use std::net::IpAddr;
use std::sync::Arc;

/// Why nobody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No credential was sent.
    Missing,
    /// It has not the form of a key, or its checksum is wrong.
    Malformed,
    /// No key has this text.
    Unknown,
    /// The right text, after its end.
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

/// A key's text: shown once, never printed.
pub struct KeyText(String);

impl KeyText {
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

/// One key in memory. Cheap to check; counts its own requests.
pub struct KeyEntry {
    _private: (),
}

impl KeyEntry {
    /// The key's id.
    pub fn id(&self) -> &KeyId {
        unimplemented!()
    }
    /// What logs and run records call the key: its public id, or `control` for the owner of the data folder.
    pub fn label(&self) -> &str {
        unimplemented!()
    }
    /// Everything it may do.
    pub fn permissions(&self) -> PermissionSet {
        unimplemented!()
    }
    /// Whether it may do this.
    pub fn may(&self, _permission: Permission) -> bool {
        unimplemented!()
    }
    /// Which workflows it reaches.
    pub fn reach(&self) -> &Reach {
        unimplemented!()
    }
    /// Counts a request; `Err` when it is over the limit (and then not counted). `Ok(None)`: no limit.
    pub fn count(
        &self,
        _category: Category,
        _clock: &Clock,
    ) -> Result<Option<LimitState>, LimitState> {
        unimplemented!()
    }
    /// The state of a window without counting.
    pub fn peek(&self, _category: Category, _clock: &Clock) -> Option<LimitState> {
        unimplemented!()
    }
    /// Notes the use in memory; written later, in batches.
    pub fn touch(&self, _now_ms: i64, _address: IpAddr, _category: Category) {
        unimplemented!()
    }
}

/// What the keyring takes from the configuration.
#[derive(Debug, Clone)]
pub struct KeyringOptions {
    /// The limits of keys that have none of their own, in the order of [`Category::ALL`].
    pub default_limits: [Limit; 3],
}

/// A handle to all keys; clones share it.
#[derive(Clone)]
pub struct Keyring;

impl Keyring {
    /// Loads every key.
    pub async fn open(
        _store: Store,
        _clock: Clock,
        _options: KeyringOptions,
    ) -> Result<Keyring, StoreError> {
        unimplemented!()
    }
    /// Whom this text lets in, where that is known without a slow hash; `None`: ask [`Keyring::verify`].
    /// A refusal counts as a failed attempt of `peer`.
    pub fn check(&self, _text: &[u8], _peer: IpAddr) -> Option<Result<Arc<KeyEntry>, Refusal>> {
        unimplemented!()
    }
    /// Whom this text lets in, with the slow hash the first time.
    pub async fn verify(&self, _text: &[u8], _peer: IpAddr) -> Result<Arc<KeyEntry>, Refusal> {
        unimplemented!()
    }
    /// The owner of the data folder: every permission, no limit, no binding.
    pub fn control(&self) -> Arc<KeyEntry> {
        unimplemented!()
    }
    /// Whether the key is still in force with what the entry says (event streams ask).
    pub fn in_force(&self, _entry: &Arc<KeyEntry>) -> bool {
        unimplemented!()
    }
    /// Makes a key. `by` can give only what it holds itself.
    pub async fn issue(
        &self,
        _by: &KeyEntry,
        _peer: &str,
        _new: NewKey,
    ) -> Result<(KeyRecord, KeyText), KeyError> {
        unimplemented!()
    }
    /// The keys that `by` may see, newest first.
    pub fn list(&self, _by: &KeyEntry) -> Vec<KeyRecord> {
        unimplemented!()
    }
    /// One key that `by` may see.
    pub fn get(&self, _by: &KeyEntry, _id: &KeyId) -> Option<KeyRecord> {
        unimplemented!()
    }
    /// The record of the key behind an entry; `None` for `control`.
    pub fn record(&self, _entry: &KeyEntry) -> Option<KeyRecord> {
        unimplemented!()
    }
    /// The limits in force for a key, in the order of [`Category::ALL`].
    pub fn limits_of(&self, _record: &KeyRecord) -> [Limit; 3] {
        unimplemented!()
    }
    /// Changes a key.
    pub async fn update(
        &self,
        _by: &KeyEntry,
        _peer: &str,
        _id: &KeyId,
        _change: KeyChange,
    ) -> Result<KeyRecord, KeyError> {
        unimplemented!()
    }
    /// Makes a pending successor; it becomes active when first used.
    pub async fn rotate(
        &self,
        _by: &KeyEntry,
        _peer: &str,
        _id: &KeyId,
        _grace_seconds: u32,
    ) -> Result<(KeyRecord, KeyText), KeyError> {
        unimplemented!()
    }
    /// Ends a key for good.
    pub async fn revoke(
        &self,
        _by: &KeyEntry,
        _peer: &str,
        _id: &KeyId,
    ) -> Result<KeyRecord, KeyError> {
        unimplemented!()
    }
    /// Notes a refusal for the audit log: folded by reason, key or network, and minute.
    pub fn note_refusal(&self, _reason: &'static str, _key: Option<&KeyEntry>, _peer: IpAddr) {
        unimplemented!()
    }
    /// Writes last uses and folded refusals that are due, drops what is over. Runs until `stop`.
    pub async fn housekeeping(&self, _stop: tokio::sync::watch::Receiver<bool>) {
        unimplemented!()
    }
    /// Writes everything that is still in memory; at shutdown.
    pub async fn flush(&self) {
        unimplemented!()
    }
}
