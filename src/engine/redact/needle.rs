//! Finding one row of bytes in a text, whatever way its letters are written. May not know what is secret.
//!
//! A text can be read in more than one way: `%41` is three letters, or one. So the text is read from its end to its
//! beginning, and at each place it is known how much of the needle's end may begin there, by every way of reading on from
//! there. How much that is follows from what was known a letter further on, as Knuth, Morris and Pratt do it; after a letter
//! that does not fit, the next shorter end is tried, of which there are no more than the logarithm of the needle's length. So
//! the work grows with the text alone.

use super::letters::{MAX_LETTER_BYTES, begins_escape, each_escape};
use std::collections::BTreeSet;
use std::ops::Range;
use zeroize::Zeroizing;

/// How many ways of reading are followed from one place. There is more than one only where the needle itself looks like an
/// escape.
const MAX_READINGS: usize = 8;
/// The same where it is known that the needle is there, and only asked how far it reaches.
const MAX_OPEN_READINGS: usize = 64;
/// How long it is asked what of the letters before a needle belongs to it, for each of its bytes.
const WIDENING_STEPS_A_BYTE: usize = 64;
/// More than a letter's bytes, so that no place is forgotten that a letter may reach.
const REMEMBERED_PLACES: usize = MAX_LETTER_BYTES + 1;

/// How the bytes of needle and text are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// As they are.
    Text,
    /// As base64: both alphabets are one, and lines may be broken.
    Base64,
}

impl Alphabet {
    /// What is compared; nothing where the byte is passed over.
    pub(super) fn folded(self, byte: u8) -> Option<u8> {
        match (self, byte) {
            (Alphabet::Base64, b'-') => Some(b'+'),
            (Alphabet::Base64, b'_') => Some(b'/'),
            (Alphabet::Base64, b'\r' | b'\n') => None,
            _ => Some(byte),
        }
    }
}

/// What is looked for.
pub(super) struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    alphabet: Alphabet,
    /// For each number of bytes that are found at the needle's end: how many are found still when the one before them does
    /// not fit, and `None` when not even the last one may begin there.
    shorter: Vec<Option<u32>>,
    /// Whether the needle's last letter may begin with this byte.
    may_be_last: [bool; 256],
}

