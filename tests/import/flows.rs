//! Flows and variables: what can run is served under its id, what cannot is left out and named.

use crate::flowise::{Flowise, Key, edge, node, reply, retriever};
use crate::house::{House, ask, asked, counts, reasons};
use crate::support::Answer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const KEY: Key<'_> = Key(
    "0b1f7a52-7c3e-4d11-9a40-5be1c2d3e4f5",
    "q0Zt3-_kPzAeXh6RvYw1uJmN8sL2cD4fG5bHiTyO7rE",
);
const PERMISSIONS: &[&str] = &["chatflows:view", "agentflows:view", "variables:view"];

fn id(number: u32) -> String {
    format!("{number:08}-7c3e-4d11-9a40-5be1c2d3e4f5")
}

fn with_key(fill: impl FnOnce(&Flowise)) -> House {
    House::new(|flowise| {
        flowise.key(KEY, "site", PERMISSIONS);
        fill(flowise);
    })
}

#[tokio::test]
async fn a_flow_keeps_its_id_its_dates_and_what_stands_beside_it() {
    let config = json!({ "allowedOrigins": ["https://shop.example"] }).to_string();
    let limit = json!({ "rateLimit": { "status": true, "limitMax": 1, "limitDuration": 60, "limitMsg": "Enough" } });
    let limit = limit.to_string();
    let house = with_key(|flowise| {
        let more = [
            ("isPublic", "1"),
            ("deployed", "0"),
            ("category", "a;b"),
            ("chatbotConfig", config.as_str()),
            ("apiConfig", limit.as_str()),
            ("analytic", "{\"langFuse\":{}}"),
            ("speechToText", "{\"none\":{}}"),
            ("textToSpeech", "{}"),
            ("followUpPrompts", "{\"status\":false}"),
            ("mcpServerConfig", "{}"),
        ];
        flowise.flow(&id(1), "Shop", "AGENTFLOW", &reply("hi"), &more);
    });
    let report = house.report(&[]);
    assert_eq!(counts(&report, "flows"), [1, 0, 0, 0], "{report}");
    assert_eq!(report["closedFlows"], 0, "a public flow stays open");
    let server = house.serve().await;
    let client = server.client(Some(KEY.1.to_owned())).bearer();
    let flow = client.get(&format!("/api/v1/chatflows/{}", id(1))).await;
    let mut flow = flow.json();
    let drawing = flow["flowData"].take();
    assert_eq!(
        serde_json::from_str::<Value>(drawing.as_str().unwrap()).unwrap(),
        reply("hi")
    );
    let expected = json!({
        "id": id(1), "name": "Shop", "type": "AGENTFLOW", "flowData": null, "isPublic": true, "deployed": false,
        "apikeyid": null, "category": "a;b", "chatbotConfig": config, "apiConfig": limit, "analytic": "{\"langFuse\":{}}",
        "speechToText": "{\"none\":{}}", "textToSpeech": "{}", "followUpPrompts": "{\"status\":false}",
        "mcpServerConfig": "{}", "createdDate": "2026-01-31T10:00:00.000Z", "updatedDate": "2026-02-01T10:00:00.500Z",
        "webhookSecretConfigured": false, "workspaceId": "default",
    });
    assert_eq!(flow, expected);
    let first = ask(&server, &id(1), None).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let path = format!("/flowise/api/v1/prediction/{}", id(1));
    let second = server.anonymous().request(Method::POST, &path);
    let second = second.json(&json!({ "question": "Hello" })).send().await;
    let second = Answer::read(second.expect("an answer")).await;
    assert_eq!((second.status.as_u16(), &*second.text), (429, "Enough"));
    server.stop().await;
}

