//! Table tests of the check; what goes over the wire is in `tests/messages`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::field::problems_of;
use super::*;

#[test]
fn good_configurations_pass() {
    for config in [
        json!({"webhookUrl": "{{secrets.SLACK}}", "text": "hi"}),
        json!({"action": "send_message", "connection": "slack", "channel": "#a", "text": "{{input.t}}"}),
        json!({"provider": "slack", "blocks": [{"type": "divider"}]}),
        json!({"connectionId": "conn_1", "blocks": "{{input.blocks}}"}),
    ] {
        assert_eq!(problems_of(check, &config), [], "{config}");
    }
}

/// A configuration, the place of its one mistake, and a part of what is said of it.
const MISTAKES: &str = r#"
{"text": "hi"} ⇒ webhookUrl ⇒ missing
{"webhookUrl": "https://hooks.slack.com/services/T/B/s3cret", "text": "hi"} ⇒ webhookUrl ⇒ secrets.NAME
{"connection": "c"} ⇒ text ⇒ nothing to say
{"connection": "c", "text": "hi", "blocks": {"type": "divider"}} ⇒ blocks ⇒ not an array
{"connection": "c", "text": "hi", "blocks": ["x"]} ⇒ blocks ⇒ each an object
{"connection": "c", "text": "hi", "action": "sendDirectMessage", "userEmail": "a@example.com"} ⇒ action ⇒ direct messages
{"connection": "c", "text": "hi", "action": "send_direct_message"} ⇒ action ⇒ direct messages
{"connection": "c", "text": "hi", "userEmail": "a@example.com"} ⇒ userEmail ⇒ direct messages
{"connection": "c", "text": "hi", "action": "delete_message"} ⇒ action ⇒ none of
{"connection": "c", "text": "hi", "channel": 5} ⇒ channel ⇒ not a text
{"connection": "c", "text": "hi", "chanel": "x"} ⇒ chanel ⇒ `channel`
{"connection": "c", "text": "hi", "timeout": -1} ⇒ timeout ⇒ between
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
        assert!(!found[0].1.contains("s3cret"), "{line}");
    }
}
