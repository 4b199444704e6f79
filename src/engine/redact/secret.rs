//! One secret, and where it stands in a text: as its letters may be written, and as a part of anything in base64.
//! May not know where texts come from.

use super::letters::{begins_escape, each_escape};
use super::needle::{Alphabet, Needle};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Number;
use std::ops::Range;
use zeroize::Zeroizing;

/// Shorter pieces of base64 say too little to be taken for a secret; the shortest secret that is looked for has no shorter one.
const MIN_BASE64_PIECE: usize = 4;

/// Fewer bytes of a secret's beginning say too little.
pub(super) const MIN_CUT_BYTES: usize = 4;
/// No error shows more of a text that it cuts.
const MAX_CUT_BYTES: usize = 1_000;

/// One secret, prepared for being looked for.
pub(super) struct Secret {
    plain: Needle,
    /// What it is as a number, where it is one.
    number: Option<f64>,
    /// What stands in every base64 text that has the secret in it, for the three ways in which it can lie there.
    base64: Vec<Needle>,
}

impl Secret {
    pub(super) fn new(secret: &str) -> Secret {
        let pieces = (0..3).map(|shift| base64_piece(secret.as_bytes(), shift));
        Secret {
            number: number_of(secret),
            plain: Needle::new(Zeroizing::new(secret.into()), Alphabet::Text),
            base64: pieces
                .filter(|piece| piece.len() >= MIN_BASE64_PIECE)
                .map(|piece| Needle::new(piece, Alphabet::Base64))
                .collect(),
        }
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.plain.bytes() == text.as_bytes()
    }

    /// Whether it is this number, however many of its digits a number can keep.
    pub(super) fn is_number(&self, number: &Number) -> bool {
        self.number.is_some() && self.number == number.as_f64()
    }

    /// How many bytes at the end of `text` begin the secret, as it is or escaped as in JSON; 0 for fewer than `least`.
    pub(super) fn begun_at_end(&self, text: &str, least: usize) -> usize {
        let whole = self.plain.bytes();
        let escaped = serde_json::to_string(&String::from_utf8_lossy(whole)).unwrap_or_default();
        let escaped = Zeroizing::new(escaped);
        let escaped = escaped.as_bytes().get(1..).unwrap_or_default();
        let begun = |secret: &[u8]| {
            let most = secret.len().min(text.len()).min(MAX_CUT_BYTES);
            let mut lengths = (least..=most).rev();
            lengths.find(|length| {
                let is_end = text
                    .as_bytes()
                    .ends_with(secret.get(..*length).unwrap_or(secret));
                is_end && text.is_char_boundary(text.len() - length)
            })
        };
        begun(whole).max(begun(escaped)).unwrap_or_default()
    }

    /// Adds the places where the secret stands.
    pub(super) fn find(&self, text: &[u8], places: &mut Vec<Range<usize>>) {
        let mut end = text.len();
        while let Some(place) = self.plain.last_before(text, end) {
            end = place.start;
            places.push(place);
        }
        for piece in &self.base64 {
            let mut end = text.len();
            while let Some(place) = piece.last_before(text, end) {
                let whole = base64_around(text, place);
                end = whole.start;
                places.push(whole);
            }
        }
    }
}

/// What JSON makes of a secret that is a number of four digits or more.
fn number_of(secret: &str) -> Option<f64> {
    let is_digits = secret.bytes().all(|byte| byte.is_ascii_digit());
    let digits = secret.trim_start_matches('0');
    let number: Option<f64> = serde_json::from_str(digits).ok();
    number.filter(|number| is_digits && *number >= 1_000.0)
}

/// The part of the base64 of anything that has `secret` in it, `shift` bytes after a border of three, which depends on
/// nothing else.
fn base64_piece(secret: &[u8], shift: usize) -> Zeroizing<Vec<u8>> {
    let mut padded = Zeroizing::new(vec![0; shift]);
    padded.extend_from_slice(secret);
    let whole_letters = padded.len() * 8 / 6;
    let text = Zeroizing::new(STANDARD_NO_PAD.encode(&padded));
    // The first letters hold bits of what stands before.
    let foreign = (shift * 8).div_ceil(6);
    let piece = text.as_bytes().get(foreign..whole_letters);
    Zeroizing::new(piece.unwrap_or_default().to_vec())
}

/// The line of base64 text that a piece of it lies in.
fn base64_around(text: &[u8], piece: Range<usize>) -> Range<usize> {
    let mut start = piece.start;
    while let Some(before) = start.checked_sub(1) {
        match letter_at(text, before) {
            LetterAt::Base64(_) => start = before,
            // Its last bytes may have been taken for letters: the `n` of `\n`.
            LetterAt::Other(end) => {
                start = end.clamp(start, piece.start);
                break;
            }
        }
    }
    let mut end = piece.end;
    while let LetterAt::Base64(after) = letter_at(text, end) {
        end = after;
    }
    start..end
}

/// A letter, and where it ends.
enum LetterAt {
    Base64(usize),
    Other(usize),
}

fn letter_at(text: &[u8], at: usize) -> LetterAt {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    match text.get(at) {
        Some(byte) if is_base64(*byte) => LetterAt::Base64(at + 1),
        Some(byte) if begins_escape(*byte) => {
            let mut letter = LetterAt::Other(at + 1);
            each_escape(text.get(at..).unwrap_or_default(), |read, length| {
                if let ([byte], LetterAt::Other(_)) = (read, &letter) {
                    letter = if is_base64(*byte) {
                        LetterAt::Base64(at + length)
                    } else {
                        LetterAt::Other(at + length)
                    };
                }
            });
            letter
        }
        _ => LetterAt::Other(at + 1),
    }
}
