//! What must not be seen: texts that cannot be printed, and the key under which they are kept.
//! May not know who keeps what, or where. Promises: nothing here can be shown by accident (no `Display`, no `Serialize`, a
//! `Debug` that says nothing), and what is no longer needed is overwritten in memory.

mod key;

pub use key::{BadMasterKey, MasterKey, SealError};

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// A text that must not be seen. Only [`SecretText::expose`] gives it away.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes a text over.
    pub fn new(text: String) -> SecretText {
        SecretText(Zeroizing::new(text))
    }

    /// The text itself: for what sends or encrypts it, and for nothing that writes it down.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &SecretText) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for SecretText {}

/// A text, or a whole number as its digits. An error says nothing of the value: what was meant for this field is secret, also
/// where it does not fit.
impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = SecretText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<SecretText, E> {
                Ok(SecretText::new(text.to_owned()))
            }

            fn visit_string<E>(self, text: String) -> Result<SecretText, E> {
                Ok(SecretText::new(text))
            }

            fn visit_u64<E>(self, number: u64) -> Result<SecretText, E> {
                Ok(SecretText::new(number.to_string()))
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretText, E> {
                Err(E::custom("a secret is a text"))
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretText, E> {
                Err(E::custom("a secret is a text"))
            }
        }

        deserializer.deserialize_any(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_text_is_compared_and_never_shown() {
        let text = SecretText::new("s3cret-value".into());
        assert!(text == SecretText::new("s3cret-value".into()));
        assert!(text != SecretText::new("s3cret-valuf".into()));
        assert!(!format!("{text:?} {:#?}", Some(&text)).contains("s3cret"));
        let read: SecretText = serde_json::from_str("\"x\"").expect("a text");
        assert_eq!((read.expose(), read.is_empty()), ("x", false));
        let digits: SecretText = serde_json::from_str("587").expect("digits");
        assert_eq!(digits.expose(), "587");
        for wrong in ["-4711", "47.11", "true", "null", "[4711]", "{\"4711\":1}"] {
            let error = serde_json::from_str::<SecretText>(wrong).expect_err(wrong);
            assert!(!error.to_string().contains("47"), "{error}");
        }
    }
}
