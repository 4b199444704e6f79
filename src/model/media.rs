//! Uploaded files: what they are called and what they are served as.
//! May not know where the bytes lie or who asks. Promise: whatever a client calls a file, its name is one line of text without
//! a path, and its type is one that a browser shows without running anything of it.

use crate::id::MediaId;

/// The longest name of a file, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// What a file is called whose client said nothing.
const NO_NAME: &str = "file";
/// What a file is served as whose type is not one of [`SHOWN_TYPES`].
const ANY_BYTES: &str = "application/octet-stream";

/// What files may be served as: nothing here can run in a page. SVG can, and so is not here.
const SHOWN_TYPES: [&str; 19] = [
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "audio/webm",
    "video/mp4",
    "video/ogg",
    "video/quicktime",
    "video/webm",
    "application/pdf",
    "application/json",
];
/// Text is text in every charset.
const PLAIN_TEXT: &str = "text/plain";

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaFile {
    /// Made by the server, and the name under which the bytes lie.
    pub id: MediaId,
    /// What its client called it: one line, no path.
    pub name: String,
    /// What it is served as.
    pub content_type: String,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// When it was kept, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// What a file is served as whose client says that it is of this media type.
pub fn served_type(declared: Option<&str>) -> &'static str {
    let essence = declared.and_then(|declared| declared.split(';').next());
    let essence = essence.unwrap_or_default().trim();
    let mut shown = SHOWN_TYPES.into_iter().chain([PLAIN_TEXT]);
    shown
        .find(|known| known.eq_ignore_ascii_case(essence))
        .unwrap_or(ANY_BYTES)
}

/// What a file is called whose client calls it so: without folders, line breaks and marks that turn the direction of text.
/// The error is a sentence.
pub fn file_name(sent: Option<&str>) -> Result<String, String> {
    let last = sent
        .unwrap_or_default()
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let name: String = last.chars().filter(|one| is_shown(*one)).collect();
    let name = name.trim();
    if name.len() > MAX_NAME_BYTES {
        return Err(format!(
            "The file's name has {} bytes, more than {MAX_NAME_BYTES}.",
            name.len()
        ));
    }
    Ok(match name {
        "" | "." | ".." => NO_NAME.to_owned(),
        name => name.to_owned(),
    })
}

fn is_shown(character: char) -> bool {
    let turns_direction = matches!(
        character,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    !character.is_control() && !turns_direction
}

/// `Content-Disposition` of a file that is saved and not shown (RFC 6266), its name percent-encoded (RFC 8187).
pub fn disposition(name: &str) -> String {
    let mut header = String::from("attachment; filename*=UTF-8''");
    for byte in name.bytes() {
        // `attr-char` of RFC 8187.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            header.push(char::from(byte));
        } else {
            header.push_str(&format!("%{byte:02X}"));
        }
    }
    header
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_types_that_run_nothing_are_served_as_they_are() {
        for (declared, served) in [
            (Some("image/png"), "image/png"),
            (Some("IMAGE/PNG"), "image/png"),
            (Some("text/plain; charset=latin1"), "text/plain"),
            (Some("image/svg+xml"), ANY_BYTES),
            (Some("text/html"), ANY_BYTES),
            (Some("text/html; image/png"), ANY_BYTES),
            (Some("application/xhtml+xml"), ANY_BYTES),
            (Some("text/javascript"), ANY_BYTES),
            (Some("image/png\r\nx-evil: 1"), ANY_BYTES),
            (Some(""), ANY_BYTES),
            (None, ANY_BYTES),
        ] {
            assert_eq!(served_type(declared), served, "{declared:?}");
        }
    }

    #[test]
    fn a_name_is_one_line_without_a_path() {
        for (sent, name) in [
            (Some("cat.png"), "cat.png"),
            (Some("../../etc/passwd"), "passwd"),
            (Some("C:\\cats\\cat.png"), "cat.png"),
            (Some("a\r\nx-evil: 1"), "ax-evil: 1"),
            (Some("gp\u{202e}exe.png"), "gpexe.png"),
            (Some("Katze \u{1f431}.png"), "Katze \u{1f431}.png"),
            (Some(".."), "file"),
            (Some("folder/"), "file"),
            (Some(" \t "), "file"),
            (None, "file"),
        ] {
            assert_eq!(file_name(sent).as_deref(), Ok(name), "{sent:?}");
        }
        assert!(file_name(Some(&"x".repeat(MAX_NAME_BYTES))).is_ok());
        let refused = file_name(Some(&"x".repeat(MAX_NAME_BYTES + 1)));
        assert!(refused.expect_err("too long").contains("256 bytes"));
    }

    #[test]
    fn a_disposition_holds_the_name_percent_encoded() {
        assert_eq!(
            disposition("a \"b\"; c=\u{e9}.png"),
            "attachment; filename*=UTF-8''a%20%22b%22%3B%20c%3D%C3%A9.png"
        );
    }

    proptest! {
        #[test]
        fn whatever_a_client_calls_a_file_the_header_is_one_token(sent in any::<String>()) {
            let Ok(name) = file_name(Some(&sent)) else { return Ok(()) };
            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME_BYTES);
            prop_assert!(!name.contains(['/', '\\', '\r', '\n', '\0']));
            let header = disposition(&name);
            let value = header.strip_prefix("attachment; filename*=UTF-8''").expect("the prefix");
            prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'()*,;=/\\".contains(&byte)));
        }
    }
}
