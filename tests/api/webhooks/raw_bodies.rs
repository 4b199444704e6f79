//! `{{trigger.rawBody}}`: the body as it was received, whatever the input became.

use super::{open, runs, send, server};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn the_raw_body_is_what_was_received() {
    let server = server().await;
    let sees = json!({ "raw": "{{trigger.rawBody}}", "text": "is {{trigger.rawBody}}", "trigger": "{{trigger}}" });
    let workflow = server
        .workflow_with(json!({
            "name": "raw", "trigger": open("raw"),
            "steps": [{ "id": "see", "type": "transform", "config": { "sourceData": sees } }],
        }))
        .await;
    let form = "application/x-www-form-urlencoded";
    let digits = r#"{"amount":12345678901234567890.10,"rate":1.10,"id":1e2}"#;
    for (content_type, body) in [
        ("application/json", digits),
        ("application/json", " {\"a\": 1}\n"),
        ("application/json", "\"a text\""),
        ("application/json", ""),
        ("text/plain", "plain"),
        ("text/plain", "\"a text\""),
        ("text/plain", "{\"a\" : 1}"),
        (form, "a=1&b=%C3%A4&a=2"),
        (form, "payload=%7B%7D"),
    ] {
        let headers = [("content-type", content_type)];
        let sent = send(&server, "/webhooks/custom/raw", &headers, body.as_bytes()).await;
        assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
        let output = runs(&server, &workflow).await[0]["output"].clone();
        assert_eq!(output["raw"], json!(body), "{content_type}");
        assert_eq!(
            output["text"],
            json!(format!("is {body}")),
            "{content_type}"
        );
        assert_eq!(
            output["trigger"]["rawBody"],
            Value::Null,
            "it is not shown unasked"
        );
    }
    let sent = send(&server, "/webhooks/custom/raw", &[], b"\xff\x00").await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
    let output = runs(&server, &workflow).await[0]["output"].clone();
    assert_eq!(output["raw"], json!({ "base64": "/wA=" }));

    // A replay sees the same, and a run that no webhook started sees nothing.
    let events = super::events(&server, "").await;
    let eldest = events.last().expect("an event")["id"]
        .as_str()
        .expect("an id");
    let replay = format!("/api/v1/webhooks/events/{eldest}/replay");
    let replayed = server.admin().post(&replay, json!({})).await;
    assert!(replayed.status.is_success(), "{}", replayed.text);
    assert_eq!(
        runs(&server, &workflow).await[0]["output"]["raw"],
        json!(digits)
    );
    let run = server.admin().run(&workflow, json!({ "a": 1 })).await;
    assert_eq!(run["output"]["raw"], Value::Null);
    server.stop().await;
}
