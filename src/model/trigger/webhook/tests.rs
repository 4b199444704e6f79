//! Which requests are believed.
#![allow(clippy::expect_used)]

use super::verify::MAX_FUTURE_SECONDS;
use super::*;
use crate::model::plan::problem::DefinitionProblem;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use proptest::prelude::*;
use serde_json::json;

const NOW_MS: i64 = 1_705_312_800_000;
const SECRET: &[u8] = b"whsec_0123456789";
const URL: &str = "https://hooks.example/webhooks/x/y?z=1";

pub(super) fn read(trigger: &Value) -> Result<WebhookTrigger, Vec<DefinitionProblem>> {
    let mut found = Vec::new();
    match Trigger::read(Some(trigger), &mut found) {
        Some(Trigger::Webhook(trigger)) => Ok(*trigger),
        _ => Err(found),
    }
}

pub(super) fn signed_by(provider: &str) -> WebhookTrigger {
    let verify = json!({"secret": "{{secrets.HOOK}}"});
    let trigger = json!({"type": "webhook", "provider": provider, "verify": verify});
    read(&trigger).expect("a trigger")
}

fn rule(trigger: &WebhookTrigger) -> &SignatureRule {
    &trigger.signature.as_ref().expect("a signature").rule
}

fn hmac256(secret: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret).expect("any key");
    pieces.iter().for_each(|piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}

/// Headers and body as a sender makes them; `sent_s` is when.
type Request = (Vec<(String, Vec<u8>)>, Vec<u8>);

fn request(provider: &str, secret: &[u8], sent_s: i64, body: &[u8]) -> Request {
    let (seconds, millis) = (sent_s.to_string(), (sent_s * 1_000).to_string());
    let hex = |pieces: &[&[u8]]| hex::encode(hmac256(secret, pieces));
    let base64 = |pieces: &[&[u8]]| BASE64_STANDARD.encode(hmac256(secret, pieces));
    let headers = match provider {
        "stripe" => vec![(
            "stripe-signature",
            format!(
                "t={seconds},v1={},v1={},v0=ab",
                "0".repeat(64),
                hex(&[seconds.as_bytes(), b".", body])
            ),
        )],
        "github" => vec![("x-hub-signature-256", format!("sha256={}", hex(&[body])))],
        "slack" => vec![
            (
                "x-slack-signature",
                format!("v0={}", hex(&[b"v0:", seconds.as_bytes(), b":", body])),
            ),
            ("x-slack-request-timestamp", seconds.clone()),
        ],
        "hubspot" => vec![
            (
                "x-hubspot-signature-v3",
                base64(&[b"POST", URL.as_bytes(), body, millis.as_bytes()]),
            ),
            ("x-hubspot-request-timestamp", millis.clone()),
        ],
        "shopify" => vec![("x-shopify-hmac-sha256", base64(&[body]))],
        "quickbooks" => vec![("intuit-signature", base64(&[body]))],
        "docusign" => vec![("x-docusign-signature-1", base64(&[body]))],
        "pandadoc" => vec![("x-pandadoc-signature", hex(&[body]))],
        "netsuite" => vec![("x-netsuite-signature", hex(&[body]))],
        other => panic!("{other} does not sign"),
    };
    let own = |(name, value): (&str, String)| (name.to_owned(), value.into_bytes());
    (headers.into_iter().map(own).collect(), body.to_vec())
}

const SIGNING: [&str; 9] = [
    "stripe",
    "github",
    "slack",
    "hubspot",
    "shopify",
    "quickbooks",
    "docusign",
    "pandadoc",
    "netsuite",
];

fn check(provider: &str, (headers, body): &Request, now_ms: i64) -> Result<Believed, Disbelief> {
    let trigger = signed_by(provider);
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let received = Received {
        method: "POST",
        url: URL,
        headers: &headers,
        body,
    };
    rule(&trigger).check(&received, SECRET, now_ms)
}

fn is_dated(provider: &str) -> bool {
    ["stripe", "slack", "hubspot"].contains(&provider)
}

#[test]
fn every_preset_believes_its_provider_and_nobody_else() {
    for provider in SIGNING {
        let good = request(provider, SECRET, NOW_MS / 1_000, b"{\"a\":1}");
        let believed = check(provider, &good, NOW_MS).expect(provider);
        assert_eq!(believed.fingerprint.is_some(), is_dated(provider));
        assert_eq!(check(provider, &good, NOW_MS), Ok(believed), "{provider}");
        let other = request(provider, b"another secret", NOW_MS / 1_000, b"{\"a\":1}");
        let refused = Err(Disbelief::WrongSignature);
        assert_eq!(check(provider, &other, NOW_MS), refused, "{provider}");
        let empty = request(provider, b"", NOW_MS / 1_000, b"{\"a\":1}");
        assert_eq!(check(provider, &empty, NOW_MS), refused, "{provider}");
        // White space is part of what was signed.
        let spaced = (good.0.clone(), b"{\"a\": 1}".to_vec());
        assert_eq!(check(provider, &spaced, NOW_MS), refused, "{provider}");
        for at in 0..good.0.len() {
            let mut lacking = good.clone();
            lacking.0.remove(at);
            let unsigned = Err(Disbelief::Unsigned);
            assert_eq!(check(provider, &lacking, NOW_MS), unsigned, "{provider}");
            let mut doubled = good.clone();
            doubled.0.push(good.0[at].clone());
            assert_eq!(check(provider, &doubled, NOW_MS), unsigned, "{provider}");
        }
    }
    let presets = PROVIDERS.iter().filter(|known| known.header.is_some());
    assert_eq!(presets.count(), SIGNING.len());
}

