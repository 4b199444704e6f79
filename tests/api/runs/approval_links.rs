//! The link of an approval: what its page shows, what it answers, and what a wrong one learns.

use super::{ended, server_with_upstream, set, start, until};
use crate::audit::refusals;
use crate::support::{Answer, MONDAY_MS, TestServer};
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn approval(config: Value) -> Value {
    json!({ "id": "ok", "type": "approval", "config": config })
}

/// A run that asks, and the path of its link.
async fn asked(server: &TestServer, config: Value) -> (String, String) {
    let steps = json!([
        approval(config),
        set(
            "end",
            json!("{{steps.ok.approved}} {{steps.ok.approvedBy}} {{steps.ok.comment}}")
        )
    ]);
    let workflow = server.workflow("Pay <bills>", steps).await;
    let run = start(server, &workflow, json!({ "n": 5 })).await;
    until(server, &run, "step.asked", "ok").await;
    let path = link(server, &run).await;
    (run, path)
}

async fn link(server: &TestServer, run: &str) -> String {
    let asked = server
        .admin()
        .get(&format!("/api/v1/runs/{run}/approvals"))
        .await;
    let url = asked.data()[0]["url"].as_str().expect("a link").to_owned();
    url.strip_prefix(&server.url)
        .expect("a link to this server")
        .to_owned()
}

async fn look(server: &TestServer, path: &str) -> Answer {
    server.anonymous().get(path).await
}

async fn send(server: &TestServer, path: &str, form: &[(&str, &str)]) -> Answer {
    let fields = serde_urlencoded::to_string(form).expect("a form");
    let request = server
        .anonymous()
        .request(Method::POST, path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(fields);
    Answer::read(request.send().await.expect("an answer")).await
}

async fn status(server: &TestServer, run: &str) -> Value {
    let run = server.admin().get(&format!("/api/v1/runs/{run}")).await;
    run.data()["status"].clone()
}

#[tokio::test]
async fn a_link_shows_what_is_asked_and_answers_it_once() {
    let server = TestServer::start_with_manual_clock().await;
    let config = json!({
        "reason": "Pay {{input.n}} <b>now</b>?", "timeout": "2h", "inputType": "both", "inputLabel": "Why",
        "inputPlaceholder": "In a \"word\"",
        "context": [{ "label": "Amount", "value": "{{input.n}}" }, "<script>alert(1)</script>"],
        "approveLabel": "Pay", "rejectLabel": "Do \"not\""
    });
    let (run, path) = asked(&server, config).await;
    for _ in 0..2 {
        let page = look(&server, &path).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text);
        for shown in [
            "Pay &#60;bills&#62;",
            "Pay 5 &#60;b&#62;now&#60;/b&#62;?",
            "<dt>Amount</dt>\n<dd>5</dd>",
            "2024-01-15T12:00:00.000Z",
            "Why",
            "placeholder=\"In a &#34;word&#34;\"",
            "Do &#34;not&#34;",
            "name=\"comment\"",
        ] {
            assert!(page.text.contains(shown), "{shown}: {}", page.text);
        }
        for never in ["<script", "<b>", "style=", "onclick"] {
            assert!(!page.text.contains(never), "{never}: {}", page.text);
        }
    }
    assert_eq!(
        status(&server, &run).await,
        "running",
        "looking changes nothing"
    );

    let said = send(
        &server,
        &path,
        &[("comment", "too much"), ("approved", "false")],
    )
    .await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    assert!(said.text.contains("<h1>Rejected</h1>"), "{}", said.text);
    assert_eq!(ended(&server, &run).await["output"], "false link too much");
    for again in [
        send(&server, &path, &[("approved", "true")]).await,
        look(&server, &path).await,
    ] {
        assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.text);
        assert!(!again.text.contains("<form"), "{}", again.text);
    }
}

#[tokio::test]
async fn a_page_may_not_be_framed_kept_or_scripted() {
    let server = TestServer::start().await;
    let (_, path) = asked(&server, json!({})).await;
    for path in [path.as_str(), "/approvals/none/none"] {
        let page = look(&server, path).await;
        insta::allow_duplicates! {
            insta::assert_snapshot!(page.header("content-security-policy").unwrap_or_default(), @"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
        }
        for (name, value) in [
            ("content-type", "text/html; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-ratelimit-limit", "1000"),
        ] {
            assert_eq!(page.header(name), Some(value), "{name}");
        }
        assert!(page.header("access-control-allow-origin").is_none());
        assert!(page.header("set-cookie").is_none());
    }
    let style = look(&server, "/approvals/style.css").await;
    assert_eq!(style.status, StatusCode::OK);
    assert_eq!(
        style.header("content-type"),
        Some("text/css; charset=utf-8")
    );
}

#[tokio::test]
async fn a_link_is_of_one_step_of_one_run() {
    let server = TestServer::start_with_manual_clock().await;
    let (run, path) = asked(&server, json!({})).await;
    let (other_run, other_path) = asked(&server, json!({})).await;
    let (signature, other) = (last(&path), last(&other_path));
    let altered: String = signature
        .chars()
        .enumerate()
        .map(|(at, letter)| match (at, letter) {
            (0, 'A') => 'B',
            (0, _) => 'A',
            _ => letter,
        })
        .collect();
    let wrong = [
        format!("/approvals/{run}/{other}"),
        format!("/approvals/{other_run}/{signature}"),
        format!("/approvals/{run}/{altered}"),
        format!("/approvals/{run}/{}", &signature[1..]),
        format!("/approvals/run_none/{signature}"),
        format!("/approvals/{run}/ok"),
    ];
    let mut pages = Vec::new();
    for path in &wrong {
        for page in [
            look(&server, path).await,
            send(&server, path, &[("approved", "true")]).await,
        ] {
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}: {}", page.text);
            assert!(
                page.text.contains("This link leads nowhere."),
                "{}",
                page.text
            );
            pages.push(page.text);
        }
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "a wrong link learns nothing: {pages:#?}");
    for run in [&run, &other_run] {
        assert_eq!(status(&server, run).await, "running");
    }
    let told = refusals(&server).await;
    let told = told.iter().find(|row| row["result"] == "approval_link");
    let told = told.expect("wrong links stand in the audit log");
    assert_eq!(told["detail"]["count"], wrong.len() * 2, "{told}");
}

