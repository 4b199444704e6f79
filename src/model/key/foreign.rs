//! Texts that are in none of the three forms: keys that another program has made, and that were imported with their texts.
//! May not know which keys exist. Promises: a text of one of the three forms is never foreign, so recognising those costs
//! nothing more; under what a foreign text is looked up tells nothing of it to whoever has not the database.

use super::text::{BASE62, FLOWISE_ENTROPY_LEN};
use super::{Form, KeyFormat, KeyShape, PublicId, examine};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::ops::RangeInclusive;

/// How many characters a foreign text has.
pub const FOREIGN_CHARS: RangeInclusive<usize> = 20..=200;

/// No character of the three forms: what begins so is the public part of a foreign text.
const MARK: u8 = b'~';

/// For what the key of the look-up is derived, so that it is no other key that comes of the same secret.
const PURPOSE: &str = "flowlatch 2026-11-29 look-up of imported key texts";

/// Under what foreign texts are looked up: `~` and seven letters and digits, made of the text under a key of the database's
/// own. A part of the text itself would not do: texts that people made up begin alike, and are short of secret characters.
#[derive(Clone)]
pub struct ForeignLookup([u8; 32]);

impl ForeignLookup {
    /// That of the database which keeps this secret.
    pub fn new(secret: &[u8; 32]) -> ForeignLookup {
        ForeignLookup(blake3::derive_key(PURPOSE, secret))
    }

    /// The shape of a foreign text; `None` of what is none.
    pub fn shape(&self, text: &[u8]) -> Option<KeyShape> {
        if !is_foreign(text) {
            return None;
        }
        let digest = blake3::keyed_hash(&self.0, text);
        let mut public_id: PublicId = [MARK; 8];
        let (_, digits) = public_id.split_first_mut()?;
        for (digit, byte) in digits.iter_mut().zip(digest.as_bytes().chunks_exact(4)) {
            let number = byte
                .iter()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            *digit = BASE62.get(number % BASE62.len()).copied().unwrap_or(MARK);
        }
        Some(KeyShape {
            format: KeyFormat::Flowise,
            public_id,
        })
    }
}

/// Whether a public part is that of a foreign text.
pub fn is_foreign_id(public_id: &PublicId) -> bool {
    public_id.first() == Some(&MARK)
}

/// Whether a text has the form that Flowise gave its keys before it had the present one: 32 bytes in standard base64, with
/// `=` at the end.
pub fn is_older_flowise(text: &[u8]) -> bool {
    BASE64_STANDARD
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == FLOWISE_ENTROPY_LEN)
}

/// 20 to 200 characters that a header can carry, and none of the three forms, not even with a wrong checksum.
fn is_foreign(text: &[u8]) -> bool {
    if examine(text) != Form::NoKey {
        return false;
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    FOREIGN_CHARS.contains(&text.chars().count())
        && !text.contains(|one: char| one.is_control() || one.is_whitespace())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use crate::model::key::{from_entropy, parse};

    fn lookup(secret: u8) -> ForeignLookup {
        ForeignLookup::new(&[secret; 32])
    }

    #[test]
    fn any_20_to_200_characters_are_foreign_unless_they_are_a_form_of_ours() {
        let own: Vec<String> = [KeyFormat::Wfk, KeyFormat::Sk, KeyFormat::Flowise]
            .into_iter()
            .filter_map(|format| from_entropy(format, &[7; 128]))
            .collect();
        assert_eq!(own.len(), 3);
        let mistyped = format!("{}x", &own[0][..35]);
        let (long, longer) = ("k".repeat(200), "k".repeat(201));
        for (text, is_foreign) in [
            ("k2345678901234567890", true),
            ("k234567890123456789", false),
            (&long, true),
            (&longer, false),
            ("AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdE=", true),
            ("sk-proj-a-key-of-another-house", true),
            ("\u{fc}berlange Schl\u{fc}ssel", false),
            ("\u{fc}berlange-Schl\u{fc}ssel!", true),
            ("with\u{7}bell-and-some-more", false),
            (&own[0], false),
            (&own[1], false),
            (&own[2], false),
            (&mistyped, false),
        ] {
            assert_eq!(
                lookup(1).shape(text.as_bytes()).is_some(),
                is_foreign,
                "{text}"
            );
        }
        assert!(lookup(1).shape(&[0xFF; 30]).is_none());
    }

    #[test]
    fn a_look_up_form_is_the_texts_and_the_databases_own() {
        let shape =
            |secret: u8, text: &str| lookup(secret).shape(text.as_bytes()).expect("foreign");
        let one = shape(1, "company-key-for-the-site");
        assert_eq!(one, shape(1, "company-key-for-the-site"));
        assert_ne!(one, shape(1, "company-key-for-the-sitf"));
        assert_ne!(one, shape(2, "company-key-for-the-site"));
        assert!(is_foreign_id(&one.public_id) && one.format == KeyFormat::Flowise);
        let own = from_entropy(KeyFormat::Flowise, &[7; 128]).expect("a text");
        assert!(!is_foreign_id(
            &parse(own.as_bytes()).expect("a key").public_id
        ));
    }

    #[test]
    fn the_older_form_of_flowise_is_known() {
        let older = BASE64_STANDARD.encode([9; 32]);
        assert!(older.ends_with('=') && is_older_flowise(older.as_bytes()));
        for other in [&older[..43], &older.replace('=', "A"), "k", &"=".repeat(44)] {
            assert!(!is_older_flowise(other.as_bytes()), "{other}");
        }
    }
}