impl Needle {
    /// `bytes` are folded already, and at least one.
    pub(super) fn new(bytes: Zeroizing<Vec<u8>>, alphabet: Alphabet) -> Needle {
        let last = bytes.last().copied();
        let mut may_be_last = [false; 256];
        for (byte, may) in (0..=u8::MAX).zip(&mut may_be_last) {
            *may = begins_escape(byte) || (last.is_some() && alphabet.folded(byte) == last);
        }
        Needle {
            shorter: shorter_ends(&bytes),
            bytes,
            alphabet,
            may_be_last,
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The last place before `end` where the needle begins, and where it ends there.
    pub(super) fn last_before(&self, text: &[u8], end: usize) -> Option<Range<usize>> {
        self.last_in(text.get(..end)?, &mut || {})
    }

    /// The same for all of `text`; `on_step` is told of each comparison.
    pub(super) fn last_in(&self, text: &[u8], on_step: &mut impl FnMut()) -> Option<Range<usize>> {
        // No letter is longer than it may be written.
        if text.len() < self.bytes.len() {
            return None;
        }
        let mut places = Places::default();
        let mut at = text.len();
        loop {
            at = if places.found_at(at).is_empty() {
                let before = text.get(..at)?;
                before
                    .iter()
                    .rposition(|byte| self.may_be_last[usize::from(*byte)])?
            } else {
                at.checked_sub(1)?
            };
            let found = self.found_at(text, at, &places, on_step);
            if found.has(self.bytes.len()) {
                return Some(self.widest(text, at, on_step));
            }
            places.remember(at, found);
        }
    }

    /// How much of the needle's end may begin at this place, by each way of reading.
    fn found_at(
        &self,
        text: &[u8],
        at: usize,
        places: &Places,
        on_step: &mut impl FnMut(),
    ) -> Found {
        let mut found = Found::default();
        let mut read = |letter: &[u8], length: usize| {
            let after = places.found_at(at + length);
            // Where something is found, nothing is too, since it is shorter.
            for before in if after.is_empty() { &[0] } else { after } {
                let letter = letter.iter().rev();
                found.add(letter.fold(*before, |found, byte| self.with(found, *byte, on_step)));
            }
        };
        let rest = text.get(at..).unwrap_or_default();
        read(rest.get(..1).unwrap_or_default(), 1);
        each_escape(rest, read);
        found
    }

    /// How much is found when `byte` stands before so many bytes of the needle's end.
    fn with(&self, found: u32, byte: u8, on_step: &mut impl FnMut()) -> u32 {
        let Some(byte) = self.alphabet.folded(byte) else {
            return found;
        };
        let mut candidate = Some(found);
        while let Some(found) = candidate {
            on_step();
            match from_end(&self.bytes, found) {
                Some(wanted) if wanted == byte => return found + 1,
                // All of it is found, in the middle of a letter.
                None => return found,
                Some(_) => candidate = self.shorter.get(found as usize).copied().flatten(),
            }
        }
        0
    }

    /// The needle that begins at `start`, with what belongs to its first letters if they are read in another way: the first of
    /// two `\\`.
    fn widest(&self, text: &[u8], start: usize, on_step: &mut impl FnMut()) -> Range<usize> {
        let mut widest = start..self.end_of(text, start, on_step).unwrap_or(start);
        // Nearest first: of secrets that are escapes all through, what is further away may stay.
        let mut steps_left = WIDENING_STEPS_A_BYTE * (self.bytes.len() + 16);
        for earlier in (start.saturating_sub(MAX_LETTER_BYTES)..start).rev() {
            if steps_left == 0 {
                break;
            }
            let mut counted = || {
                steps_left = steps_left.saturating_sub(1);
                on_step();
            };
            if text.get(earlier).is_some_and(|byte| begins_escape(*byte))
                && let Some(end) = self.end_of(text, earlier, &mut counted)
                && end >= widest.end
            {
                widest = earlier..end;
            }
        }
        widest
    }

    /// Where the needle ends if it begins at `start`: as late as it can be read.
    fn end_of(&self, text: &[u8], start: usize, on_step: &mut impl FnMut()) -> Option<usize> {
        let mut end = None;
        let mut open = BTreeSet::from([(start, 0)]);
        while let Some((at, fitting)) = open.pop_first() {
            on_step();
            let rest = text.get(at..).unwrap_or_default();
            // A needle that is not whole by the end of the text is none.
            if rest.is_empty() {
                continue;
            }
            let mut read = |letter: &[u8], length: usize| match self.fitting(letter, fitting) {
                Some(all) if all == self.bytes.len() => end = end.max(Some(at + length)),
                Some(more) if open.len() < MAX_OPEN_READINGS => {
                    open.insert((at + length, more));
                }
                _ => {}
            };
            read(rest.get(..1).unwrap_or_default(), 1);
            each_escape(rest, read);
        }
        end
    }

    /// How many bytes of the needle's beginning fit when `letter` follows so many that do.
    fn fitting(&self, letter: &[u8], fitting: usize) -> Option<usize> {
        // What is passed over stands between letters of the needle.
        let first = letter.first().and_then(|byte| self.alphabet.folded(*byte));
        if fitting == 0 && first.is_none() {
            return None;
        }
        letter.iter().try_fold(fitting, |fitting, byte| {
            let Some(byte) = self.alphabet.folded(*byte) else {
                return Some(fitting);
            };
            (self.bytes.get(fitting) == Some(&byte)).then_some(fitting + 1)
        })
    }
}

/// How much of a needle's end is found at one place: each number of bytes once.
#[derive(Clone, Copy, Default)]
struct Found {
    bytes: [u32; MAX_READINGS],
    count: usize,
}

impl Found {
    fn all(&self) -> &[u32] {
        self.bytes.get(..self.count).unwrap_or_default()
    }

    fn has(&self, bytes: usize) -> bool {
        self.all().iter().any(|found| *found as usize == bytes)
    }

    /// Of more than are kept the longest stay.
    fn add(&mut self, bytes: u32) {
        if bytes == 0 || self.all().contains(&bytes) {
            return;
        }
        if let Some(free) = self.bytes.get_mut(self.count) {
            *free = bytes;
            self.count += 1;
        } else if let Some(shortest) = self.bytes.iter_mut().min()
            && *shortest < bytes
        {
            *shortest = bytes;
        }
    }
}

/// What is found at the places that a letter may reach.
struct Places([(usize, Found); REMEMBERED_PLACES]);

impl Default for Places {
    fn default() -> Places {
        Places([(usize::MAX, Found::default()); REMEMBERED_PLACES])
    }
}

impl Places {
    fn found_at(&self, place: usize) -> &[u32] {
        match self.0.get(place % REMEMBERED_PLACES) {
            Some((remembered, found)) if *remembered == place => found.all(),
            _ => &[],
        }
    }

    fn remember(&mut self, place: usize, found: Found) {
        if let Some(remembered) = self.0.get_mut(place % REMEMBERED_PLACES) {
            *remembered = (place, found);
        }
    }
}

/// The byte that stands before so many at the end.
fn from_end(bytes: &[u8], found: u32) -> Option<u8> {
    let at = bytes.len().checked_sub(found as usize + 1)?;
    bytes.get(at).copied()
}

fn shorter_ends(bytes: &[u8]) -> Vec<Option<u32>> {
    let mut shorter: Vec<Option<u32>> = Vec::with_capacity(bytes.len());
    let known =
        |shorter: &[Option<u32>], found: u32| shorter.get(found as usize).copied().flatten();
    // How much of the end is found at the end of what comes before the byte in question.
    let mut border = 0;
    for found in 0..u32::try_from(bytes.len()).unwrap_or(u32::MAX) {
        let byte = from_end(bytes, found);
        if found == 0 {
            shorter.push(None);
        } else if byte == from_end(bytes, border) {
            // The byte that does not fit here would not fit there either.
            shorter.push(known(&shorter, border));
            border += 1;
        } else {
            shorter.push(Some(border));
            let mut candidate = known(&shorter, border);
            while let Some(next) = candidate.filter(|next| from_end(bytes, *next) != byte) {
                candidate = known(&shorter, next);
            }
            border = candidate.map_or(0, |next| next + 1);
        }
    }
    shorter
}
