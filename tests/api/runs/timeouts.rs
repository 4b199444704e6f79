//! `timeoutMs` of every step type: it is kept to, or refused when the workflow is saved.

use super::{call, ended, logs_of, set, start, until, with};
use crate::support::{MONDAY_MS, TestServer};
use crate::upstream::{Gate, Upstream};
use flowlatch::clock::{Clock, iso_utc};
use flowlatch::engine::step::rules;
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Answers in no time that a test has.
const HELD: &str = "/held";
const CHAT: &str = "/v1/chat/completions";

/// Every step type with something to do that does not end by itself, where it can have such, and what comes of its
/// `timeoutMs`: the code of an error; `in time`, which is before anybody can look; or what is said when it is refused.
const SUBJECTS: &str = r#"
{"type": "agent", "config": {"prompt": "p"}} ⇒ TIMEOUT
{"type": "action", "action": "api.request", "config": {"url": "HELD"}} ⇒ TIMEOUT
{"type": "approval", "config": {"reason": "r"}} ⇒ APPROVAL_TIMEOUT
{"type": "code", "config": {"code": "for (;;);"}} ⇒ TIMEOUT
{"type": "condition", "config": {"conditions": {"left": 1, "operator": "eq", "right": 1}, "then": ["inner"]}} ⇒ refused: done at once
{"type": "data_table", "config": {"operation": "listTables"}} ⇒ in time
{"type": "email", "config": {"connection": "mailer", "to": "a@b.example", "subject": "s", "text": "t"}} ⇒ TIMEOUT
{"type": "action", "action": "email.send", "config": {"connection": "mailer", "to": "a@b.example", "subject": "s", "text": "t"}} ⇒ TIMEOUT
{"type": "loop", "config": {"iterations": 1, "steps": ["inner"]}} ⇒ TIMEOUT
{"type": "parallel", "config": {"branches": [["inner"]]}} ⇒ TIMEOUT
{"type": "slack", "config": {"connection": "chat", "text": "t"}} ⇒ TIMEOUT
{"type": "action", "action": "slack.send_message", "config": {"connection": "chat", "text": "t"}} ⇒ TIMEOUT
{"type": "subworkflow", "config": {"workflowId": "CHILD"}} ⇒ TIMEOUT
{"type": "subworkflow", "config": {"workflowId": "CHILD", "waitForCompletion": false}} ⇒ refused: does not wait for the run
{"type": "transform", "config": {"script": "for (;;);"}} ⇒ TIMEOUT
{"type": "transform", "config": {"sourceData": 1}} ⇒ refused: done at once
{"type": "wait", "config": {"duration": 60000}} ⇒ refused: shorten the `duration`
"#;

fn step(step_type: &str, config: Value) -> Value {
    json!({ "id": "s", "type": step_type, "config": config })
}

/// A server whose calls are never answered, by whomever they go to.
async fn server_without_answers() -> (TestServer, Upstream, std::net::TcpListener, Vec<Gate>) {
    let upstream = Upstream::start().await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let mail_port = silent.local_addr().expect("an address").port();
    let base_url = upstream.url("/v1");
    let server = TestServer::start_with(Clock::system(), |config| {
        config.outbound_allow = vec!["127.0.0.1".into()];
        config.llm_base_url = Some(base_url);
    })
    .await;
    let mailer = json!({ "host": "127.0.0.1", "port": mail_port.to_string(), "security": "none", "from": "c@d.example" });
    let chat = json!({ "token": upstream.url(HELD) });
    for connection in [
        json!({ "name": "m", "provider": "mailer", "type": "smtp", "credentials": mailer }),
        json!({ "name": "c", "provider": "chat", "type": "bearer", "hosts": ["127.0.0.1"], "credentials": chat }),
    ] {
        let made = server.admin().post("/api/v1/connections", connection).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    }
    let mut gates: Vec<Gate> = (0..20).map(|_| upstream.hold(HELD)).collect();
    gates.push(upstream.hold(CHAT));
    (server, upstream, silent, gates)
}

