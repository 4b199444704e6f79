//! `agent`: what a model is asked, and what becomes of its answer.

use crate::email::run_step;
use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

pub(crate) const CHAT: &str = "/v1/chat/completions";
const KEY: &str = "sk-pl4nted-s3cret-key";

/// A model server, and a server that asks it.
pub(crate) async fn start() -> (Upstream, TestServer) {
    let upstream = Upstream::start().await;
    let base_url = upstream.url("/v1/");
    let server = TestServer::start_with(Clock::system(), |config| {
        config.llm_base_url = Some(base_url);
        config.llm_model = "small".into();
    })
    .await;
    (upstream, server)
}

/// A completion with this text.
pub(crate) fn says(text: &str) -> Reply {
    Reply::json(
        200,
        &json!({
            "model": "small-1",
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 },
        }),
    )
}

async fn key(server: &TestServer, hosts: &[&str]) {
    let body = json!({"name": "models", "provider": "openai", "type": "bearer",
        "credentials": { "token": KEY }, "hosts": hosts});
    let made = server.admin().post("/api/v1/connections", body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
}

fn step(config: Value) -> Value {
    json!({ "id": "ask", "type": "agent", "config": config })
}

#[tokio::test]
async fn a_model_is_asked_as_the_step_says() {
    let (upstream, server) = start().await;
    key(&server, &["127.0.0.1"]).await;
    upstream.reply(CHAT, says("```json\n{\"total\": 5}\n```"));
    let schema = json!({"type": "object", "required": ["total"]});
    let config = json!({
        "provider": "openai", "model": "big", "prompt": "Sum of {{input.what}}?", "systemPrompt": "Be brief.",
        "input": { "a": [2, 3] }, "outputSchema": schema, "temperature": 0, "maxTokens": 50, "connection": "openai",
    });
    let log = run_step(&server, step(config), json!({ "what": "a" })).await;
    assert_eq!(log["output"]["result"], json!({ "total": 5 }), "{log}");
    assert_eq!(
        log["output"]["usage"],
        json!({"promptTokens": 7, "completionTokens": 3, "totalTokens": 10})
    );
    assert_eq!(log["output"]["finishReason"], "stop");

    let call = upstream.calls(CHAT).remove(0);
    let body = call.json();
    assert_eq!(call.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(
        (&body["model"], &body["temperature"], &body["max_tokens"]),
        (&json!("big"), &json!(0.0), &json!(50))
    );
    assert_eq!(
        body["messages"][1]["content"],
        "Sum of a?\n\nInput:\n{\"a\":[2,3]}"
    );
    assert!(
        body["messages"][0]["content"]
            .as_str()
            .unwrap()
            .starts_with("Be brief.\n\n")
    );
    assert_eq!(body["response_format"]["json_schema"]["schema"], schema);
    assert!(!log.to_string().contains("s3cret"), "{log}");
}

#[tokio::test]
async fn what_is_left_out_is_not_sent_and_no_key_goes_that_nobody_named() {
    let (upstream, server) = start().await;
    key(&server, &["127.0.0.1"]).await;
    upstream.reply(CHAT, says("Good morning"));
    let log = run_step(&server, step(json!({ "prompt": "Say hello" })), json!({})).await;
    assert_eq!(log["output"]["result"], "Good morning", "{log}");
    assert_eq!(log["output"]["text"], "Good morning");
    let call = upstream.calls(CHAT).remove(0);
    assert!(!call.headers.contains_key("authorization"));
    assert_eq!(
        call.json(),
        json!({"model": "small", "messages": [{ "role": "user", "content": "Say hello" }]})
    );
}

/// Replies, how many calls they should take, and what the step then is: the code of its error, or nothing.
fn trouble() -> Vec<(Vec<Reply>, usize, &'static str)> {
    let good = || says("{\"ok\": true}");
    vec![
        (
            vec![Reply::text(429, "slow").with("retry-after", "0"), good()],
            2,
            "",
        ),
        (vec![Reply::text(503, "busy"), good()], 2, ""),
        (vec![Reply::text(200, "not json"), good()], 2, ""),
        (vec![Reply::text(200, "{}"), good()], 2, ""),
        (vec![says("no json at all"), good()], 2, ""),
        (vec![says("{\"ok\": \"yes\"}"), good()], 2, ""),
        (
            vec![says("{\"ok\": 1}"), says("{\"ok\": 2}")],
            2,
            "OUTPUT_SCHEMA",
        ),
        (
            vec![Reply::text(200, "no"), Reply::text(200, "no")],
            2,
            "LLM_ANSWER",
        ),
        (
            vec![Reply::text(500, "no"), Reply::text(500, "no")],
            2,
            "HTTP_STATUS",
        ),
        (
            vec![Reply::text(
                401,
                &format!("wrong key {KEY} {}", "x".repeat(300)),
            )],
            1,
            "HTTP_STATUS",
        ),
        (
            vec![Reply::text(401, &format!("{} {KEY}", "x".repeat(190)))],
            1,
            "HTTP_STATUS",
        ),
        (vec![Reply::text(200, &"[".repeat(100_000)), good()], 2, ""),
        (
            vec![Reply::text(200, &" ".repeat(5 << 20))],
            1,
            "RESPONSE_TOO_LARGE",
        ),
        (vec![says(&"9".repeat(300_000)), good()], 2, ""),
    ]
}

#[tokio::test]
async fn bad_answers_are_tried_again_where_that_may_help() {
    let (upstream, server) = start().await;
    key(&server, &["127.0.0.1"]).await;
    let schema = json!({"type": "object", "properties": { "ok": { "type": "boolean" } }, "required": ["ok"]});
    for (case, (replies, calls, code)) in trouble().into_iter().enumerate() {
        let before = upstream.calls(CHAT).len();
        replies
            .into_iter()
            .for_each(|reply| upstream.reply(CHAT, reply));
        let mut step = step(json!({"prompt": "p", "connection": "openai", "outputSchema": schema}));
        step["retryConfig"] = json!({"maxAttempts": 2, "initialDelayMs": 0});
        let log = run_step(&server, step, json!({})).await;
        assert_eq!(
            log["error"]["code"].as_str().unwrap_or_default(),
            code,
            "{case}: {log}"
        );
        assert_eq!(upstream.calls(CHAT).len() - before, calls, "{case}: {log}");
        let text = log.to_string();
        assert!(
            text.len() < 4_000 && !text.contains("s3cret") && !text.contains("sk-pl"),
            "{case}: {text}"
        );
    }
}

#[tokio::test]
async fn a_key_goes_to_no_host_that_its_connection_is_not_bound_to() {
    let (upstream, server) = start().await;
    key(&server, &["api.openai.com"]).await;
    let log = run_step(
        &server,
        step(json!({"prompt": "p", "connection": "openai"})),
        json!({}),
    )
    .await;
    assert_eq!(log["error"]["code"], "CONNECTION_INVALID", "{log}");
    assert!(upstream.calls(CHAT).is_empty());
}

#[tokio::test]
async fn an_echoed_key_is_not_kept() {
    let (upstream, server) = start().await;
    key(&server, &["127.0.0.1"]).await;
    upstream.reply(CHAT, says(&format!("your key is {KEY}")));
    let log = run_step(
        &server,
        step(json!({"prompt": "p", "connection": "openai"})),
        json!({}),
    )
    .await;
    assert_eq!(log["output"]["result"], "your key is [redacted]", "{log}");
}

#[tokio::test]
async fn only_the_model_server_is_allowed_and_only_for_models() {
    let (upstream, server) = start().await;
    let call = json!({"id": "call", "type": "action", "action": "api.request", "config": { "url": upstream.url("/x") }});
    let log = run_step(&server, call, json!({})).await;
    assert_eq!(log["error"]["code"], "ADDRESS_REFUSED", "{log}");
}

#[tokio::test]
async fn a_late_answer_is_a_timeout_and_no_key_is_a_clear_error() {
    let (upstream, server) = start().await;
    let _gate = upstream.hold(CHAT);
    let log = run_step(
        &server,
        step(json!({"prompt": "p", "timeout": 100})),
        json!({}),
    )
    .await;
    assert_eq!(log["error"]["code"], "TIMEOUT", "{log}");

    let alone = TestServer::start().await;
    let log = run_step(&alone, step(json!({ "prompt": "p" })), json!({})).await;
    assert_eq!(log["error"]["code"], "CONNECTION_INVALID", "{log}");
    assert!(
        log["error"]["message"].as_str().unwrap().contains("openai"),
        "{log}"
    );
}

#[tokio::test]
async fn a_stored_agent_answers_for_a_step() {
    let (upstream, server) = start().await;
    upstream.reply(CHAT, says("{\"name\": \"Ada\"}"));
    let config = json!({"agentId": "agent_extraction", "input": {"text": "I am Ada", "customInstructions": "the name"}});
    let log = run_step(&server, step(config), json!({})).await;
    assert_eq!(log["output"]["result"], json!({ "name": "Ada" }), "{log}");
    let body = upstream.calls(CHAT)[0].json();
    assert!(
        body["messages"][0]["content"]
            .as_str()
            .unwrap()
            .contains("You extract data"),
        "{body}"
    );
    assert!(
        body["messages"][1]["content"]
            .as_str()
            .unwrap()
            .contains("I am Ada"),
        "{body}"
    );

    let log = run_step(&server, step(json!({ "agentId": "agent_none" })), json!({})).await;
    assert_eq!(log["error"]["code"], "AGENT_NOT_FOUND", "{log}");
}
