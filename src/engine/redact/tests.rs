//! What is found of a secret and what is not; a property test over the ways of writing.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use futures_util::FutureExt as _;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

fn redactor(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    secrets.iter().for_each(|secret| redactor.learn(secret));
    redactor
}

/// The text without secrets.
fn redacted(redactor: &Redactor, text: &str) -> String {
    redactor.known().text(text.to_owned())
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
        "p&#034;4&#223;&#038;/w ö&#60;\\x",
        "%70%224%C3%9F%26%2Fw%20%C3%B6%3C%5C%78",
        "p%25224%25C3%259F%2526%252Fw%2520%25C3%25B6%253C%255Cx",
        "p%25224%25c3%259f%2526%252fw%2b%25c3%25b6%253c%255cx",
        "p\\\\\\\"4ß&/w ö<\\\\\\\\x",
        "p\\\\\"4\\\\u00df&\\\\/w ö<\\\\x",
        "p&amp;quot;4ß&amp;amp;/w ö&amp;lt;\\x",
        "p\\&quot;4ß&amp;/w ö&lt;\\\\x",
        "p%5C%224%C3%9F%26%2Fw%20%C3%B6%3C%5C%5Cx",
    ] {
        for (before, after) in [
            ("before ", " after"),
            ("", ""),
            ("100%", "%41"),
            ("\\", "\"}"),
            ("%2", "n"),
            ("&#3", ";"),
            ("p%22p\\\"", "%"),
        ] {
            let text = format!("{before}{written}{after}");
            let expected = format!("{before}[redacted]{after}");
            assert_eq!(redacted(&redactor, &text), expected, "{text}");
        }
    }
    for near in [
        "p\"4ß&/w ö<\\",
        "P\"4ß&/w ö<\\x",
        "p%224%C3%9E%26%2Fw%20%C3%B6%3C%5Cx",
        "p%224%C3%9F%26%2Fw%20%C3%B6%3C%5C",
        "p%+224ß&/w ö<\\x",
        "p&#+34;4ß&/w ö<\\x",
        "p\\u+0224ß&/w ö<\\x",
        "p%22 4ß&/w ö<\\x",
    ] {
        assert_eq!(redacted(&redactor, near), near);
    }
}

/// Secrets that look like what they may be written as.
#[test]
fn a_secret_that_looks_like_an_escape_is_found_as_itself_and_escaped() {
    for secret in [
        "a%41b\\n+",
        "%25%25",
        "\\\\\\\\",
        "&amp;&",
        "\\u0041\\u",
        "100%",
        "%%%%",
    ] {
        let redactor = redactor(&[secret]);
        let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let json = json!(secret).to_string();
        for written in [
            secret.to_owned(),
            percent.replace('%', "%25"),
            percent,
            json.trim_matches('"').to_owned(),
            secret.replace('&', "&amp;"),
        ] {
            let text = format!("<{written}>");
            assert_eq!(
                redacted(&redactor, &text),
                "<[redacted]>",
                "{secret}: {text}"
            );
        }
    }
}

/// Base64 as it comes in lines, in URLs and in escaped text.
fn base64_forms(plain: &[u8]) -> Vec<String> {
    let standard = STANDARD.encode(plain);
    let lines = |length: usize, end: &str| {
        let lines = standard.as_bytes().chunks(length);
        let lines: Vec<_> = lines
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        lines.join(end)
    };
    let in_url: String = ::url::form_urlencoded::byte_serialize(standard.as_bytes()).collect();
    vec![
        URL_SAFE.encode(plain),
        STANDARD_NO_PAD.encode(plain),
        lines(76, "\r\n"),
        lines(64, "\n"),
        lines(76, "\\r\\n"),
        lines(76, "\\n"),
        lines(4, "\n"),
        standard.replace('/', "\\/"),
        standard.replace('+', "\\u002b").replace('=', "\\u003d"),
        standard.replace('+', "&#43;"),
        in_url.replace('%', "%25"),
        in_url.replace("%2B", "%2b").replace("%2F", "%2f"),
        in_url,
        standard,
    ]
}

