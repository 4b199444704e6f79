//! API keys: the record of a key, when it is in force, and how a rotation goes; the form of their texts is in `text`,
//! that of imported ones in `foreign`.
//! May not know how keys are hashed, stored or sent. Promise: a key and each of its texts ends exactly at its
//! millisecond, and a rotation never leaves a key without a text that works.

mod foreign;
mod text;

pub use foreign::{FOREIGN_CHARS, ForeignLookup, is_foreign_id, is_older_flowise};
pub use text::{Form, KeyShape, SECRET_SCANNER_PATTERNS, examine, from_entropy, parse};

use crate::id::KeyId;
use crate::model::limit::KeyLimits;
use crate::model::scope::PermissionSet;
use crate::model::workflow::Reach;
use serde::{Deserialize, Serialize};

/// How a key's text is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyFormat {
    /// `wfk_` and 32 base62 characters.
    Wfk,
    /// `sk-` and 48 base62 characters.
    Sk,
    /// 43 base64url characters, as Flowise makes them; no checksum.
    Flowise,
}

impl KeyFormat {
    /// The format as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyFormat::Wfk => "wfk",
            KeyFormat::Sk => "sk",
            KeyFormat::Flowise => "flowise",
        }
    }

    /// Reads a format as it is stored and sent.
    pub fn parse(text: &str) -> Option<KeyFormat> {
        [KeyFormat::Wfk, KeyFormat::Sk, KeyFormat::Flowise]
            .into_iter()
            .find(|format| format.as_str() == text)
    }
}

/// For how long a successor waits for its first use: 7 days.
pub const SUCCESSOR_LIFE_MS: i64 = 7 * 86_400_000;

/// The longest grace of a former text: a day.
pub const MAX_GRACE_SECONDS: u32 = 86_400;

/// For how long a revoked key stays in lists: 90 days.
pub const REVOKED_KEPT_MS: i64 = 90 * 86_400_000;

/// The first eight characters after the prefix: the part of a key that lists and logs may show.
pub type PublicId = [u8; 8];

/// A key that ends within so long ends soon: 7 days.
pub const ENDS_SOON_MS: i64 = 7 * 86_400_000;

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

/// Whether a key lets anybody in, by its record alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    InForce,
    /// It is gone for good.
    Revoked,
    /// Its end has come.
    Expired,
    /// Its owner has switched it off.
    Disabled,
}

impl Standing {
    /// The word that people and programs read for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Standing::InForce => "active",
            Standing::Revoked => "revoked",
            Standing::Expired => "expired",
            Standing::Disabled => "disabled",
        }
    }
}

/// Which of a key's texts a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextRole {
    /// The one that works.
    Current,
    /// The successor that waits for its first use.
    Pending,
    /// The one before, in its grace or after it.
    Former,
}

impl KeySecret {
    /// Whether the text has ended: a successor that nobody used in time, or a former text after its grace.
    pub fn has_ended(&self, now_ms: i64) -> bool {
        self.valid_until_ms
            .is_some_and(|until_ms| until_ms <= now_ms)
    }
}

impl KeyRecord {
    /// Whether the key lets anybody in at this moment. Revoked outweighs expired, and expired disabled.
    pub fn standing(&self, now_ms: i64) -> Standing {
        if self.revoked_at_ms.is_some() {
            Standing::Revoked
        } else if self.expires_at_ms.is_some_and(|end_ms| end_ms <= now_ms) {
            Standing::Expired
        } else if self.disabled {
            Standing::Disabled
        } else {
            Standing::InForce
        }
    }

    /// The end of a key that is in force and ends soon.
    pub fn soon_end_ms(&self, now_ms: i64) -> Option<i64> {
        let is_in_force = self.standing(now_ms) == Standing::InForce;
        self.expires_at_ms
            .filter(|end_ms| is_in_force && end_ms.saturating_sub(now_ms) <= ENDS_SOON_MS)
    }

    /// The key's texts, at most three.
    pub fn texts(&self) -> impl Iterator<Item = (TextRole, &KeySecret)> {
        let pending = self.pending.as_ref().map(|pending| &pending.secret);
        std::iter::once((TextRole::Current, &self.current))
            .chain(pending.map(|secret| (TextRole::Pending, secret)))
            .chain(
                self.former
                    .as_ref()
                    .map(|secret| (TextRole::Former, secret)),
            )
    }

    /// The key with a successor that waits for its first use. A successor that waited before is replaced: its text is
    /// forgotten.
    #[must_use]
    pub fn with_successor(&self, secret: KeySecret, grace_seconds: u32, now_ms: i64) -> KeyRecord {
        KeyRecord {
            pending: Some(PendingSecret {
                secret: KeySecret {
                    valid_until_ms: Some(now_ms.saturating_add(SUCCESSOR_LIFE_MS)),
                    ..secret
                },
                grace_seconds,
            }),
            updated_at_ms: now_ms,
            ..self.clone()
        }
    }