#[tokio::test]
async fn a_wrong_link_costs_no_read_of_the_run() {
    let server = TestServer::start_with_manual_clock().await;
    let (run, path) = asked(&server, json!({})).await;
    let (_, other_path) = asked(&server, json!({})).await;
    // Whoever reads these journals finds something that is none.
    let database = rusqlite::Connection::open(server.data().join("flowlatch.db"));
    let damage = "DELETE FROM journal;
        INSERT INTO journal (position, event_count, at_ms, events) VALUES (1 << 24, 1, 0, '[{\"type\":\"sand\"}]')";
    database
        .expect("a database")
        .execute_batch(damage)
        .expect("it is damaged");
    let read = look(&server, &path).await;
    assert_eq!(
        read.status,
        StatusCode::INTERNAL_SERVER_ERROR,
        "{}",
        read.text
    );
    for wrong in [last(&other_path), &last(&path)[1..], "ok"] {
        let path = format!("/approvals/{run}/{wrong}");
        for page in [
            look(&server, &path).await,
            send(&server, &path, &[("approved", "true")]).await,
        ] {
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}: {}", page.text);
        }
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

#[tokio::test]
async fn what_is_no_answer_is_refused_and_the_run_goes_on_waiting() {
    let server = TestServer::start().await;
    let (run, path) = asked(&server, json!({})).await;
    let long = "x".repeat(10_001);
    for (form, status) in [
        (vec![], StatusCode::BAD_REQUEST),
        (vec![("approved", "yes")], StatusCode::BAD_REQUEST),
        (
            vec![("approved", "true"), ("by", "me")],
            StatusCode::BAD_REQUEST,
        ),
        (
            vec![("approved", "true"), ("approved", "false")],
            StatusCode::BAD_REQUEST,
        ),
        (
            vec![("approved", "true"), ("comment", long.as_str())],
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let refused = send(&server, &path, &form).await;
        assert_eq!(refused.status, status, "{form:?}: {}", refused.text);
        assert!(
            refused.text.starts_with("<!doctype html>"),
            "{}",
            refused.text
        );
    }
    let json = server
        .anonymous()
        .request(Method::POST, &path)
        .json(&json!({ "approved": true }));
    let refused = json.send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let put = server.anonymous().request(Method::PUT, &path);
    let refused = put.send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(refused.headers()["allow"], "GET, HEAD, POST");
    assert_eq!(status(&server, &run).await, "running");
}

#[tokio::test]
async fn links_are_counted_by_address() {
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.limit_read = Limit::PerMinute(3);
    })
    .await;
    for (path, expected) in [
        ("/approvals/run_a/b", StatusCode::NOT_FOUND),
        ("/approvals/run_a/b", StatusCode::NOT_FOUND),
        ("/approvals/run_a/b", StatusCode::NOT_FOUND),
        ("/approvals/run_a/b", StatusCode::TOO_MANY_REQUESTS),
    ] {
        let page = look(&server, path).await;
        assert_eq!(page.status, expected, "{}", page.text);
        let retry_after = page.header("retry-after");
        assert_eq!(
            retry_after.is_some(),
            expected == StatusCode::TOO_MANY_REQUESTS
        );
    }
    server.clock.advance_ms(60_000);
    let page = look(&server, "/approvals/run_a/b").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_workflow_sends_the_link_before_it_asks() {
    let (server, upstream) = server_with_upstream().await;
    let gate = upstream.hold("/mail");
    let mail = json!({
        "id": "mail", "type": "action", "action": "api.request",
        "config": { "url": upstream.url("/mail"), "method": "POST", "body": { "link": "{{approvals.ok.url}}" } }
    });
    let steps = json!([
        mail,
        approval(json!({})),
        set("end", json!("{{steps.ok.approved}}"))
    ]);
    let workflow = server.workflow("sending", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    upstream.until_called("/mail", 1).await;
    let body = upstream.calls("/mail")[0].json();
    let url = body["link"].as_str().expect("a link");
    let path = url
        .strip_prefix(&server.url)
        .expect("a whole link")
        .to_owned();
    let page = look(&server, &path).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("has not come to this step yet"),
        "{}",
        page.text
    );
    let early = send(&server, &path, &[("approved", "true")]).await;
    assert_eq!(early.status, StatusCode::OK, "{}", early.text);
    gate.open();
    assert_eq!(ended(&server, &run).await["output"], true);
    assert_eq!(look(&server, &path).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn behind_a_base_path_the_link_and_its_style_sheet_are_found() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.base_path = "/flows".to_owned();
    })
    .await;
    let (run, path) = asked(&server, json!({})).await;
    let page = look(&server, &path).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains("href=\"../style.css\""), "{}", page.text);
    assert_eq!(
        look(&server, "/approvals/style.css").await.status,
        StatusCode::OK
    );
    let said = send(&server, &path, &[("approved", "true")]).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    assert_eq!(ended(&server, &run).await["output"], "true link ");
}
