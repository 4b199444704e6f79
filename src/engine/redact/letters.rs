//! How a letter may be written down. May not know secrets.
//!
//! Beside itself a letter may stand percent-encoded (`+` for a space), escaped as in JSON (`\"`, `\u00e4`) or as in HTML
//! (`&amp;`, `&#38;`), and what is written so may be written so once more: `%2541`, `\\\"`, `%26amp%3B`.

/// How many bytes one letter may take: twelve, each of which takes six. A longer one is not understood.
pub(super) const MAX_LETTER_BYTES: usize = 72;
/// The longest escape that is not encoded once more: `&#x0010ffff;`, or a pair of `\uXXXX`.
const MAX_ESCAPE_BYTES: usize = 12;

/// Whether an escape may begin with this byte.
pub(super) fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'+' | b'\\' | b'&')
}

/// Tells what the beginning of `text` may stand for beside itself: the bytes of one letter, or one of its bytes, and how many
/// bytes of `text` it takes.
pub(super) fn each_escape(text: &[u8], mut found: impl FnMut(&[u8], usize)) {
    let mut tell = |letter: Letter, length: usize| {
        found(letter.bytes(), length);
        // In a form.
        if letter.bytes() == b"+" {
            found(b" ", length);
        }
    };
    let once = match text.first() {
        Some(b'+') => return found(b" ", 1),
        Some(first) if begins_escape(*first) => escape(text),
        _ => return,
    };
    if let Some((letter, length)) = once {
        tell(letter, length);
    }
    // As encoders write twice: the first byte is written otherwise, or it is a `\` before a byte that is.
    let may_be_twice = match once {
        Some((letter, _)) => begins_escape(letter.utf8[0]),
        None => matches!(text, [b'\\', second, ..] if begins_escape(*second)),
    };
    if may_be_twice && let Some((letter, length)) = Undone::of(text).escape() {
        tell(letter, length);
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

/// The beginning of a text with its escapes undone, as far as the longest escape reaches.
#[derive(Default)]
struct Undone {
    bytes: [u8; MAX_ESCAPE_BYTES],
    /// Where in the text each of the bytes ends.
    ends: [usize; MAX_ESCAPE_BYTES],
    length: usize,
}

impl Undone {
    fn of(text: &[u8]) -> Undone {
        let mut undone = Undone::default();
        let mut at = 0;
        while let Some(rest @ [first, ..]) = text.get(at..)
            && undone.length < MAX_ESCAPE_BYTES
        {
            let (letter, length) = escape(rest).unwrap_or((Letter::from(*first), 1));
            at += length;
            for byte in letter.bytes() {
                undone.push(*byte, at);
            }
        }
        undone
    }

    fn push(&mut self, byte: u8, end: usize) {
        if let (Some(free), Some(ends)) = (
            self.bytes.get_mut(self.length),
            self.ends.get_mut(self.length),
        ) {
            (*free, *ends) = (byte, end);
            self.length += 1;
        }
    }

    /// The escape at its beginning, and its length in the text.
    fn escape(&self) -> Option<(Letter, usize)> {
        let (letter, length) = escape(self.bytes.get(..self.length)?)?;
        Some((letter, *self.ends.get(length.checked_sub(1)?)?))
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
    let mut letters = text.iter().take(MAX_ESCAPE_BYTES);
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
