//! API keys: the three formats with their checksum, and the record of a key.
//! May not know how keys are hashed, stored or sent. Promise: what `parse` accepts has the right form and checksum, so
//! a mistyped or made-up key is refused without a look-up.

use crate::id::KeyId;
use crate::model::limit::KeyLimits;
use crate::model::scope::PermissionSet;
use crate::model::workflow::Reach;
use serde::{Deserialize, Serialize};

/// How a key's text is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyFormat {
    /// `wfk_` and 32 base62 characters.
    Wfk,
    /// `sk-` and 48 base62 characters.
    Sk,
    /// 43 base64url characters, as Flowise makes them; no checksum.
    Flowise,
}

/// The first eight characters after the prefix: the part of a key that lists and logs may show.
pub type PublicId = [u8; 8];

/// What the store keeps of one text of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySecret {
    /// The public part.
    pub public_id: String,
    /// Argon2id of the whole text, as a PHC string.
    pub phc: String,
    /// When the text was made, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// From when on it is refused: the lapse of a successor that nobody used, the end of the grace of a former text.
    pub valid_until_ms: Option<i64>,
}

/// When and from where a key was last used. Written in batches, accurate to a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The peer's address.
    pub address: String,
    /// `read`, `write` or `execute`.
    pub category: String,
}

/// A key as the store keeps it. The text itself is nowhere.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRecord {
    /// Stays over rotation.
    pub id: KeyId,
    /// 1 to 255 characters.
    pub name: String,
    /// How its texts are made.
    pub format: KeyFormat,
    /// The scope words that it was given, in their order.
    pub scopes: Vec<String>,
    /// What the words permit.
    pub permissions: PermissionSet,
    /// Which workflows it may reach.
    pub reach: Reach,
    /// Its own limits; what it does not set, the configuration does.
    pub limits: KeyLimits,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
    /// A key's id, or `control`.
    pub created_by: String,
    /// From when on it is refused.
    pub expires_at_ms: Option<i64>,
    /// Switched off by its owner, and can be switched on again.
    pub disabled: bool,
    /// Since when it is gone for good. It stays in lists for 90 days.
    pub revoked_at_ms: Option<i64>,
    /// When and from where it was last used.
    pub last_use: Option<LastUse>,
    /// The text that works now.
    pub current: KeySecret,
    /// After a rotation, until it is first used: the successor, and the grace that the former text will get.
    pub pending: Option<PendingSecret>,
    /// After the successor was first used: the former text, until its grace ends.
    pub former: Option<KeySecret>,
}

/// A successor that waits for its first use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSecret {
    /// The successor; `valid_until_ms` is when it lapses unused.
    pub secret: KeySecret,
    /// For how long the former text works once the successor was used: 0 to 86,400.
    pub grace_seconds: u32,
}

/// Stands in for the real one.
pub struct KeyShape {
    /// Its format.
    pub format: KeyFormat,
}

/// Stands in for the real one.
pub enum Form {
    /// A key.
    Key(KeyShape),
    /// Mistyped.
    WrongChecksum(KeyFormat),
    /// Not a key.
    NoKey,
}

/// Stands in for the real one.
pub fn examine(_text: &[u8]) -> Form {
    unimplemented!()
}
