//! Texts of keys that another program keeps in plain: how one is taken over.
//! May not know where they come from. Promise: of a text nothing is kept but its Argon2id and under what it is looked up.

use super::{KeyError, hash};
use crate::model::key::{ForeignLookup, KeySecret, KeyShape, parse};
use crate::secret::SecretText;
use crate::store::StoreError;

/// A text that is taken over, and what it is looked up under.
pub struct ImportedText {
    text: SecretText,
    /// Its format, and its public part.
    pub shape: KeyShape,
}

impl ImportedText {
    /// Takes a text over; `None`: no key can have it.
    pub fn read(text: &SecretText, lookup: &ForeignLookup) -> Option<ImportedText> {
        let bytes = text.expose().as_bytes();
        Some(ImportedText {
            shape: parse(bytes).or_else(|| lookup.shape(bytes))?,
            text: text.clone(),
        })
    }

    /// The public part, as text.
    pub fn public_id(&self) -> String {
        String::from_utf8_lossy(&self.shape.public_id).into_owned()
    }

    /// Whether a stored text is this one. A slow hash.
    pub fn is(&self, secret: &KeySecret) -> bool {
        hash::matches(self.text.expose().as_bytes(), &secret.phc)
    }
}

impl PartialEq for ImportedText {
    fn eq(&self, other: &ImportedText) -> bool {
        self.text == other.text
    }
}

/// What is kept of the text of a key that was made at this moment. A slow hash.
pub fn imported_secret(text: &ImportedText, created_at_ms: i64) -> Result<KeySecret, KeyError> {
    let phc = hash::hash_key(text.text.expose().as_bytes());
    Ok(KeySecret {
        public_id: text.public_id(),
        phc: phc.map_err(|error| StoreError::NotCommitted(error.to_string()))?,
        created_at_ms,
        valid_until_ms: None,
    })
}
