//! Table tests of the check, of `Retry-After` and of bodies; calls are in `tests/outbound.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::engine::outbound::OutboundResponse;
use crate::engine::outbound::status::{MAX_RETRY_AFTER_MS, retry_after_ms, shown_body};
use serde_json::json;

fn problems(config: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut problems = Problems {
        place: "config".into(),
        is_new: true,
        found: &mut found,
    };
    check(config.as_object().expect("an object"), &mut problems);
    found
        .into_iter()
        .map(|problem| (problem.place, problem.message))
        .collect()
}

#[test]
fn good_configurations_pass() {
    for config in [
        json!({"url": "https://a.example/x"}),
        json!({"url": "{{variables.base}}/x", "method": "post"}),
        json!({"url": "https://a.example", "method": "{{input.method}}", "timeout": "{{input.ms}}"}),
        json!({"url": "https://a.example", "headers": [{"Key": "x", "Value": "y"}, {}], "params": {"a": 1, "b": [1, 2]}}),
        json!({"url": "https://a.example", "headers": "{{input.headers}}", "params": "{\"a\":1}", "body": {"a": "{{b}}"}}),
        json!({"url": "https://a.example", "timeout": "30000", "retries": 3, "failOnError": "false", "connection": ""}),
        json!({"url": "https://a.example", "connection": "stripe", "connectionId": "stripe"}),
        json!({"url": "https://a.example", "operation": "request", "csvDelimiter": "tab", "responseFormat": "CSV"}),
    ] {
        assert_eq!(problems(&config), [], "{config}");
    }
}

/// A configuration, the place of its one mistake, and a part of what is said of it.
const MISTAKES: &str = r#"
{} ⇒ url ⇒ missing
{"url": 5} ⇒ url ⇒ not a URL
{"url": "/path"} ⇒ url ⇒ absolute
{"url": "ftp://a/"} ⇒ url ⇒ http
{"url": "https://u:s3cret@a/"} ⇒ url ⇒ authorization
{"url": "http://a", "method": "FETCH"} ⇒ method ⇒ none of
{"url": "http://a", "method": 1} ⇒ method ⇒ none of
{"url": "http://a", "timeout": 0} ⇒ timeout ⇒ between
{"url": "http://a", "timeout": "soon"} ⇒ timeout ⇒ number
{"url": "http://a", "retries": 100} ⇒ retries ⇒ between
{"url": "http://a", "maxResponseBytes": -1} ⇒ maxResponseBytes ⇒ between
{"url": "http://a", "failOnError": "perhaps"} ⇒ failOnError ⇒ true
{"url": "http://a", "responseFormat": "xml"} ⇒ responseFormat ⇒ none of
{"url": "http://a", "csvDelimiter": ";;"} ⇒ csvDelimiter ⇒ one plain
{"url": "http://a", "headers": ["x"]} ⇒ headers[0] ⇒ Key
{"url": "http://a", "headers": [{"Value": "x"}]} ⇒ headers[0] ⇒ Key
{"url": "http://a", "headers": {"x": {"y": 1}}} ⇒ headers.x ⇒ neither
{"url": "http://a", "params": 7} ⇒ params ⇒ neither
{"url": "http://a", "params": "a=b"} ⇒ params ⇒ not JSON
{"url": "http://a", "header": {}} ⇒ header ⇒ `headers`?
{"url": "http://a", "URL": "x"} ⇒ URL ⇒ `url`?
{"url": "http://a", "connection": 5} ⇒ connection ⇒ neither
{"url": "http://a", "connectionId": {"id": "conn_1"}} ⇒ connectionId ⇒ neither
{"url": "http://a", "connection": "stripe", "connectionId": "conn_1"} ⇒ connectionId ⇒ different
{"url": "http://a", "conection": "stripe"} ⇒ conection ⇒ `connection`?
"#;

#[test]
fn every_mistake_has_its_place() {
    for line in MISTAKES.trim().lines() {
        let columns: Vec<_> = line.split(" ⇒ ").collect();
        let config = serde_json::from_str(columns[0]).expect(line);
        let found = problems(&config);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert_eq!(found[0].0, format!("config.{}", columns[1]));
        assert!(found[0].1.contains(columns[2]), "{line}: {found:?}");
        assert!(!found[0].1.contains("s3cret"), "{found:?}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now_ms = 1_705_312_800_000;
    for (value, wait_ms) in [
        ("0", Some(0)),
        (" 7 ", Some(7_000)),
        ("99999999999999999999", Some(MAX_RETRY_AFTER_MS)),
        ("Mon, 15 Jan 2024 10:00:30 GMT", Some(30_000)),
        ("Mon, 15 Jan 2024 09:00:00 GMT", Some(0)),
        ("-5", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(retry_after_ms(value, now_ms), wait_ms, "{value}");
    }
}

#[test]
fn what_may_be_tried_again_depends_on_method_and_status() {
    for (status, retry_after, is_repeatable, retryable) in [
        (500, None, true, true),
        (408, None, true, true),
        (429, None, true, true),
        (404, None, true, false),
        (400, Some("5"), true, false),
        (304, None, true, false),
        (500, None, false, false),
        (500, Some("5"), false, false),
        (503, None, false, false),
        (503, Some("5"), false, true),
        (408, Some("5"), false, true),
        (429, None, false, true),
    ] {
        let headers = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
        let response = OutboundResponse {
            status,
            headers: headers.into_iter().collect(),
            body: b"no".to_vec(),
        };
        let error = status_error("POST http://a/", &response, is_repeatable, 0);
        assert_eq!(
            error.retryable, retryable,
            "{status} {retry_after:?} {is_repeatable}"
        );
        assert_eq!(error.retry_after_ms, retry_after.map(|_| 5_000));
        assert_eq!(error.code, "HTTP_STATUS");
    }
}

#[test]
fn an_error_shows_the_beginning_of_a_body_in_one_line() {
    assert_eq!(shown_body(b"a\r\n\x1b[31m b"), "a [31m b");
    let long = shown_body("ä".repeat(1_000).as_bytes());
    assert_eq!(long.chars().count(), 201);
    assert!(shown_body(&[0xff; 10]).contains('\u{fffd}'));
}
