//! The three forms of a key's text: how one is made from random bytes, and how one is recognised.
//! May not know which keys exist. Promise: what `parse` accepts has the right length, alphabet and checksum, so a
//! mistyped or made-up key is refused without a look-up, and no two formats have a text in common.

use super::{KeyFormat, PublicId};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

pub(super) const BASE62: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The six characters at the end: CRC-32 of everything before them, in base 62.
const CHECKSUM_LEN: usize = 6;

/// How many random bytes a Flowise key is made of; 43 characters in base64url.
pub(super) const FLOWISE_ENTROPY_LEN: usize = 32;

/// Regular expressions by which secret scanners find keys: formats with a prefix only. What they find can be told from
/// chance by its checksum, without asking a server.
pub const SECRET_SCANNER_PATTERNS: [(KeyFormat, &str); 2] = [
    (KeyFormat::Wfk, "wfk_[0-9A-Za-z]{32}"),
    (KeyFormat::Sk, "sk-[0-9A-Za-z]{48}"),
];

/// What a key's text says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyShape {
    /// Its format.
    pub format: KeyFormat,
    /// Its public part.
    pub public_id: PublicId,
}

/// What a text is, judged by the text alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A key. A Flowise key has no checksum, so any 43 base64url characters are one.
    Key(KeyShape),
    /// It looks like a key of this format, but its checksum is wrong: mistyped or made up.
    WrongChecksum(KeyFormat),
    /// Not a key.
    NoKey,
}

impl KeyFormat {
    /// What a text of this format begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            KeyFormat::Wfk => "wfk_",
            KeyFormat::Sk => "sk-",
            KeyFormat::Flowise => "",
        }
    }

    /// The length of a text of this format, prefix included. No two formats have the same.
    fn text_len(self) -> usize {
        match self {
            KeyFormat::Wfk => 36,
            KeyFormat::Sk => 51,
            KeyFormat::Flowise => 43,
        }
    }
}

/// Makes a key's text out of random bytes: 128 are enough but for one time in more than 10³⁰. `None`: they were not.
/// A byte of 248 or more is skipped, since it would make the first characters of the alphabet likelier than others. No text
/// begins with `-`, which a command line would take for an option: of 64 Flowise keys one is not made.
pub fn from_entropy(format: KeyFormat, entropy: &[u8]) -> Option<String> {
    if format == KeyFormat::Flowise {
        let entropy = entropy.get(..FLOWISE_ENTROPY_LEN)?;
        let text = BASE64_URL_SAFE_NO_PAD.encode(entropy);
        return (!text.starts_with('-')).then_some(text);
    }
    let body_len = format.text_len() - CHECKSUM_LEN;
    // The whole length at once: a string that grows leaves pieces of the secret behind in freed memory.
    let mut text = String::with_capacity(format.text_len());
    text.push_str(format.prefix());
    let characters = entropy
        .iter()
        .filter(|byte| **byte < 248)
        .filter_map(|byte| BASE62.get(usize::from(byte % 62)).copied());
    text.extend(characters.take(body_len - text.len()).map(char::from));
    if text.len() < body_len {
        return None;
    }
    let checksum = checksum(text.as_bytes());
    text.extend(checksum.map(char::from));
    Some(text)
}

/// The format and public part of a text that has a key's form and checksum.
pub fn parse(text: &[u8]) -> Option<KeyShape> {
    match examine(text) {
        Form::Key(shape) => Some(shape),
        Form::WrongChecksum(_) | Form::NoKey => None,
    }
}