#[tokio::test]
async fn what_cannot_run_is_left_out_and_the_report_names_the_node() {
    let house = with_key(|flowise| {
        flowise.flow(&id(1), "Search", "AGENTFLOW", &retriever(), &[]);
        flowise.flow(&id(2), "Helper", "ASSISTANT", &reply("x"), &[]);
        flowise.flow(&id(3), "Old team", "MULTIAGENT", &reply("x"), &[]);
        flowise.flow(
            &id(4),
            "Empty",
            "CHATFLOW",
            &json!({ "nodes": [], "edges": [] }),
            &[],
        );
        flowise.flow(&id(5), "Good", "AGENTFLOW", &reply("x"), &[]);
        flowise.message("m0000001", &id(1), "userMessage", "hi", "s", 1);
    });
    let report = house.report(&[]);
    assert_eq!(counts(&report, "flows"), [1, 0, 0, 4], "{report}");
    let notes = report["notes"].as_array().expect("a list");
    for (number, name, part) in [
        (
            1,
            "Search",
            "the node `retrieverAgentflow_0` (`retrieverAgentflow`)",
        ),
        (2, "Helper", "its type is `ASSISTANT`"),
        (3, "Old team", "its type is `MULTIAGENT`"),
        (4, "Empty", "it has no nodes"),
    ] {
        let note = notes.iter().find(|note| note["id"] == id(number));
        let note = note.expect("a note");
        assert_eq!(
            (&note["name"], &note["outcome"]),
            (&json!(name), &json!("skipped"))
        );
        assert!(note["reason"].as_str().unwrap().contains(part), "{note}");
    }
    assert_eq!(
        reasons(&report, "messages", "skipped"),
        ["their flow is not here"]
    );
    let words = house.import(&[]).stdout;
    assert!(
        words.contains("flows skipped: Search (00000001-"),
        "{words}"
    );
    let server = house.serve().await;
    let missing = ask(&server, &id(1), Some(KEY.1)).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let list = server.client(Some(KEY.1.to_owned())).bearer();
    let list = list.get("/api/v1/chatflows").await.json();
    assert_eq!(list.as_array().expect("a list").len(), 1, "{list}");
    server.stop().await;
}

#[tokio::test]
async fn a_flow_whose_key_is_not_there_stays_closed() {
    let gone = "9c9f0d6b-7a8e-4f1d-9c3b-5a7e6f8d0c1b";
    let house = with_key(|flowise| {
        flowise.flow(
            &id(1),
            "Bound",
            "AGENTFLOW",
            &reply("x"),
            &[("apikeyid", gone), ("isPublic", "1")],
        );
    });
    let report = house.report(&[]);
    let told = reasons(&report, "flows", "brought");
    assert!(told.len() == 1 && told[0].contains(gone), "{report}");
    let server = house
        .serve_with(|config| config.doors.flowise_open_predictions = true)
        .await;
    for key in [None, Some(KEY.1)] {
        let refused = ask(&server, &id(1), key).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.text);
    }
    server.stop().await;
}

#[tokio::test]
async fn variables_are_brought_and_those_of_the_environment_named() {
    let house = with_key(|flowise| {
        flowise.flow(&id(1), "Tone", "AGENTFLOW", &with_variables(), &[]);
        flowise.variable(
            "11111111-aaaa-4d11-9a40-5be1c2d3e4f5",
            "tone",
            "kind",
            Some("static"),
        );
        flowise.variable(
            "22222222-aaaa-4d11-9a40-5be1c2d3e4f5",
            "HOME",
            "",
            Some("runtime"),
        );
        flowise.variable(
            "33333333-aaaa-4d11-9a40-5be1c2d3e4f5",
            "tone",
            "other",
            Some("static"),
        );
        flowise.variable(
            "44444444-aaaa-4d11-9a40-5be1c2d3e4f5",
            "odd",
            "x",
            Some("secret"),
        );
    });
    let report = house.report(&[]);
    assert_eq!(counts(&report, "variables"), [2, 0, 0, 2], "{report}");
    let told = reasons(&report, "variables", "brought");
    assert!(
        told.len() == 1 && told[0].contains("`template_env` lists `HOME`"),
        "{report}"
    );
    assert_eq!(
        reasons(&report, "variables", "skipped"),
        ["another variable has its name here", "`type` is `secret`"]
    );
    let server = house.serve().await;
    let answer = ask(&server, &id(1), Some(KEY.1)).await;
    // Nothing of the environment is read that the setting does not list: the reference stays as it is.
    assert_eq!(
        answer.json()["text"],
        "kind/{{$vars.HOME}}",
        "{}",
        answer.text
    );
    server.stop().await;
}