#[test]
fn a_secret_is_found_inside_base64() {
    let redactor = redactor(&["open-sesame"]);
    for around in ["", "u", "us", "use", "user:"] {
        for after in ["", "!", "!!", "!!!"] {
            let plain = format!("{around}open-sesame{after}");
            for encoded in [STANDARD.encode(&plain), URL_SAFE.encode(&plain)] {
                assert_eq!(
                    redacted(&redactor, &format!("Basic {encoded}.")),
                    "Basic [redacted].",
                    "{plain}"
                );
            }
        }
    }
}

#[test]
fn base64_is_found_over_lines_and_with_its_letters_escaped() {
    // Its base64 holds `+` and `/`.
    let secret =
        "abc>>>???tok~~~~>>>>zz?>?>?-and-so-on-for-more-than-one-line-of-seventy-six-letters";
    let redactor = redactor(&[secret]);
    for around in ["", "?", "??", "user:"] {
        let plain = format!("{around}{secret}{around}");
        for form in base64_forms(plain.as_bytes()) {
            let left = redacted(&redactor, &format!("{{\"a\": \"{form}\"}}"));
            assert!(left.contains("[redacted]"), "{form} is left: {left}");
            // At most what stands around the secret.
            let rest = left.replace("[redacted]", "");
            assert!(rest.len() <= "{\"a\": \"\"}".len() + 16, "{form}: {left}");
        }
    }
}

#[test]
fn what_stands_beside_base64_stays() {
    let redactor = redactor(&["open-sesame"]);
    let encoded = STANDARD.encode("open-sesame");
    for (before, after) in [
        ("a%20", "%20b"),
        ("a\\n", "\\nb"),
        ("a\nword\n", "\nword\nb"),
        ("k&#61;\"", "&amp;b"),
        ("say \\\"", "\\\""),
        ("50%", "%"),
    ] {
        let text = format!("{before}{encoded}{after}");
        let expected = format!("{before}[redacted]{after}");
        assert_eq!(redacted(&redactor, &text), expected);
    }
    for chance in ["b3Bl bi1zZXNhbWU", "B3BLBI1ZZXNHBWU=", "b3Blbi1zZXNh"] {
        assert_eq!(redacted(&redactor, chance), chance);
    }
}

