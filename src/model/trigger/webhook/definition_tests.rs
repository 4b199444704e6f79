//! Which definitions of webhooks are refused, and what the others mean.
#![allow(clippy::expect_used)]

use super::tests::{read, signed_by};
use super::*;
use serde_json::json;

fn problems(trigger: Value) -> Vec<String> {
    let trigger = match trigger {
        Value::Object(mut fields) => {
            fields.insert("type".into(), json!("webhook"));
            Value::Object(fields)
        }
        other => other,
    };
    match read(&trigger) {
        Ok(trigger) => panic!("{trigger:?}"),
        Err(found) => found
            .iter()
            .map(|problem| format!("{}: {}", problem.place, problem.message))
            .collect(),
    }
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let verify = json!({
        "secret": "plain text", "header": "X Signature", "algorithm": "md5", "encoding": "hexx", "prefix": 7,
        "timestampHeader": "", "timestampFormat": "minutes", "toleranceSeconds": 0, "signedPayload": "{timestamp}{boddy}",
        "eventTypePath": [], "heder": "x",
    });
    let trigger = json!({
        "provider": "custom", "path": "/a/b", "events": "push", "event": ["push"], "verifySignature": "yes",
        "headers": ["Cookie", "a b"], "verify": verify,
    });
    let places: Vec<String> = problems(trigger)
        .iter()
        .map(|problem| problem.split(": ").next().unwrap_or_default().to_owned())
        .collect();
    for place in [
        "event",
        "path",
        "events",
        "headers",
        "verifySignature",
        "verify.secret",
        "verify.header",
        "verify.algorithm",
        "verify.encoding",
        "verify.prefix",
        "verify.timestampHeader",
        "verify.timestampFormat",
        "verify.toleranceSeconds",
        "verify.signedPayload",
        "verify.eventTypePath",
        "verify.heder",
    ] {
        let place = format!("trigger.{place}");
        assert!(places.contains(&place), "{place} is not in {places:?}");
    }
}

#[test]
fn settings_that_would_not_protect_are_refused() {
    let with = |more: Value| {
        let mut verify = json!({"secret": "{{secrets.HOOK}}", "header": "X-Signature"});
        let fields = verify.as_object_mut().expect("an object");
        fields.extend(more.as_object().expect("an object").clone());
        problems(json!({ "verify": verify })).join("\n")
    };
    let no_body = with(json!({"timestampHeader": "X-Time", "signedPayload": "{timestamp}"}));
    assert!(no_body.contains("must hold `{body}`"), "{no_body}");
    let no_time = with(json!({"timestampHeader": "X-Time", "signedPayload": "{body}"}));
    assert!(no_time.contains("must hold `{timestamp}`"), "{no_time}");
    let no_source = with(json!({"signedPayload": "{timestamp}.{body}"}));
    assert!(no_source.contains("name the header"), "{no_source}");
    let no_moment = with(json!({"toleranceSeconds": 60}));
    assert!(no_moment.contains("no moment"), "{no_moment}");
    let half = with(json!({"signatureField": "v1"}));
    assert!(half.contains("`timestampField`"), "{half}");
    let no_header = problems(json!({"verify": {"secret": "{{secrets.HOOK}}"}})).join("\n");
    assert!(no_header.contains("name the header"), "{no_header}");
    let near = problems(json!({"provider": "strip"})).join("\n");
    assert!(near.contains("did you mean `stripe`"), "{near}");
    let blind = problems(json!({"provider": "salesforce", "events": ["a"]})).join("\n");
    assert!(blind.contains("none would ever match"), "{blind}");
}

#[test]
fn a_preset_without_a_secret_is_not_ready() {
    let missing = |trigger: Value| read(&trigger).expect("a draft").missing();
    for provider in PROVIDERS.iter() {
        let trigger = json!({"type": "webhook", "provider": provider.name});
        assert_eq!(missing(trigger).is_some(), provider.header.is_some());
        let open = json!({"type": "webhook", "provider": provider.name, "verifySignature": false});
        assert_eq!(missing(open), None);
        let closed = json!({"type": "webhook", "provider": provider.name, "verifySignature": true});
        assert!(missing(closed).is_some(), "{}", provider.name);
        if provider.header.is_some() {
            assert_eq!(signed_by(provider.name).missing(), None);
        }
    }
    let open = read(&json!({"type": "webhook", "path": "/memo"})).expect("a trigger");
    assert_eq!(
        (open.path.as_deref(), open.must_be_signed),
        (Some("memo"), false)
    );
    let verify = json!({"secret": "{{ secrets.HOOK }}", "header": "X-Signature"});
    let own = read(&json!({"type": "webhook", "verify": verify})).expect("a trigger");
    assert!(own.must_be_signed && own.missing().is_none());
}

