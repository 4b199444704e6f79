//! One run on its page: what it is, its timeline, and that whatever it holds is text.

use super::{MARKUP, ended, failing, link, path_of, resting, seen, start, until};
use crate::dashboard::Browser;
use crate::runs::{call, server_with_upstream, set, with};
use crate::support::TestServer;
use crate::upstream::Reply;
use serde_json::json;

#[tokio::test]
async fn a_run_is_told_with_what_belongs_to_it() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let inner = server
        .workflow("inner", json!([set("s", json!("deep"))]))
        .await;
    let child = json!({ "id": "sub", "type": "subworkflow", "config": { "workflowId": inner } });
    let outer = server
        .workflow("outer", json!([with(child, json!({ "name": "Below" }))]))
        .await;
    let body = json!({ "mode": "sync", "idempotencyKey": "order-17", "input": { "who": "Ada" } });
    let path = format!("/api/v1/workflows/{outer}/run");
    let run = server.admin().post(&path, body).await.data();
    let run = run["runId"].as_str().expect("an id");
    let page = seen(&browser, &path_of(run)).await;
    let label = &server.admin_key[4..12];
    for expected in [
        format!("<a href=\"../workflows/{outer}\">outer</a>, version 1"),
        "<span class=\"status completed\">completed</span>".to_owned(),
        "<time datetime=\"2024-01-15T10:00:00.000Z\">2024-01-15T10:00:00.000Z</time>".to_owned(),
        "<code>order-17</code>".to_owned(),
        "<dt>Started by</dt>".to_owned(),
        "<small>Below</small>".to_owned(),
        "class=\"child\"".to_owned(),
        // The picture is coloured, and leads to the step.
        "<a href=\"#step-sub\"><rect class=\"node completed\"".to_owned(),
        "&#34;Ada&#34;".to_owned(),
        "deep".to_owned(),
        label.to_owned(),
    ] {
        assert!(page.text.contains(&expected), "{expected}: {}", page.text);
    }
    // What has ended is not followed, cancelled or retried.
    for absent in [
        "data-events",
        "/cancel\"",
        "/retry\"",
        "Reload",
        "A retry of",
    ] {
        assert!(!page.text.contains(absent), "{absent}: {}", page.text);
    }
    let (_, rest) = page
        .text
        .split_once("<dt>Has started the run</dt><dd><a href=\"")
        .expect("a child");
    let inner_page = rest
        .split('"')
        .next()
        .expect("a link")
        .replace("../runs", "/dashboard/runs");
    let inner_page = seen(&browser, &inner_page).await;
    assert!(inner_page.text.contains(&format!(
        "<dt>Started by the run</dt><dd><a href=\"../runs/{run}\">"
    )));
    assert!(
        inner_page
            .text
            .contains("<dt>Trigger</dt><dd>subworkflow</dd>")
    );
    assert!(!inner_page.text.contains("Idempotency key"));
}

#[tokio::test]
async fn attempts_and_waits_are_marks_on_the_time_of_the_run() {
    let (server, upstream) = server_with_upstream().await;
    let browser = Browser::signed_in(&server).await;
    upstream.reply("/x", Reply::text(503, "busy"));
    upstream.reply("/x", Reply::json(200, &json!({ "fine": true })));
    let retry = json!({ "retryConfig": { "maxAttempts": 2, "initialDelayMs": 60_000 } });
    let wait =
        json!({ "id": "rest", "type": "wait", "config": { "duration": 1, "unit": "hours" } });
    let steps = json!([with(call("call", &upstream.url("/x")), retry), wait]);
    let workflow = server.workflow("retrying", steps).await;
    let run = start(&server, &workflow, json!({})).await;
    until(&server, &run, "step.failed").await;
    let page = seen(&browser, &path_of(&run)).await;
    assert!(
        page.text
            .contains("<span class=\"status retrying\">retrying</span>"),
        "{}",
        page.text
    );
    assert!(page.text.contains("<rect class=\"delay\""), "{}", page.text);
    assert!(
        page.text
            .contains(&format!("data-events=\"../runs/{run}/events?from=")),
        "{}",
        page.text
    );
    server.clock.advance_ms(60_000);
    until(&server, &run, "step.waiting").await;
    let page = seen(&browser, &path_of(&run)).await;
    let bars: Vec<&str> = page.text.split("<svg class=\"bar\"").skip(1).collect();
    assert_eq!(bars.len(), 2);
    let classes = |bar: &str| -> Vec<String> {
        let marks = bar
            .split("</svg>")
            .next()
            .expect("a bar")
            .split("<rect class=\"")
            .skip(1);
        marks
            .map(|mark| mark.split('"').next().expect("a class").to_owned())
            .collect()
    };
    assert_eq!(classes(bars[0]), ["failed", "delay", "attempt"]);
    assert_eq!(classes(bars[1]), ["timer"]);
    assert!(
        bars[0].contains("wait for the next attempt 1 min 0 s"),
        "{}",
        bars[0]
    );
    let (_, error) = page
        .text
        .split_once("Error of an earlier attempt")
        .expect("its place");
    let (_, error) = error.split_once("href=\"..").expect("a link");
    let error = error.split('"').next().expect("a link");
    let error = browser.get(&format!("/dashboard{error}")).await;
    assert!(error.text.contains("503"), "{}", error.text);
    assert!(link(&page, "Reload").is_some());
}

