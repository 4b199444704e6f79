//! Credentials of connections and secrets of workflows, used in calls whose other side gives them back, and searched for.

use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use crate::{contains, every_answer, files};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What is planted as the credentials of connections and as secrets of workflows.
const PLANTED: [&str; 4] = [
    "pl4nted-key-of-a-query-0123456789",
    "pl4nted-bearer-token-0123456789",
    "pl4nted-password-0123456789",
    "pl4nted-secret-of-workflow-0123456789",
];

/// Everything in which a planted text could have been kept.
fn planted_forms() -> Vec<String> {
    let mut forms = Vec::new();
    for text in PLANTED {
        forms.push(text.to_owned());
        forms.push(BASE64_STANDARD.encode(text));
        // Whatever stands before it, a part of its base64 is the same.
        for before in ["user:", "x", "xy"] {
            let encoded = BASE64_STANDARD.encode(format!("{before}{text}"));
            forms.push(encoded[8..32].to_owned());
        }
    }
    forms
}

/// Searches every answer, every file and the log.
pub(crate) async fn nothing_has_what_was_planted(server: &TestServer, lines: &str) {
    let mut places = vec![("the log".to_owned(), lines.as_bytes().to_vec())];
    places.extend(files(server.data()));
    for answer in every_answer(&server.admin()).await {
        places.push(("an answer".to_owned(), answer.text.into_bytes()));
    }
    for form in planted_forms() {
        for (place, bytes) in &places {
            assert!(!contains(bytes, form.as_bytes()), "{form} is in {place}");
        }
    }
    // The search itself finds what is there.
    let redacted = |(_, bytes): &(String, Vec<u8>)| contains(bytes, b"[redacted]");
    assert!(places.iter().any(redacted), "nothing came back");
}

/// Connections of each kind and a secret, used in calls that fail and give back all that they were sent, tested, changed
/// and deleted.
pub(crate) async fn credentials_used(server: &TestServer, upstream: &Upstream) {
    let admin = server.admin();
    upstream.answer("/echoes", |call, _| {
        let body = String::from_utf8_lossy(&call.body).into_owned();
        let sent = call.headers.get("authorization");
        let sent = sent
            .map_or("", |value| value.to_str().expect("ASCII"))
            .to_owned();
        let text = format!("{} {sent} {body}", call.target);
        let encoded = BASE64_STANDARD.encode(&text);
        Reply::text(400, &format!("{text} {encoded}")).with("x-echo", sent)
    });
    let [key, token, password, secret] = PLANTED;
    let credentials = [
        ("api-key", json!({ "key": key, "name": "k", "in": "query" })),
        ("bearer", json!({ "token": token })),
        ("basic", json!({ "username": "user", "password": password })),
    ];
    for (kind, credentials) in credentials {
        let body = json!({ "name": kind, "provider": kind, "type": kind, "credentials": credentials,
            "hosts": ["127.0.0.1"] });
        let made = admin.post("/api/v1/connections", body).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let one = format!(
            "/api/v1/connections/{}",
            made.data()["id"].as_str().expect("an id")
        );
        for fails in [true, false] {
            let config = json!({ "url": upstream.url("/echoes"), "connection": kind, "failOnError": fails,
                "method": "POST", "body": { "secret": "{{secrets.S}}" } });
            let steps =
                json!([{ "id": "c", "type": "action", "action": "api.request", "config": config }]);
            let workflow = server.workflow(kind, steps).await;
            let secrets = format!("/api/v1/workflows/{workflow}/secrets");
            let kept = admin
                .post(&secrets, json!({ "key": "S", "value": secret }))
                .await;
            assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
            let run = admin.run(&workflow, json!({})).await;
            assert_eq!(run["status"] == "failed", fails, "{run}");
            admin.get(&secrets).await;
        }
        admin
            .post(
                &format!("{one}/test"),
                json!({ "url": upstream.url("/echoes") }),
            )
            .await;
        admin
            .send(
                Method::PUT,
                &one,
                json!({ "credentials": { "token": [token] } }),
            )
            .await;
        admin.get(&one).await;
        if kind == "bearer" {
            admin.send(Method::DELETE, &one, Value::Null).await;
        }
    }
}
