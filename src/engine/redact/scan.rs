//! Finding a secret in bytes, however it was written down. May not know where the bytes come from.
//!
//! A secret is found as it is; with any of its characters percent-encoded (`+` for a space), escaped as in JSON
//! (`\"`, `\u00e4`) or as in HTML (`&amp;`, `&#38;`); and as a part of anything in base64, in both alphabets.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::ops::Range;
use zeroize::Zeroizing;

/// Shorter pieces of base64 say too little to be taken for a secret; the shortest secret that is looked for has no shorter one.
const MIN_BASE64_PIECE: usize = 4;

/// One secret, prepared for being looked for.
pub(super) struct Pattern {
    plain: Zeroizing<String>,
    /// What stands in every base64 text that has the secret in it, for the three ways in which it can lie there.
    base64: Vec<Zeroizing<String>>,
}

impl Pattern {
    pub(super) fn new(secret: &str) -> Pattern {
        let mut base64 = Vec::new();
        for shift in 0..3 {
            for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let piece = Zeroizing::new(base64_piece(alphabet, secret.as_bytes(), shift));
                if piece.len() >= MIN_BASE64_PIECE && !base64.contains(&piece) {
                    base64.push(piece);
                }
            }
        }
        Pattern {
            plain: Zeroizing::new(secret.to_owned()),
            base64,
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        *self.plain == text
    }

    /// Adds the places where the secret stands.
    pub(super) fn find(&self, bytes: &[u8], found: &mut Vec<Range<usize>>) {
        let first = self.plain.as_bytes().first().copied().unwrap_or_default();
        let may_begin = |byte: &u8| *byte == first || b"%+\\&".contains(byte);
        let mut at = 0;
        while let Some(rest) = bytes.get(at..) {
            // Most places are passed over here.
            let Some(offset) = rest.iter().position(may_begin) else {
                break;
            };
            at += offset;
            let rest = rest.get(offset..).unwrap_or_default();
            match self.length_at(rest) {
                Some(length) => {
                    found.push(at..at + length);
                    at += length;
                }
                None => at += 1,
            }
        }
        for piece in &self.base64 {
            let mut from = 0;
            while let Some(offset) = position(bytes, from, piece.as_bytes()) {
                let whole = base64_around(bytes, offset..offset + piece.len());
                from = whole.end;
                found.push(whole);
            }
        }
    }

    /// How many bytes at the beginning of `bytes` are the secret. A `%` may be itself or begin `%25`, so that there can be
    /// more than one way to read on: all are followed.
    fn length_at(&self, bytes: &[u8]) -> Option<usize> {
        let mut letters = self.plain.chars();
        let mut ends: Vec<usize> = letter_lengths(bytes, letters.next()?).collect();
        for letter in letters {
            if ends.is_empty() {
                return None;
            }
            let mut next = Vec::new();
            for end in ends {
                for length in letter_lengths(bytes.get(end..)?, letter) {
                    if !next.contains(&(end + length)) {
                        next.push(end + length);
                    }
                }
            }
            ends = next;
        }
        ends.into_iter().max()
    }
}

/// The part of the base64 of anything that has `secret` in it, `shift` bytes after a border of three, which depends on
/// nothing else.
fn base64_piece(alphabet: &impl base64::Engine, secret: &[u8], shift: usize) -> String {
    let mut padded = Zeroizing::new(vec![0; shift]);
    padded.extend_from_slice(secret);
    let whole_letters = padded.len() * 8 / 6;
    let text = alphabet.encode(&padded);
    // The first letters hold bits of what stands before.
    let foreign = (shift * 8).div_ceil(6);
    text.get(foreign..whole_letters)
        .unwrap_or_default()
        .to_owned()
}

/// The base64 text that a piece of it lies in.
fn base64_around(bytes: &[u8], piece: Range<usize>) -> Range<usize> {
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(*byte);
    let before = bytes.get(..piece.start).unwrap_or_default();
    let after = bytes.get(piece.end..).unwrap_or_default();
    let start = piece.start - before.iter().rev().take_while(is_letter).count();
    let end = piece.end + after.iter().take_while(is_letter).count();
    start..end
}

fn position(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| *byte == first)?;
        if bytes.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

/// How many bytes at the beginning of `bytes` stand for this character: as it is, and as it is written in URLs, JSON or HTML.
fn letter_lengths(bytes: &[u8], letter: char) -> impl Iterator<Item = usize> {
    let mut buffer = [0; 4];
    let raw: &[u8] = letter.encode_utf8(&mut buffer).as_bytes();
    let plain = bytes.starts_with(raw).then_some(raw.len());
    let written = match bytes.first() {
        Some(b'%') => percent_length(bytes, raw),
        Some(b'+') if letter == ' ' => Some(1),
        Some(b'\\') => escape_length(bytes, letter),
        Some(b'&') => entity_length(bytes, letter),
        _ => None,
    };
    plain.into_iter().chain(written)
}

fn percent_length(bytes: &[u8], raw: &[u8]) -> Option<usize> {
    for (index, byte) in raw.iter().enumerate() {
        let part = bytes.get(index * 3..index * 3 + 3)?;
        let digits = std::str::from_utf8(part.strip_prefix(b"%")?).ok()?;
        if u8::from_str_radix(digits, 16).ok()? != *byte {
            return None;
        }
    }
    Some(raw.len() * 3)
}

fn escape_length(bytes: &[u8], letter: char) -> Option<usize> {
    let short = match letter {
        '"' => b'"',
        '\'' => b'\'',
        '/' => b'/',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        _ => 0,
    };
    if short != 0 && bytes.get(1) == Some(&short) {
        return Some(2);
    }
    let mut units = [0; 2];
    let units = letter.encode_utf16(&mut units);
    for (index, unit) in units.iter().enumerate() {
        let part = bytes.get(index * 6..index * 6 + 6)?;
        let digits = std::str::from_utf8(part.strip_prefix(b"\\u")?).ok()?;
        if u16::from_str_radix(digits, 16).ok()? != *unit {
            return None;
        }
    }
    Some(units.len() * 6)
}

fn entity_length(bytes: &[u8], letter: char) -> Option<usize> {
    let end = bytes.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(bytes.get(1..end)?).ok()?;
    let is_letter = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            code == u32::from(letter)
        }
        None => matches!(
            (name, letter),
            ("amp", '&') | ("lt", '<') | ("gt", '>') | ("quot", '"') | ("apos", '\'')
        ),
    };
    is_letter.then_some(end + 1)
}