#[tokio::test]
async fn what_is_brought_stands_in_the_audit_log_once() {
    let tone = "11111111-aaaa-4d11-9a40-5be1c2d3e4f5";
    let house = with_key(|flowise| {
        flowise.flow(&id(1), "Tone", "AGENTFLOW", &reply("x"), &[]);
        flowise.flow(&id(2), "Broken", "AGENTFLOW", &json!({}), &[]);
        flowise.variable(tone, "tone", "kind", Some("static"));
    });
    for more in [&["--dry-run"][..], &[], &[]] {
        house.report(more);
    }
    let auditor = house.new_key("audit:read");
    let server = house.serve().await;
    let log = server.client(Some(auditor)).get("/api/v1/audit").await;
    let rows = log.data();
    let rows = rows.as_array().expect("rows").iter().rev();
    let brought: Vec<_> = rows
        .filter(|row| row["detail"]["from"] == "flowise")
        .map(|row| json!([row["action"], row["actor"], row["target"]]))
        .collect();
    let expected = [
        json!(["key.imported", "control", KEY.0]),
        json!(["workflow.imported", "control", id(1)]),
        json!(["variable.imported", "control", tone]),
    ];
    assert_eq!(brought, expected);
    server.stop().await;
}

fn with_variables() -> Value {
    let mut drawing = reply("{{$vars.tone}}/{{$vars.HOME}}");
    drawing["nodes"][1]["data"]["inputParams"] =
        json!([{ "name": "directReplyMessage", "type": "string", "acceptVariable": true }]);
    drawing
}

#[tokio::test]
async fn what_the_owner_allows_callers_to_override_is_the_same() {
    let rules = json!({ "overrideConfig": { "status": true, "nodes": { "directReplyAgentflow_0":
        [{ "label": "Message", "name": "directReplyMessage", "type": "string", "enabled": true }] } } });
    let house = with_key(|flowise| {
        let more = [("apiConfig", rules.to_string())];
        let more: Vec<(&str, &str)> = more
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        flowise.flow(&id(1), "Open", "AGENTFLOW", &reply("own"), &more);
        flowise.flow(&id(2), "Closed", "AGENTFLOW", &reply("own"), &[]);
    });
    house.report(&[]);
    let server = house.serve().await;
    let body = json!({ "question": "q", "overrideConfig": { "directReplyMessage": "theirs" } });
    for (number, text) in [(1, "theirs"), (2, "own")] {
        let answer = asked(&server, &id(number), Some(KEY.1), body.clone()).await;
        assert_eq!(answer.json()["text"], text, "{}", answer.text);
    }
    server.stop().await;
}

#[test]
fn a_flow_that_the_clock_starts_says_so() {
    let start = json!({ "startInputType": "scheduleInput", "scheduleType": "cron",
        "scheduleCronExpression": "0 0 1 1 *", "scheduleInputMode": "text", "scheduleDefaultInput": "go" });
    let drawing = json!({
        "nodes": [
            node("startAgentflow_0", "startAgentflow", start),
            node("directReplyAgentflow_0", "directReplyAgentflow", json!({ "directReplyMessage": "x" })),
        ],
        "edges": [edge("startAgentflow_0", "directReplyAgentflow_0")],
    });
    let house = with_key(|flowise| flowise.flow(&id(1), "Daily", "AGENTFLOW", &drawing, &[]));
    let report = house.report(&[]);
    let told = reasons(&report, "flows", "brought");
    assert!(
        told.len() == 1 && told[0].contains("the clock starts it"),
        "{report}"
    );
}
