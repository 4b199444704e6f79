//! A bound on the work of a search, in comparisons a byte of text: no clock is asked.

use super::needle::{Alphabet, Needle};
use zeroize::Zeroizing;

/// How many comparisons a byte of the text takes until every place is found.
fn steps_a_byte(secret: &str, text: &str) -> usize {
    let needle = Needle::new(Zeroizing::new(secret.into()), Alphabet::Text);
    let (mut steps, mut end) = (0_usize, text.len());
    while let Some(place) = needle.last_in(&text.as_bytes()[..end], &mut || steps += 1) {
        end = place.start;
    }
    steps / text.len()
}

/// Texts and secrets on which a search goes wrong that begins anew at every place.
#[test]
fn the_work_grows_with_the_text_alone() {
    let fibonacci = (0..20).fold(("a".to_owned(), "ab".to_owned()), |(a, b), _| {
        (b.clone(), b + &a)
    });
    for (secret, text) in [
        ("a".repeat(16_000) + "b", "a".repeat(200_000)),
        ("b".to_owned() + &"a".repeat(16_000), "a".repeat(200_000)),
        ("b".to_owned() + &"a".repeat(16_000), "%61".repeat(70_000)),
        ("b".to_owned() + &"A".repeat(16_000), "%2541".repeat(40_000)),
        ("b".to_owned() + &"%".repeat(16_000), "%25%".repeat(50_000)),
        (
            "b".to_owned() + &"%41A".repeat(4_000),
            "%41A".repeat(50_000),
        ),
        ("b".to_owned() + &"\\".repeat(16_000), "\\".repeat(200_000)),
        ("ab".repeat(8_000) + "aab", "ab".repeat(100_000)),
        (
            fibonacci.1[..16_000].to_owned() + "b",
            fibonacci.0.repeat(20),
        ),
        (
            fibonacci.1[..16_000].to_owned(),
            fibonacci.1.replace('a', "%61"),
        ),
    ] {
        let steps = steps_a_byte(&secret, &text);
        assert!(steps < 16, "{steps} steps a byte: {secret:.9} in {text:.9}");
    }
}

/// Where a secret is found it is also asked what of the letters before it belongs to it.
#[test]
fn a_text_that_is_full_of_the_secret_takes_more_work_but_no_more_a_byte() {
    for (secret, part) in [
        ("abcd".to_owned(), "abcd"),
        ("ab%%".to_owned(), "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%ab%%"),
        ("%%%%".to_owned(), "%"),
        ("%25%".repeat(4), "%25"),
        ("\\".repeat(8), "\\"),
        ("&amp;".repeat(2), "&amp;"),
        ("++++".to_owned(), "%2B"),
    ] {
        for bytes in [500, 1_000] {
            let steps = steps_a_byte(&secret, &part.repeat(bytes / part.len()));
            assert!(
                steps <= 640,
                "{steps} steps a byte: {secret:.9} in {bytes} bytes of {part}"
            );
        }
    }
}
