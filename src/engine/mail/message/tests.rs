//! Addresses, injection attempts in every field, and the form on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use proptest::prelude::*;

fn one(text: &str) -> Address {
    address(text).expect("an address")
}

fn draft() -> Draft {
    Draft {
        from: one("Flow <flow@example.com>"),
        reply_to: Vec::new(),
        to: vec![one("ada@example.com")],
        cc: Vec::new(),
        bcc: Vec::new(),
        subject: "s".into(),
        text: Some("t".into()),
        html: None,
        idempotency_key: "run_1:mail".into(),
        now_ms: 1_705_312_800_000,
    }
}

fn wire(draft: Draft) -> String {
    let mail = Mail::new(draft).expect("a message");
    String::from_utf8(mail.bytes).expect("only ASCII goes out")
}

#[test]
fn one_address_is_one_whatever_is_put_into_it() {
    for text in [
        "ada@example.com, eve@example.com",
        "ada@example.com,",
        "ada@example.com eve@example.com",
        "ada@example.com;eve@example.com",
        "ada@example.com\neve@example.com",
        "eve@example.com, Ada <ada@example.com>",
        "\"Ada\" <ada@example.com>, \"\" <eve@example.com>",
        "",
    ] {
        assert!(address(text).is_err(), "{text:?}");
    }
    assert_eq!(
        one(" \"Lovelace, Ada\" <ada@example.com> ").email(),
        "ada@example.com"
    );
}

#[test]
fn lists_are_read_as_people_write_them() {
    for (text, expected) in [
        ("", &[][..]),
        (" , ,", &[]),
        ("ada@example.com", &["ada@example.com"]),
        (
            "a@example.com,b@example.com , ",
            &["a@example.com", "b@example.com"],
        ),
        ("Ada L <ada@example.com>", &["ada@example.com"]),
        (
            "\"Lovelace, Ada\" <ada@example.com>, b@example.com",
            &["ada@example.com", "b@example.com"],
        ),
        ("\"a \\\"q\\\", b\" <ada@example.com>", &["ada@example.com"]),
        ("<ada@example.com>", &["ada@example.com"]),
        ("ada+tag@example.com", &["ada+tag@example.com"]),
        ("ada@bücher.example", &["ada@xn--bcher-kva.example"]),
    ] {
        let found: Vec<String> = addresses(text)
            .expect(text)
            .iter()
            .map(Address::email)
            .collect();
        assert_eq!(found, expected, "{text}");
    }
    for text in [
        "ada",
        "@example.com",
        "ada@",
        "a b@example.com",
        "ada@exa mple.com",
        "<ada@example.com",
        "ada@example.com>",
        "\"a\"@example.com",
        "a@b@example.com",
        "ada@example.com> SIZE=1",
        "ada@example.com\nbob@example.com",
        "ada@example.com\r\nRCPT TO:<eve@example.com>",
        "ada@example.com\u{2028}x",
        "Ada\r\nBcc: eve@example.com <ada@example.com>",
        "ada@example.com;eve@example.com",
        "ada@[127.0.0.1]",
    ] {
        assert!(addresses(text).is_err(), "{text:?}");
    }
    let many = vec!["a@example.com"; MAX_RECIPIENTS + 1].join(",");
    assert!(addresses(&many).expect_err("too many").contains("100"));
    assert!(addresses(&format!("{}@example.com", "a".repeat(300))).is_err());
}

#[test]
fn the_form_on_the_wire_is_what_it_should_be() {
    let text = wire(Draft {
        to: vec![one("\"Löve, Ada\" <ada@example.com>")],
        cc: vec![one("cc@example.com")],
        bcc: vec![one("hidden@example.com")],
        reply_to: vec![one("desk@example.com")],
        subject: "Grüße".into(),
        html: Some("<p>t</p>".into()),
        ..draft()
    });
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    for line in [
        "From: Flow <flow@example.com>",
        "Cc: cc@example.com",
        "Reply-To: desk@example.com",
        "Subject: =?utf-8?b?R3LDvMOfZQ==?=",
        "Auto-Submitted: auto-generated",
        "Date: Mon, 15 Jan 2024 10:00:00 +0000",
        "MIME-Version: 1.0",
    ] {
        assert!(head.lines().any(|known| known == line), "{line}\n{head}");
    }
    assert!(!text.contains("hidden"), "{text}");
    assert!(
        body.contains("text/plain") && body.contains("text/html"),
        "{body}"
    );
}

#[test]
fn the_message_id_depends_on_the_idempotency_key_alone() {
    let id = |key: &str, subject: &str| {
        let draft = Draft {
            idempotency_key: key.into(),
            subject: subject.into(),
            ..draft()
        };
        Mail::new(draft).expect("a message").message_id
    };
    assert_eq!(id("a", "x"), id("a", "y"));
    assert_ne!(id("a", "x"), id("b", "x"));
    assert!(id("a", "x").ends_with("@example.com>"));
    assert_eq!(id("a\r\nX: y", "x").lines().count(), 1);
}

#[test]
fn a_subject_is_one_line_and_the_rest_has_bounds() {
    for (subject, part) in [
        ("a\r\nBcc: eve@example.com", "one line"),
        ("a\nb", "one line"),
        ("a\rb", "one line"),
        ("a\0b", "one line"),
        ("a\u{85}b", "one line"),
        ("a\u{2029}b", "one line"),
        (&"x".repeat(1_000), "1000 bytes"),
    ] {
        let error = Mail::new(Draft {
            subject: subject.into(),
            ..draft()
        })
        .err()
        .expect("refused");
        assert!(
            error.starts_with("`subject`") && error.contains(part),
            "{error}"
        );
    }
    let nobody = Mail::new(Draft {
        to: Vec::new(),
        ..draft()
    });
    assert!(nobody.err().expect("refused").contains("no recipient"));
    let huge = Mail::new(Draft {
        text: Some("x".repeat(MAX_BODY_BYTES + 1)),
        ..draft()
    });
    assert!(huge.err().expect("refused").contains("bytes"));
    let twice = Draft {
        cc: vec![one("ada@example.com")],
        ..draft()
    };
    assert_eq!(Mail::new(twice).expect("a message").recipients.len(), 1);
}

/// The names of the headers of a message, and its body.
fn headers(text: &str) -> Vec<String> {
    let (head, _) = text.split_once("\r\n\r\n").expect("a head");
    let lines = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']));
    lines
        .map(|line| line.split(':').next().unwrap_or_default().to_owned())
        .collect()
}

proptest! {
    #[test]
    fn no_text_adds_a_header_or_ends_the_message(
        subject in "[\\PC\\r\\n\\t ]{0,60}",
        name in "\\PC{0,30}",
        body in "[ -~\\r\\n.ä]{0,200}",
    ) {
        let expected = headers(&wire(draft()));
        if let Ok(mail) = Mail::new(Draft { subject, ..draft() }) {
            prop_assert_eq!(&headers(&String::from_utf8(mail.bytes).unwrap()), &expected);
        }
        let quoted = name.replace(['"', '\\'], "");
        if let Ok(found) = addresses(&format!("\"{quoted}\" <ada@example.com>")) {
            prop_assert_eq!(found.len(), 1);
            prop_assert_eq!(&headers(&wire(Draft { to: found, ..draft() })), &expected);
        }
        let text = wire(Draft { text: Some(body), ..draft() });
        prop_assert_eq!(&headers(&text), &expected);
        // No bare line end, which some servers take for a whole one.
        let without = text.replace("\r\n", "");
        prop_assert!(!without.contains(['\r', '\n']), "{:?}", text);
    }
}
