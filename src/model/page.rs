//! Pages of a list: how many, and from where. Keyset cursors, newest first.
//! May not know what is listed. Promise: a cursor is opaque to clients and survives rows being added or removed.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// How many items a page has when the caller does not say.
pub const DEFAULT_PAGE_LIMIT: u32 = 50;
/// How many items a page has at most.
pub const MAX_PAGE_LIMIT: u32 = 100;

/// Where the next page starts: after this item. On the wire base64 of `{"ts":…,"id":…}` (Workflows API, contract §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// When the last item of the former page was created, in milliseconds since the Unix epoch.
    pub ts: i64,
    /// Its id.
    pub id: String,
}

impl Cursor {
    /// The cursor as clients get it.
    pub fn encode(&self) -> String {
        BASE64_STANDARD.encode(serde_json::json!({ "ts": self.ts, "id": self.id }).to_string())
    }

    /// Reads a cursor that a client sent; `None` when it is not one of ours.
    pub fn decode(text: &str) -> Option<Cursor> {
        if text.len() > 200 {
            return None;
        }
        let cursor: Cursor = serde_json::from_slice(&BASE64_STANDARD.decode(text).ok()?).ok()?;
        crate::id::is_id(&cursor.id).then_some(cursor)
    }
}

/// What part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// 1 to [`MAX_PAGE_LIMIT`].
    pub limit: u32,
    /// Where to go on, `None` for the first page.
    pub after: Option<Cursor>,
}

impl Default for PageRequest {
    fn default() -> Self {
        PageRequest {
            limit: DEFAULT_PAGE_LIMIT,
            after: None,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// At most `limit` items, newest first.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_wire_and_foreign_text_does_not() {
        let cursor = Cursor {
            ts: 1_705_312_000_000,
            id: "run_660e8400".into(),
        };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        for bad in [
            "",
            "e30=",
            "not base64!",
            "eyJ0cyI6MSwiaWQiOiIuLiJ9",
            &"x".repeat(300),
        ] {
            assert_eq!(Cursor::decode(bad), None, "{bad}");
        }
    }
}
