//! Secrets of workflows: their names. May not know their values.

use crate::id::WorkflowId;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The most secrets of a workflow.
pub const MAX_SECRETS: i64 = 100;

/// What a template calls a secret: `{{secrets.NAME}}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// The text cannot be a secret's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name of a secret: it starts with a letter or `_` and has 1 to 64 characters out of A-Z, a-z, 0-9, `_` and `-`"
)]
pub struct BadSecretName(String);

impl SecretName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For what the secret's value is sealed, so that no other row's can be put in its place.
    pub fn place(&self, workflow: &WorkflowId) -> String {
        format!("secret:{workflow}:{}", self.0)
    }
}

impl FromStr for SecretName {
    type Err = BadSecretName;

    fn from_str(text: &str) -> Result<SecretName, BadSecretName> {
        let starts_well =
            text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        if starts_well && crate::id::is_id(text) {
            Ok(SecretName(text.to_owned()))
        } else {
            Err(BadSecretName(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for SecretName {
    type Error = BadSecretName;

    fn try_from(text: String) -> Result<SecretName, BadSecretName> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> String {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret as it is listed: everything but its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSummary {
    /// Its name.
    pub name: SecretName,
    /// In milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// In milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_template_can_name() {
        for good in ["A", "_x", "STRIPE_KEY", "my-key-2", &"x".repeat(64)] {
            assert!(good.parse::<SecretName>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a.b", "a b", "ä", &"x".repeat(65)] {
            assert!(bad.parse::<SecretName>().is_err(), "{bad}");
        }
    }
}
