//! How a letter may be written down. May not know secrets.
//!
//! Beside itself a letter may stand percent-encoded (`+` for a space), escaped as in JSON (`\"`, `\u00e4`) or as in HTML
//! (`&amp;`, `&#38;`).

/// How many bytes one letter may take: `&#x0010ffff;`, or a pair of `\uXXXX`.
pub(super) const MAX_LETTER_BYTES: usize = 12;

/// Whether an escape may begin with this byte.
pub(super) fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'+' | b'\\' | b'&')
}

/// Tells what the beginning of `text` may stand for beside itself: the bytes of one letter, or one of its bytes, and how many
/// bytes of `text` it takes.
pub(super) fn each_escape(text: &[u8], mut found: impl FnMut(&[u8], usize)) {
    if text.first() == Some(&b'+') {
        found(b" ", 1);
    } else if let Some((letter, length)) = escape(text) {
        found(letter.bytes(), length);
    }
}

/// A letter as UTF-8, or one byte of it.
#[derive(Clone, Copy)]
struct Letter {
    utf8: [u8; 4],
    length: usize,
}

impl Letter {
    fn bytes(&self) -> &[u8] {
        self.utf8.get(..self.length).unwrap_or_default()
    }
}

impl From<u8> for Letter {
    fn from(byte: u8) -> Letter {
        Letter {
            utf8: [byte, 0, 0, 0],
            length: 1,
        }
    }
}

impl From<char> for Letter {
    fn from(letter: char) -> Letter {
        let mut utf8 = [0; 4];
        let length = letter.encode_utf8(&mut utf8).len();
        Letter { utf8, length }
    }
}

/// The escape at the beginning of `text`: what it stands for, and its length.
fn escape(text: &[u8]) -> Option<(Letter, usize)> {
    match text.first()? {
        b'%' => Some((u8::try_from(digits(text.get(1..3)?, 16)?).ok()?.into(), 3)),
        b'\\' => json_escape(text),
        b'&' => html_escape(text),
        _ => None,
    }
}

fn json_escape(text: &[u8]) -> Option<(Letter, usize)> {
    let short = match text.get(1)? {
        same @ (b'"' | b'\'' | b'/' | b'\\') => *same,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'u' => return unicode_escape(text),
        _ => return None,
    };
    Some((short.into(), 2))
}

/// `\u00e4`, or the two halves of a letter that needs two.
fn unicode_escape(text: &[u8]) -> Option<(Letter, usize)> {
    let unit = |text: &[u8]| u16::try_from(digits(text.strip_prefix(b"\\u")?.get(..4)?, 16)?).ok();
    let first = unit(text)?;
    if let Some(letter) = char::from_u32(u32::from(first)) {
        return Some((letter.into(), 6));
    }
    let second = unit(text.get(6..)?)?;
    let letter = char::decode_utf16([first, second]).next()?.ok()?;
    Some((letter.into(), 12))
}

fn html_escape(text: &[u8]) -> Option<(Letter, usize)> {
    let mut letters = text.iter().take(MAX_LETTER_BYTES);
    let end = letters.position(|byte| *byte == b';')?;
    let letter = match text.get(1..end)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x' | b'X', number @ ..] => char::from_u32(digits(number, 16)?)?,
        [b'#', number @ ..] => char::from_u32(digits(number, 10)?)?,
        _ => return None,
    };
    Some((letter.into(), end + 1))
}

/// A number that is written in digits alone.
fn digits(text: &[u8], radix: u32) -> Option<u32> {
    let digits = text.iter().map(|byte| char::from(*byte).to_digit(radix));
    digits
        .reduce(|number, digit| number?.checked_mul(radix)?.checked_add(digit?))
        .flatten()
}
