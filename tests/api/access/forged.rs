//! Keys that nobody was given.

use flowlatch::model::key::{KeyFormat, from_entropy};

const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key of the right form that nobody made.
pub(super) fn made_up(entropy: &[u8]) -> String {
    from_entropy(KeyFormat::Wfk, entropy).expect("enough entropy")
}

/// The public part of a key, another secret, and the checksum that fits.
pub(crate) fn with_another_secret(key: &str) -> String {
    let public = key.get(4..12).expect("a public part");
    let digit = |character| BASE62.find(character).expect("base 62") as u8;
    let entropy: Vec<u8> = public.chars().map(digit).chain([1; 64]).collect();
    let text = made_up(&entropy);
    assert!(text.starts_with(&format!("wfk_{public}")) && text != key);
    text
}

pub(super) fn with_another_checksum(key: &str) -> String {
    let (start, last) = key.split_at(key.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    format!("{start}{other}")
}