#[tokio::test]
async fn every_step_type_keeps_to_it_or_refuses_it() {
    let (server, upstream, _silent, _gates) = server_without_answers().await;
    let inner = call("inner", &upstream.url(HELD));
    let child = server.workflow("child", json!([inner])).await;
    let mut seen = BTreeSet::new();
    for line in SUBJECTS.trim().lines() {
        let line = line
            .replace("HELD", &upstream.url(HELD))
            .replace("CHILD", &child);
        let (subject, fate) = line.split_once(" ⇒ ").expect("two columns");
        let mut subject: Value = serde_json::from_str(subject).expect("JSON");
        subject["id"] = json!("s");
        let name = subject.get("action").unwrap_or(&subject["type"]).clone();
        seen.insert(name.as_str().expect("a name").to_owned());
        let timed = with(subject.clone(), json!({ "timeoutMs": 100 }));
        // Who names the other step has it inside; to the rest it is a step that is never reached.
        let body = |head: &Value| json!({ "name": name, "trigger": { "type": "api" }, "steps": [head, inner] });
        if let Some(said) = fate.strip_prefix("refused: ") {
            let refused = server.admin().post("/api/v1/workflows", body(&timed)).await;
            assert_eq!(
                refused.status,
                StatusCode::BAD_REQUEST,
                "{line}: {}",
                refused.text
            );
            let details = refused.json()["error"]["details"].clone();
            assert_eq!(details[0]["place"], "steps[0].timeoutMs", "{line}");
            assert!(
                details[0]["message"].to_string().contains(said),
                "{line}: {details}"
            );
            server.workflow_with(body(&subject)).await;
            continue;
        }
        let mut body = body(&timed);
        if fate == "in time" {
            body["steps"] = json!([timed]);
        }
        let workflow = server.workflow_with(body).await;
        let run = server.admin().run(&workflow, json!({})).await;
        let log = logs_of(&server, run["runId"].as_str().expect("an id")).await[0].clone();
        let code = log["error"]["code"].as_str().unwrap_or("in time");
        assert_eq!(code, fate, "{line}: {log}");
    }
    let known: BTreeSet<String> = rules().iter().map(|rule| rule.name.to_owned()).collect();
    assert_eq!(seen, known, "every step type has its row");
    server.stop().await;
}

/// What a step says itself, its `timeoutMs`, and until when it waits.
#[tokio::test]
async fn the_shorter_of_two_limits_counts() {
    let server = TestServer::start_with_manual_clock().await;
    let asking = json!([step("approval", json!({ "reason": "r" }))]);
    let child = server.workflow("child", asking).await;
    let asks = |fields: Value| step("approval", fields);
    let runs = |fields: Value| {
        let head = step("subworkflow", json!({ "workflowId": child }));
        super::loops::config(head, fields)
    };
    for (subject, timeout_ms, until_s) in [
        (asks(json!({ "timeout": "2h" })), json!(5_000), 5),
        (asks(json!({ "timeout": "5s" })), json!(60_000), 5),
        (asks(json!({ "timeoutMs": 7_000 })), json!(8_000), 7),
        (asks(json!({})), json!(9_000), 9),
        (runs(json!({ "maxDurationSeconds": 60 })), json!(5_000), 5),
        (runs(json!({ "maxDurationSeconds": 5 })), json!(60_000), 5),
        (runs(json!({})), json!(9_000), 9),
        (runs(json!({ "timeoutMinutes": 1 })), Value::Null, 60),
    ] {
        let subject = with(subject, json!({ "timeoutMs": timeout_ms }));
        let workflow = server.workflow("w", json!([subject])).await;
        let run = start(&server, &workflow, json!({})).await;
        let event = match subject["type"].as_str() {
            Some("approval") => "step.asked",
            _ => "step.child",
        };
        let event = until(&server, &run, event, "s").await;
        assert_eq!(
            event.data["waitingUntil"],
            iso_utc(MONDAY_MS + until_s * 1_000),
            "{subject}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn an_approval_that_is_late_by_its_steps_limit_comes_to_what_it_says() {
    let server = TestServer::start_with_manual_clock().await;
    let asks = step(
        "approval",
        json!({ "timeout": "2h", "timeoutAction": "reject" }),
    );
    let steps = json!([
        with(asks, json!({ "timeoutMs": 1_000 })),
        set("end", json!("{{steps.s.approved}}"))
    ]);
    let workflow = server.workflow("w", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    until(&server, &run, "step.asked", "s").await;
    server.clock.advance_ms(1_000);
    assert_eq!(ended(&server, &run).await["output"], json!(false));
    server.stop().await;
}