#[test]
fn a_request_is_believed_for_its_tolerance_and_not_a_moment_longer() {
    for provider in SIGNING {
        let good = request(provider, SECRET, NOW_MS / 1_000, b"x");
        for (late_ms, fits) in [
            (300_000, true),
            (300_001, false),
            (-MAX_FUTURE_SECONDS * 1_000, true),
            (-MAX_FUTURE_SECONDS * 1_000 - 1, false),
            (i64::MAX - NOW_MS, false),
        ] {
            let checked = check(provider, &good, NOW_MS + late_ms);
            if fits || !is_dated(provider) {
                assert!(checked.is_ok(), "{provider} {late_ms}");
            } else {
                assert_eq!(checked, Err(Disbelief::WrongTime), "{provider} {late_ms}");
            }
        }
    }
}

#[test]
fn strange_signatures_are_refused() {
    let body = b"x";
    let good = hex::encode(hmac256(SECRET, &[b"1705312800.", body]));
    for header in [
        String::new(),
        "t=1705312800".into(),
        format!("v1={good}"),
        format!("t=1705312800,t=1705312800,v1={good}"),
        format!("t=1705312801,v1={good}"),
        format!("t=01705312800,v1={good}"),
        format!("t=+1705312800,v1={good}"),
        format!("t=1705312800,v0={good}"),
        format!("t=1705312800,v1={}", &good[..62]),
        format!("t=1705312800,v1={good}00"),
        "t=1705312800,v1=".into(),
        format!("t=1705312800,v1=zz{}", &good[2..]),
        // The good one stands behind more of them than are looked at.
        format!("t=1705312800{},v1={good}", ",v1=00".repeat(8)),
    ] {
        let request = (
            vec![("stripe-signature".to_owned(), header.clone().into_bytes())],
            body.to_vec(),
        );
        assert!(check("stripe", &request, NOW_MS).is_err(), "{header}");
    }
    let upper = format!(" t=1705312800, v1={} ", good.to_uppercase());
    let request = (
        vec![("stripe-signature".to_owned(), upper.into_bytes())],
        body.to_vec(),
    );
    assert!(check("stripe", &request, NOW_MS).is_ok());
}

proptest! {
    #[test]
    fn an_altered_body_is_not_believed(
        which in 0..SIGNING.len(),
        body in proptest::collection::vec(any::<u8>(), 1..200),
        at in any::<prop::sample::Index>(),
        change in 1..=255u8,
    ) {
        let provider = SIGNING[which];
        let mut request = request(provider, SECRET, NOW_MS / 1_000, &body);
        prop_assert!(check(provider, &request, NOW_MS).is_ok());
        let at = at.index(body.len());
        request.1[at] ^= change;
        prop_assert_eq!(check(provider, &request, NOW_MS), Err(Disbelief::WrongSignature));
        request.1.truncate(at);
        prop_assert_eq!(check(provider, &request, NOW_MS), Err(Disbelief::WrongSignature));
    }

    #[test]
    fn an_altered_header_is_not_believed(
        which in 0..SIGNING.len(),
        header in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        change in 1..=255u8,
    ) {
        let provider = SIGNING[which];
        let mut request = request(provider, SECRET, NOW_MS / 1_000, b"{\"a\":1}");
        let header = header.index(request.0.len());
        let value = &mut request.0[header].1;
        let at = at.index(value.len());
        let before = value[at];
        value[at] ^= change;
        // Hexadecimal digits of either case are the same, and a list may hold what is not looked at.
        let same = before.eq_ignore_ascii_case(&value[at]);
        let unread = provider == "stripe" && !(0..=12).contains(&at) && !(84..148).contains(&at);
        prop_assume!(!same && !unread);
        prop_assert!(check(provider, &request, NOW_MS).is_err());
    }

    #[test]
    fn a_moment_that_was_not_signed_is_not_believed(
        which in 0..3usize,
        shift_s in -400..400i64,
    ) {
        let provider = ["stripe", "slack", "hubspot"][which];
        let good = request(provider, SECRET, NOW_MS / 1_000, b"x");
        let moved = request(provider, SECRET, NOW_MS / 1_000 + shift_s, b"x");
        // The signature of one, the moment of the other.
        let mixed = match provider {
            "stripe" => {
                let text = String::from_utf8(good.0[0].1.clone()).expect("text");
                let moment = (NOW_MS / 1_000 + shift_s).to_string();
                let text = text.replacen(&(NOW_MS / 1_000).to_string(), &moment, 1);
                (vec![(good.0[0].0.clone(), text.into_bytes())], good.1.clone())
            }
            _ => (vec![good.0[0].clone(), moved.0[1].clone()], good.1.clone()),
        };
        prop_assert_eq!(check(provider, &mixed, NOW_MS).is_ok(), shift_s == 0);
    }
}
