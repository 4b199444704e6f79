//! How much room texts take on a page, with what escaping adds. May not know what they say.
//! Promise: never less is counted than askama writes.

/// How many bytes of HTML a text takes.
pub(super) fn written_bytes(text: &str) -> usize {
    text.chars().map(letter_bytes).sum()
}

/// As much of a text as takes so many bytes of HTML, and how many it takes.
pub(super) fn fitting(text: &str, max_bytes: usize) -> (&str, usize) {
    let mut bytes = 0;
    for (at, letter) in text.char_indices() {
        let taken = letter_bytes(letter);
        if bytes + taken > max_bytes {
            return (text.get(..at).unwrap_or_default(), bytes);
        }
        bytes += taken;
    }
    (text, bytes)
}

fn letter_bytes(letter: char) -> usize {
    match letter {
        // Written as `&#60;`.
        '<' | '>' | '&' | '"' | '\'' => 5,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;
    use askama::Template;

    #[derive(Template)]
    #[template(source = "{{ text }}", ext = "html")]
    struct Written<'a> {
        text: &'a str,
    }

    #[test]
    fn what_is_counted_is_what_is_written() {
        for text in ["", "plain", "<&>\"'", "ä<ö", "\u{1F600}"] {
            let written = Written { text }.render().expect("a page");
            assert_eq!(written_bytes(text), written.len(), "{text}");
        }
        assert_eq!(fitting("a<b", 5), ("a", 1));
        assert_eq!(fitting("a<b", 6), ("a<", 6));
        assert_eq!(fitting("a<b", 7), ("a<b", 7));
    }
}