    /// The key after the first use of its successor: that is the current text now, and the grace of the old one runs.
    /// A text that was in its grace before is forgotten. `None`: no successor waits, or it has lapsed.
    pub fn with_successor_used(&self, now_ms: i64) -> Option<KeyRecord> {
        let pending = self
            .pending
            .as_ref()
            .filter(|pending| !pending.secret.has_ended(now_ms))?;
        let grace_ms = i64::from(pending.grace_seconds) * 1_000;
        Some(KeyRecord {
            current: KeySecret {
                valid_until_ms: None,
                ..pending.secret.clone()
            },
            former: Some(KeySecret {
                valid_until_ms: Some(now_ms.saturating_add(grace_ms)),
                ..self.current.clone()
            }),
            pending: None,
            updated_at_ms: now_ms,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    fn secret(public_id: &str) -> KeySecret {
        KeySecret {
            public_id: public_id.into(),
            phc: format!("hash of {public_id}"),
            created_at_ms: 0,
            valid_until_ms: None,
        }
    }

    fn key() -> KeyRecord {
        KeyRecord {
            id: KeyId::generate(),
            name: "k".into(),
            format: KeyFormat::Wfk,
            scopes: vec![],
            permissions: PermissionSet::NONE,
            reach: Reach::All,
            limits: KeyLimits::default(),
            created_at_ms: 0,
            updated_at_ms: 0,
            created_by: "control".into(),
            expires_at_ms: None,
            disabled: false,
            revoked_at_ms: None,
            last_use: None,
            current: secret("one"),
            pending: None,
            former: None,
        }
    }

    fn roles(key: &KeyRecord) -> Vec<(TextRole, &str)> {
        key.texts()
            .map(|(role, secret)| (role, secret.public_id.as_str()))
            .collect()
    }

    #[test]
    fn a_key_ends_exactly_at_its_millisecond() {
        let mut key = key();
        key.expires_at_ms = Some(1_000);
        assert_eq!(key.standing(999), Standing::InForce);
        assert_eq!(key.standing(1_000), Standing::Expired);
        key.disabled = true;
        assert_eq!(key.standing(999), Standing::Disabled);
        assert_eq!(key.standing(1_000), Standing::Expired);
        key.revoked_at_ms = Some(5);
        assert_eq!(key.standing(0), Standing::Revoked);
    }

    #[test]
    fn a_key_ends_soon_from_seven_days_before_its_end_while_it_is_in_force() {
        let mut key = key();
        assert_eq!(key.soon_end_ms(0), None);
        let end_ms = ENDS_SOON_MS + 1_000;
        key.expires_at_ms = Some(end_ms);
        for (now_ms, expected) in [
            (999, None),
            (1_000, Some(end_ms)),
            (end_ms - 1, Some(end_ms)),
            (end_ms, None),
        ] {
            assert_eq!(key.soon_end_ms(now_ms), expected, "{now_ms}");
        }
        key.disabled = true;
        assert_eq!(key.soon_end_ms(1_000), None);
    }

    #[test]
    fn a_rotation_goes_from_pending_over_grace_to_its_end() {
        use TextRole::{Current, Former, Pending};
        let rotated = key().with_successor(secret("two"), 60, 1_000);
        assert_eq!(roles(&rotated), [(Current, "one"), (Pending, "two")]);
        let used = rotated
            .with_successor_used(5_000)
            .expect("a successor waits");
        assert_eq!(roles(&used), [(Current, "two"), (Former, "one")]);
        assert_eq!(used.current.valid_until_ms, None);
        let former = used.former.as_ref().expect("the first text");
        assert!(!former.has_ended(64_999) && former.has_ended(65_000));
        assert_eq!(used.with_successor_used(5_000), None);
        let again = used.with_successor(secret("three"), 0, 6_000);
        assert_eq!(
            roles(&again),
            [(Current, "two"), (Pending, "three"), (Former, "one")]
        );
        let last = again.with_successor_used(6_000).expect("a successor waits");
        assert_eq!(roles(&last), [(Current, "three"), (Former, "two")]);
        assert!(last.former.expect("the second text").has_ended(6_000));
    }

    #[test]
    fn a_successor_lapses_after_seven_days_and_the_old_text_goes_on() {
        let rotated = key().with_successor(secret("two"), 60, 1_000);
        let end = 1_000 + 7 * 24 * 3_600_000;
        assert!(rotated.with_successor_used(end - 1).is_some());
        assert_eq!(rotated.with_successor_used(end), None);
        assert!(!rotated.current.has_ended(end));
    }

    #[test]
    fn a_second_rotation_replaces_the_successor() {
        let rotated =
            key()
                .with_successor(secret("two"), 60, 0)
                .with_successor(secret("three"), 10, 500);
        let pending = rotated.pending.expect("a successor waits");
        assert_eq!(
            (pending.secret.public_id.as_str(), pending.grace_seconds),
            ("three", 10)
        );
        assert_eq!(pending.secret.valid_until_ms, Some(500 + SUCCESSOR_LIFE_MS));
    }
}