#[test]
fn events_match_whole_or_by_their_beginning() {
    let trigger = |events: Value| {
        read(&json!({"type": "webhook", "provider": "github", "events": events}))
            .expect("a trigger")
    };
    let types = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    for (events, found, wants) in [
        (json!([]), &["push"][..], true),
        (json!([]), &[], true),
        (json!(["push"]), &["push"], true),
        (json!(["push"]), &["Push"], false),
        (json!(["push"]), &["push.x"], false),
        (json!(["push"]), &[], false),
        (json!(["customer.*"]), &["customer.created"], true),
        (json!(["customer.*"]), &["customers"], false),
        (json!(["*"]), &["x"], true),
        (json!(["*"]), &[], false),
        (json!(["a", "b"]), &["c", "b"], true),
    ] {
        assert_eq!(
            trigger(events.clone()).wants(&types(found)),
            wants,
            "{events} {found:?}"
        );
    }
}

#[test]
fn headers_that_sound_like_secrets_are_not_shown() {
    let mut trigger = signed_by("github");
    trigger.headers = vec!["webhook-id".into(), "x-my-token".into()];
    for (header, shown) in [
        ("content-type", true),
        ("user-agent", true),
        ("x-github-event", true),
        ("x-github-delivery", true),
        ("webhook-id", true),
        ("x-my-token", true),
        ("x-hub-signature-256", false),
        ("x-hub-signature", false),
        ("authorization", false),
        ("cookie", false),
        ("x-api-key", false),
        ("x-gitlab-token", false),
        ("x-forwarded-for", false),
        ("accept", false),
    ] {
        assert_eq!(trigger.shows(header), shown, "{header}");
    }
}

/// A provider, headers and a body as it sends them, the event's id and its types.
const EVENTS: &str = r#"
custom ⇒ {} ⇒ {"id": "1", "type": "x"} ⇒ null ⇒ []
stripe ⇒ {} ⇒ {"id": "evt_1", "type": "invoice.paid", "data": {"object": {"id": "in_1"}}} ⇒ "evt_1" ⇒ ["invoice.paid"]
github ⇒ {"x-github-delivery": "72d3", "x-github-event": "push"} ⇒ {"id": 7, "type": "x"} ⇒ "72d3" ⇒ ["push"]
hubspot ⇒ {} ⇒ [{"eventId": 1, "subscriptionType": "a.b"}, {"eventId": 1, "subscriptionType": "c.d"}] ⇒ null ⇒ ["a.b", "c.d"]
slack ⇒ {} ⇒ {"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention"}} ⇒ "Ev1" ⇒ ["app_mention"]
slack ⇒ {} ⇒ {"type": "block_actions", "actions": []} ⇒ null ⇒ ["block_actions"]
shopify ⇒ {"x-shopify-webhook-id": "b54c", "x-shopify-topic": "orders/create"} ⇒ {"id": 820} ⇒ "b54c" ⇒ ["orders/create"]
quickbooks ⇒ {} ⇒ [{"id": "88cd", "type": "qbo.customer.created.v1"}] ⇒ "88cd" ⇒ ["qbo.customer.created.v1"]
quickbooks ⇒ {} ⇒ {"eventNotifications": [{"dataChangeEvent": {"entities": [{"name": "Customer", "id": "1"}]}}]} ⇒ null ⇒ ["Customer"]
pandadoc ⇒ {} ⇒ [{"event": "document_state_changed"}] ⇒ null ⇒ ["document_state_changed"]
docusign ⇒ {} ⇒ {"event": "envelope-completed"} ⇒ null ⇒ ["envelope-completed"]
netsuite ⇒ {} ⇒ {"eventType": "create", "type": "customer"} ⇒ null ⇒ ["create"]
salesforce ⇒ {} ⇒ "<soapenv:Envelope/>" ⇒ null ⇒ []
gmail ⇒ {} ⇒ {"message": {"messageId": "2070", "data": "e30="}, "subscription": "s"} ⇒ "2070" ⇒ []
"#;

#[test]
fn each_provider_names_its_events_where_its_documentation_says() {
    for provider in PROVIDERS.iter() {
        let row = format!("\n{} ⇒", provider.name);
        assert!(EVENTS.contains(&row), "{} has no row", provider.name);
    }
    for line in EVENTS.trim().lines() {
        let columns: Vec<&str> = line.split(" ⇒ ").collect();
        let json = |at: usize| serde_json::from_str::<Value>(columns[at]).expect(line);
        let trigger = json!({"type": "webhook", "provider": columns[0], "verifySignature": false});
        let names = read(&trigger).expect("a trigger").names;
        let sent = json(1);
        let headers: Vec<(&str, &[u8])> = sent
            .as_object()
            .expect("an object")
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("a text").as_bytes()))
            .collect();
        assert_eq!(json!(names.id(&headers, &json(2))), json(3), "{line}");
        assert_eq!(json!(names.types(&headers, &json(2))), json(4), "{line}");
    }
}