#[test]
fn values_lose_secrets_in_names_numbers_and_depth() {
    let redactor = redactor(&["hunter22", "12345678"]);
    let found = redactor.known().value(
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
        let redacted = redactor.known().response(response);
        assert_eq!(redacted.headers[0].1, "a [redacted]");
        String::from_utf8(redacted.body).unwrap()
    };
    assert_eq!(answer(r#"{"pin": 12345678}"#), r#"{"pin":"[redacted]"}"#);
    assert_eq!(answer("not json: hunter22"), "not json: [redacted]");
    assert_eq!(answer(r#"{ "as": "it was" }"#), r#"{ "as": "it was" }"#);
}

#[test]
fn short_secrets_are_not_looked_for_and_overlapping_ones_leave_nothing() {
    assert_eq!(redacted(&redactor(&["abc"]), "abc"), "abc");
    assert_eq!(redacted(&redactor(&["abcd"]), "abcd"), "[redacted]");
    let both = redactor(&["abcdef", "defghi"]);
    assert_eq!(redacted(&both, "xabcdefghix"), "x[redacted]x");
    assert!(!format!("{both:?}").contains("abc"));
}

#[test]
fn what_is_large_is_searched_elsewhere_with_the_same_result() {
    // One thread beside the worker, and it is busy: what is searched elsewhere has to wait.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let redactor = redactor(&["hunter22"]);
        let (release, released) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || released.recv());
        let small = json!("a hunter22");
        let at_once = redactor.value(small).now_or_never();
        assert_eq!(at_once, Some(json!("a [redacted]")));
        let large = "x".repeat(1 << 20);
        let mut many = Box::pin(redactor.value(json!(vec![7; 1 << 16])));
        assert!((&mut many).now_or_never().is_none(), "the worker is kept");
        let value = json!([format!("{large} hunter22"), 7]);
        let mut searched = Box::pin(redactor.value(value));
        assert!(
            (&mut searched).now_or_never().is_none(),
            "the worker is kept"
        );
        drop(release);
        assert!(busy.await.unwrap().is_err(), "it was released");
        assert_eq!(many.await, json!(vec![7; 1 << 16]));
        assert_eq!(searched.await, json!([format!("{large} [redacted]"), 7]));
        let text = redactor.text(format!("hunter22 {large}")).await;
        assert_eq!(text, format!("[redacted] {large}"));
        assert!(!redactor.finds(text.into()).await);
        assert!(redactor.finds(format!("{large}hunter22").into()).await);
    });
}

#[test]
fn numbers_that_are_a_secret_are_found_in_every_length() {
    let long = "123456789012345678901234567890";
    let redactor = redactor(&["0012345", long, "0000", "1e400"]);
    let body = format!(r#"[{long}, 12345, 12345.0, 123456, 1.5, 0]"#);
    let response = OutboundResponse {
        status: 200,
        headers: vec![],
        body: body.into_bytes(),
    };
    let left = redactor.known().response(response).body;
    assert_eq!(
        String::from_utf8(left).unwrap(),
        r#"["[redacted]","[redacted]","[redacted]",123456,1.5,0]"#
    );
}

#[test]
fn the_beginning_of_a_secret_before_a_cut_is_not_told() {
    let secret = "long \"secret\" of many letters, longer than what an error shows";
    let redactor = redactor(&[secret, "öäüß-and-more"]);
    for (message, expected) in [
        ("`long \"secret\" of m…` is wrong", "`[redacted]…` is wrong"),
        (
            r#"{"a":"long \"secret\" of m… is wrong"#,
            r#"{"a":"[redacted]… is wrong"#,
        ),
        ("x long… and long \"s…", "x [redacted]… and [redacted]…"),
        ("öäüß… öäü… ß…", "[redacted]… [redacted]… ß…"),
        ("lon… long \"secret", "lon… long \"secret"),
        ("lone… no", "lone… no"),
    ] {
        let error = redactor.error(StepError::fatal("X", message));
        assert_eq!(error.message, expected);
    }
}

/// A secret of letters that encoders treat in different ways, and what they make of it.
fn written() -> impl Strategy<Value = (String, String)> {
    let letters = "[a-c%+&/\"'<>\\\\ =nu0-2äß😀\\PC]{4,40}";
    let encoders: [fn(&str) -> String; 8] = [
        |text| text.to_owned(),
        |text| ::url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        |text| text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        |text| json!(text).to_string()[1..json!(text).to_string().len() - 1].to_owned(),
        |text| {
            text.encode_utf16()
                .map(|unit| format!("\\u{unit:04X}"))
                .collect()
        },
        |text| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;")
        },
        |text| {
            text.chars()
                .map(|letter| format!("&#{};", u32::from(letter)))
                .collect()
        },
        |text| {
            text.replace('%', "%25")
                .replace(' ', "%20")
                .replace('"', "%22")
        },
    ];
    (
        letters,
        select(encoders.to_vec()),
        select(encoders.to_vec()),
    )
        .prop_map(|(secret, one, two)| {
            let written = two(&one(&secret));
            (secret, written)
        })
}

proptest! {
    #[test]
    fn a_secret_is_found_in_every_encoding_and_nothing_else_is_changed(
        (secret, written) in written(), before in "[ -~]{0,9}", after in "[ -~]{0,9}"
    ) {
        prop_assume!(!secret.contains('|'));
        let text = format!("{before}|{written}|{after}");
        let left = redacted(&redactor(&[&secret]), &text);
        prop_assert_eq!(left, format!("{}|[redacted]|{}", before, after), "{}", text);
    }

    #[test]
    fn a_secret_is_found_in_every_base64(
        secret in "\\PC{4,90}", before in "[ -~]{0,9}", after in "[ -~]{0,9}"
    ) {
        let redactor = redactor(&[&secret]);
        for form in base64_forms(format!("{before}{secret}{after}").as_bytes()) {
            let left = redacted(&redactor, &format!("|{form}|"));
            prop_assert!(left.contains("[redacted]"), "{}", form);
            prop_assert!(left.starts_with('|') && left.ends_with('|'), "{}", left);
        }
    }

    #[test]
    fn a_text_without_the_secret_is_not_changed(text in "[ab%&+\\\\/612\n =]{0,60}") {
        let redactor = redactor(&["secret-of-other-letters"]);
        prop_assert_eq!(redacted(&redactor, &text), text);
    }
}