/// What a text is, judged by the text alone.
pub fn examine(text: &[u8]) -> Form {
    let format = match text.len() {
        36 => KeyFormat::Wfk,
        51 => KeyFormat::Sk,
        43 => KeyFormat::Flowise,
        _ => return Form::NoKey,
    };
    let Some(rest) = text.strip_prefix(format.prefix().as_bytes()) else {
        return Form::NoKey;
    };
    let in_alphabet = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || (format == KeyFormat::Flowise && matches!(byte, b'-' | b'_'))
    };
    let Some(public_id) = rest.first_chunk().copied() else {
        return Form::NoKey;
    };
    if !rest.iter().all(in_alphabet) {
        return Form::NoKey;
    }
    if format != KeyFormat::Flowise {
        let Some((body, sum)) = text.split_last_chunk::<CHECKSUM_LEN>() else {
            return Form::NoKey;
        };
        if checksum(body) != *sum {
            return Form::WrongChecksum(format);
        }
    }
    Form::Key(KeyShape { format, public_id })
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(body);
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get((rest % 62) as usize).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use KeyFormat::{Flowise, Sk, Wfk};
    use std::collections::HashSet;

    /// Pseudo-random bytes that are the same in every run.
    fn bytes(seed: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        blake3::Hasher::new()
            .update(&seed.to_le_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        bytes
    }

    #[test]
    fn generated_keys_match_the_published_pattern_and_parse() {
        for (format, pattern) in SECRET_SCANNER_PATTERNS {
            let pattern = regex::Regex::new(&format!("^{pattern}$")).expect("a pattern");
            let mut seen = HashSet::new();
            for seed in 0..10_000 {
                let text = from_entropy(format, &bytes(seed, 128)).expect("enough bytes");
                assert!(pattern.is_match(&text), "{text}");
                let shape = parse(text.as_bytes()).expect("a key");
                assert_eq!(shape.format, format);
                let at = format.prefix().len();
                assert_eq!(&text.as_bytes()[at..at + 8], shape.public_id);
                assert!(seen.insert(text));
            }
        }
    }

    #[test]
    fn flowise_keys_are_43_characters_whose_first_8_are_public() {
        let text = from_entropy(Flowise, &bytes(1, 32)).expect("enough bytes");
        assert_eq!(text.len(), 43);
        let shape = parse(text.as_bytes()).expect("a key");
        assert_eq!(
            (shape.format, &shape.public_id[..]),
            (Flowise, &text.as_bytes()[..8])
        );
    }

    #[test]
    fn too_few_random_bytes_make_no_key() {
        assert_eq!(from_entropy(Wfk, &bytes(1, 25)), None);
        assert_eq!(from_entropy(Wfk, &[255; 200]), None);
        assert_eq!(from_entropy(Flowise, &bytes(1, 31)), None);
        // `-`, and its neighbour in the alphabet.
        assert_eq!(from_entropy(Flowise, &[0xF8; 32]), None);
        assert!(from_entropy(Flowise, &[0xF4; 32]).is_some());
    }

    #[test]
    fn every_character_is_as_likely_as_any_other() {
        let mut counts = [0_u32; 256];
        for byte in 0..=255_u8 {
            if let Some(text) = from_entropy(Sk, &[byte; 42]) {
                counts[usize::from(text.as_bytes()[3])] += 1;
            }
        }
        for character in BASE62 {
            assert_eq!(counts[usize::from(*character)], 4);
        }
    }

    #[test]
    fn a_random_string_of_the_right_shape_has_a_wrong_checksum() {
        for seed in 0..100_000_u64 {
            let tail: String = bytes(seed, 32)
                .iter()
                .map(|byte| char::from(BASE62[usize::from(byte % 62)]))
                .collect();
            let text = format!("wfk_{tail}");
            assert_eq!(examine(text.as_bytes()), Form::WrongChecksum(Wfk), "{text}");
        }
    }

    #[test]
    fn every_single_mistyped_character_is_noticed() {
        let text = from_entropy(Sk, &bytes(7, 128)).expect("enough bytes");
        for at in 0..text.len() {
            let mut wrong = text.clone().into_bytes();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(parse(&wrong), None, "character {at}");
        }
    }

    #[test]
    fn what_is_no_key_is_not_taken_for_one() {
        let good = from_entropy(Wfk, &bytes(3, 128)).expect("enough bytes");
        for bad in [
            "",
            "wfk_",
            "sk-",
            &good[..35],
            &format!("{good}0"),
            &format!(" {}", &good[..35]),
            &good.replacen("wfk_", "WFK_", 1),
            &good.replacen("wfk_", "sk-x", 1),
            &format!("{}é", &good[..34]),
            &"+".repeat(43),
            &format!("{}\0", &"a".repeat(42)),
        ] {
            assert_eq!(examine(bad.as_bytes()), Form::NoKey, "{bad:?}");
        }
    }

    #[test]
    fn the_checksum_is_what_others_would_compute() {
        // CRC-32 of `123456789` is 0xCBF43926, the check value of the algorithm's definition.
        let mut value = 0_u64;
        for digit in checksum(b"123456789") {
            let place = BASE62
                .iter()
                .position(|known| *known == digit)
                .expect("base 62");
            value = value * 62 + u64::try_from(place).expect("small");
        }
        assert_eq!(value, 0xCBF4_3926);
    }
}
