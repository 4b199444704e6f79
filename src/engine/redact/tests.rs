//! What is found of a secret and what is not; a property test over the ways of writing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;
use serde_json::json;

fn redactor(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    secrets.iter().for_each(|secret| redactor.learn(secret));
    redactor
}

#[test]
fn a_secret_is_found_however_it_is_written() {
    let secret = "p\"4ß&/w ö<\\x";
    let redactor = redactor(&[secret]);
    for written in [
        secret,
        "p%224%C3%9F%26%2Fw%20%C3%B6%3C%5Cx",
        "p%224%c3%9f%26%2fw+%c3%b6%3c%5cx",
        "p%224ß&/w+ö<%5Cx",
        "p\\\"4ß&/w ö<\\\\x",
        "p\\\"4\\u00df&\\/w \\u00F6<\\\\x",
        "p&quot;4ß&amp;/w ö&lt;\\x",
        "p&#34;4&#xDF;&#38;/w ö&#x3c;\\x",
        "%70%224%C3%9F%26%2Fw%20%C3%B6%3C%5C%78",
    ] {
        let text = format!("before {written} after");
        assert_eq!(
            redactor.text(&text).as_deref(),
            Some("before [redacted] after"),
            "{written}"
        );
    }
    for near in ["p\"4ß&/w ö<\\", "P\"4ß&/w ö<\\x", "p%224%C3%9E"] {
        assert_eq!(redactor.text(near), None, "{near}");
    }
}

#[test]
fn a_secret_is_found_inside_base64() {
    let redactor = redactor(&["open-sesame"]);
    for around in ["", "u", "us", "use", "user:"] {
        for after in ["", "!", "!!", "!!!"] {
            let plain = format!("{around}open-sesame{after}");
            for encoded in [STANDARD.encode(&plain), URL_SAFE.encode(&plain)] {
                assert_eq!(
                    redactor.text(&format!("Basic {encoded}.")).as_deref(),
                    Some("Basic [redacted]."),
                    "{plain}"
                );
            }
        }
    }
}

#[test]
fn values_lose_secrets_in_names_numbers_and_depth() {
    let redactor = redactor(&["hunter22", "12345678"]);
    let found = redactor.value(
        json!({"a": [{"x-hunter22": "is hunter22hunter22."}], "n": 12_345_678,
        "m": 123_456_789, "b": true, "t": "no12345678"}),
    );
    assert_eq!(
        found,
        json!({"a": [{"x-[redacted]": "is [redacted][redacted]."}], "n": "[redacted]", "m": 123_456_789,
            "b": true, "t": "no[redacted]"})
    );
}

#[test]
fn an_answer_that_was_json_stays_json() {
    let redactor = redactor(&["12345678", "hunter22"]);
    let answer = |body: &str| {
        let response = OutboundResponse {
            status: 200,
            headers: vec![("x-echo".into(), "a hunter22".into())],
            body: body.as_bytes().to_vec(),
        };
        let redacted = redactor.response(response);
        assert_eq!(redacted.headers[0].1, "a [redacted]");
        String::from_utf8(redacted.body).unwrap()
    };
    assert_eq!(answer(r#"{"pin": 12345678}"#), r#"{"pin":"[redacted]"}"#);
    assert_eq!(answer("not json: hunter22"), "not json: [redacted]");
    assert_eq!(answer(r#"{ "as": "it was" }"#), r#"{ "as": "it was" }"#);
}

#[test]
fn short_secrets_are_not_looked_for_and_overlapping_ones_leave_nothing() {
    assert!(!redactor(&["abc"]).finds(b"abc"));
    assert!(redactor(&["abcd"]).finds(b"abcd"));
    let both = redactor(&["abcdef", "defghi"]);
    assert_eq!(both.text("xabcdefghix").as_deref(), Some("x[redacted]x"));
    assert!(!format!("{both:?}").contains("abc"));
}

proptest! {
    #[test]
    fn nothing_of_a_secret_is_left(secret in "\\PC{4,30}", before in "[ -~]{0,9}", after in "[ -~]{0,9}") {
        let redactor = redactor(&[&secret]);
        let encoded = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
        let json = serde_json::to_string(&secret).unwrap();
        let inner = json.trim_start_matches('"').trim_end_matches('"').to_owned();
        for form in [secret.clone(), encoded, STANDARD.encode(format!("{before}{secret}{after}"))] {
            let text = format!("{before}|{form}|{after}");
            let redacted = redactor.text(&text);
            prop_assert!(redacted.is_some_and(|left| !left.contains(&form)), "{text}");
        }
        // A quote at the secret's end looks like the text's own.
        if !secret.starts_with('"') && !secret.ends_with('"') {
            let text = format!("\"{inner}\"");
            prop_assert!(redactor.finds(text.as_bytes()), "{text}");
        }
    }
}
