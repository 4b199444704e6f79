//! What a run asks somebody now, as forms. May not know how an answer reaches the run.
//! Promise: what is asked is text, in the words of whoever asks, cut where it is long.

use super::shown::{self, Room, Shown};
use crate::clock::iso_utc;
use crate::engine::{MAX_COMMENT_CHARS, Pending};
use serde_json::Value;

/// A page has so many forms at most.
const MAX_FORMS: usize = 10;

/// A step that waits for somebody.
pub(super) struct AskedView {
    /// Its name in the journal.
    pub(super) step: String,
    /// Whether it is an approval; else it asks how an attempt ended.
    pub(super) is_approval: bool,
    /// The question in one sentence, where there is one.
    pub(super) question: Option<String>,
    pub(super) approve: String,
    pub(super) reject: String,
    pub(super) until: Option<String>,
    /// The whole of what is asked.
    pub(super) request: Shown,
    pub(super) max_comment_chars: usize,
}

/// The forms of a page, and how many more things are asked.
pub(super) fn views(pending: &[Pending], room: &mut Room) -> (Vec<AskedView>, usize) {
    let forms = pending.iter().take(MAX_FORMS);
    let forms: Vec<AskedView> = forms.map(|pending| view(pending, room)).collect();
    let more = pending.len() - forms.len();
    (forms, more)
}

fn view(pending: &Pending, room: &mut Room) -> AskedView {
    let request = &pending.request;
    // A native approval has its words in fields; a flow's question has them where Flowise's clients look.
    let words = |places: [&str; 2]| {
        let found = places.iter().find_map(|place| request.pointer(place));
        found.and_then(Value::as_str).map(shown::name)
    };
    let approve = words(["/approveLabel", "/mapping/approve"]);
    let reject = words(["/rejectLabel", "/mapping/reject"]);
    AskedView {
        step: pending.step.clone(),
        is_approval: pending.is_approval,
        question: words(["/reason", "/data/input"]),
        approve: approve.unwrap_or_else(|| "Approve".to_owned()),
        reject: reject.unwrap_or_else(|| "Reject".to_owned()),
        until: pending.until_ms.map(iso_utc),
        request: room.value("Asked", request, None),
        max_comment_chars: MAX_COMMENT_CHARS,
    }
}
