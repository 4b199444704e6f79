//! Table tests of the check; what goes over the wire is in `tests/messages`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::field::problems_of;
use super::*;

#[test]
fn good_configurations_pass() {
    for config in [
        json!({"connection": "smtp", "to": "a@example.com", "subject": "s", "text": "t"}),
        json!({"connectionId": "conn_1", "to": ["a@example.com", "B <b@example.com>"], "subject": "s", "html": "<p>"}),
        json!({"provider": "sendgrid", "to": "{{input.to}}", "from": "a@example.com", "subject": "{{input.subject}}", "text": "t"}),
        json!({"provider": "p", "bcc": "a@example.com, b@example.com", "subject": "s", "text": 5, "timeout": "{{input.t}}"}),
    ] {
        assert_eq!(problems_of(check, &config), [], "{config}");
    }
}

/// A configuration, the place of its one mistake, and a part of what is said of it.
const MISTAKES: &str = r#"
{"subject": "s", "text": "t", "connection": "c"} ⇒ to ⇒ missing
{"to": "nobody", "subject": "s", "text": "t", "connection": "c"} ⇒ to ⇒ `nobody`
{"to": "{{input.to}}, nobody", "subject": "s", "text": "t", "connection": "c"} ⇒ to ⇒ `nobody`
{"to": [1], "subject": "s", "text": "t", "connection": "c"} ⇒ to ⇒ not an address
{"to": "a@example.com\r\nBcc: x@example.com", "subject": "s", "text": "t", "connection": "c"} ⇒ to ⇒ one line
{"to": "a@example.com", "from": "a@example.com\nX: y", "subject": "s", "text": "t", "connection": "c"} ⇒ from ⇒ one line
{"to": "a@example.com", "replyTo": "\u0000", "subject": "s", "text": "t", "connection": "c"} ⇒ replyTo ⇒ one line
{"to": "a@example.com", "cc": "a@b@c", "subject": "s", "text": "t", "connection": "c"} ⇒ cc ⇒ not an address
{"to": "a@example.com", "text": "t", "connection": "c"} ⇒ subject ⇒ missing
{"to": "a@example.com", "subject": "a\nBcc: b@example.com", "text": "t", "connection": "c"} ⇒ subject ⇒ one line
{"to": "a@example.com", "subject": ["s"], "text": "t", "connection": "c"} ⇒ subject ⇒ not a text
{"to": "a@example.com", "subject": "s", "connection": "c"} ⇒ text ⇒ no body
{"to": "a@example.com", "subject": "s", "text": {"a": 1}, "connection": "c"} ⇒ text ⇒ json
{"to": "a@example.com", "subject": "s", "text": "t"} ⇒ connection ⇒ missing
{"to": "a@example.com", "subject": "s", "text": "t", "connection": "c", "timeout": 0} ⇒ timeout ⇒ between
{"to": "a@example.com", "subject": "s", "text": "t", "connection": "c", "replyto": "a@example.com"} ⇒ replyto ⇒ `replyTo`
{"to": "a@example.com", "subject": "s", "text": "t", "connection": "c", "action": "schedule"} ⇒ action ⇒ none of
"#;

#[test]
fn mistakes_are_told_with_their_place() {
    for line in MISTAKES.trim().lines() {
        let parts: Vec<&str> = line.split(" ⇒ ").collect();
        let config: Value = serde_json::from_str(parts[0]).expect("JSON");
        let found = problems_of(check, &config);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert_eq!(found[0].0, format!("config.{}", parts[1]), "{line}");
        assert!(found[0].1.contains(parts[2]), "{line}: {}", found[0].1);
    }
}