#[tokio::test]
async fn whatever_a_run_holds_is_text() {
    let (server, upstream) = server_with_upstream().await;
    let browser = Browser::signed_in(&server).await;
    upstream.reply("/bad", Reply::text(500, MARKUP));
    let steps = json!([
        with(set("named", json!({ "out": "{{input.text}}" })), json!({ "name": MARKUP })),
        { "id": "script", "type": "transform", "config": {
            "input": "{{input}}",
            "script": "console.log(input.text); return input.text;" } },
        { "id": "ask", "type": "approval", "config": { "approvers": "a@x.example", "reason": "{{input.text}}",
            "approveLabel": MARKUP, "context": { "text": "{{input.text}}" } } },
        call("bad", &upstream.url("/bad")),
    ]);
    let workflow = server.workflow(MARKUP, steps).await;
    let run = start(&server, &workflow, json!({ "input": { "text": MARKUP } })).await;
    until(&server, &run, "step.asked").await;
    let page = seen(&browser, &path_of(&run)).await;
    assert!(page.text.matches("alert(1)").count() >= 6, "{}", page.text);
    let fields = [("step", "ask"), ("decision", "yes"), ("comment", MARKUP)];
    browser
        .post(&format!("{}/answer", path_of(&run)), &fields)
        .await;
    until(&server, &run, "run.failed").await;
    let page = seen(&browser, &path_of(&run)).await;
    assert!(
        page.text
            .contains("<span class=\"status failed\">failed</span>")
    );
    for part in ["style=", "onclick=", "javascript:"] {
        assert!(!page.text.contains(part), "{part}");
    }
    let csp = page.header("content-security-policy").expect("a policy");
    assert!(
        csp.contains("default-src 'none'") && !csp.contains("unsafe"),
        "{csp}"
    );
}

#[tokio::test]
async fn secrets_are_on_no_page_and_in_no_file() {
    const SECRET: &str = "sealed-within-9f3";
    let (server, upstream) = server_with_upstream().await;
    let browser = Browser::signed_in(&server).await;
    upstream.answer("/echo", |call, _| {
        Reply::text(500, &format!("{} {SECRET}", call.path()))
    });
    let mut step = call("call", &upstream.url("/echo?s={{secrets.S}}"));
    step["config"]["headers"] = json!({ "x-other": "{{secrets.S}}" });
    let workflow = server.workflow("sealed", json!([step])).await;
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    server
        .admin()
        .post(&path, json!({ "key": "S", "value": SECRET }))
        .await;
    let run = ended(&server, &workflow).await;
    let page = seen(&browser, &path_of(&run)).await;
    assert!(page.text.contains("{{secrets.S}}"), "{}", page.text);
    assert!(page.text.contains("status failed"), "{}", page.text);
    let config = browser
        .get(&format!("{}/config?step=call", path_of(&run)))
        .await;
    let error = browser.get(&format!("{}/data/error", path_of(&run))).await;
    for page in [page, config, error] {
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(!page.text.contains(SECRET), "{}", page.text);
    }
}

#[tokio::test]
async fn what_there_is_not_is_a_404() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let broken = failing(&server, "broken").await;
    let run = ended(&server, &broken).await;
    let rest = resting(&server).await;
    let (run, rest) = (path_of(&run), path_of(&rest));
    for path in [
        "/dashboard/runs/run_00000000-0000-7000-8000-000000000000".to_owned(),
        "/dashboard/runs/nothing".to_owned(),
        "/dashboard/runs/run_00000000-0000-7000-8000-000000000000/events".to_owned(),
        format!("{run}/config?step=other"),
        format!("{run}/data/output"),
        format!("{run}/data/trigger"),
        format!("{run}/data/journal"),
        format!("{run}/journal/0/output"),
        format!("{run}/journal/99999999999/output"),
        format!("{run}/journal/x/output"),
        format!("{run}/journal/2/output"),
        format!("{rest}/data/error"),
        format!("{run}/other"),
    ] {
        let page = browser.get(&path).await;
        assert_eq!(page.status, 404, "{path}: {}", page.text);
    }
    for path in [
        format!("{run}?page=2"),
        format!("{run}?steps=x"),
        format!("{run}/config"),
    ] {
        let page = browser.get(&path).await;
        assert_eq!(page.status, 400, "{path}: {}", page.text);
    }
}
