//! Runs in the browser: watched as they go on, answered, cancelled, found by scrolling; what they hold stays text.

use crate::browser::Browser;
use crate::support::TestServer;
use crate::upstream::Upstream;
use flowlatch::clock::Clock;
use serde_json::{Value, json};

/// A markup that says so if it is ever taken for one.
const SCRIPT: &str =
    "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>";

/// A server whose steps may call this machine.
async fn server() -> TestServer {
    let configure = |config: &mut flowlatch::config::Config| {
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
        config.limit_execute = flowlatch::model::limit::Limit::Unlimited;
    };
    TestServer::start_with(Clock::system(), configure).await
}

fn call(id: &str, url: &str) -> Value {
    json!({ "id": id, "type": "action", "action": "api.request", "config": { "url": url } })
}

fn set(id: &str, value: Value) -> Value {
    json!({ "id": id, "type": "transform", "config": { "sourceData": value } })
}

fn ask(id: &str) -> Value {
    json!({ "id": id, "type": "approval", "config": { "approvers": ["a@x.example"], "reason": "Pay {{input.amount}}?" } })
}

/// A new run of a new workflow: its id.
async fn started(server: &TestServer, name: &str, steps: Value) -> String {
    let workflow = server.workflow(name, steps).await;
    let path = format!("/api/v1/workflows/{workflow}/run");
    let body = json!({ "input": { "amount": 5 } });
    let answer = server.admin().post(&path, body).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

fn page_of(run: &str) -> String {
    format!("/dashboard/runs/{run}")
}

/// Whether the page is still the one that was marked.
async fn is_marked(browser: &Browser) -> bool {
    browser
        .script("return window.isMarked === true", vec![])
        .await
        == true
}

/// What the page says of the run and its steps.
async fn statuses(browser: &Browser) -> Value {
    let code =
        "return [...document.querySelectorAll('#run .status')].map((status) => status.innerText)";
    browser.script(code, vec![]).await
}

#[tokio::test]
async fn a_run_is_watched_to_its_end_without_loading_the_page_again() {
    let (server, upstream) = (server().await, Upstream::start().await);
    let gates = ["/first", "/second"].map(|path| upstream.hold(path));
    let steps = json!([
        call("first", &upstream.url("/first")),
        call("second", &upstream.url("/second"))
    ]);
    let page = page_of(&started(&server, "watched", steps).await);
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    browser.goto(&page).await;
    browser.until_read("running").await;
    browser.leave_mark().await;
    let before = statuses(&browser).await;
    assert!(!before.to_string().contains("completed"), "{before}");
    gates[0].open();
    let of_step = |step: &str, status: &str| {
        format!(
            "[...document.querySelectorAll('#run tr')].some((row) => row.innerText.includes('{step}') && row.innerText.includes('{status}'))"
        )
    };
    browser.until(&of_step("first", "completed")).await;
    browser.until(&of_step("second", "running")).await;
    browser.picture("run-running").await;
    gates[1].open();
    browser
        .until("document.querySelector('h1 .status').innerText === 'completed'")
        .await;
    browser.until(&of_step("second", "completed")).await;
    assert!(is_marked(&browser).await, "the page was loaded again");
    browser.picture("run-completed").await;
    browser.close(&[]).await;
}

#[tokio::test]
async fn scripts_in_names_and_outputs_stay_text_and_run_nothing() {
    let server = server().await;
    let steps = json!([set("said", json!({ "text": SCRIPT })), { "id": "named", "name": SCRIPT, "type": "transform", "config": { "sourceData": SCRIPT } }]);
    let page = page_of(&started(&server, SCRIPT, steps).await);
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    browser.goto(&page).await;
    browser
        .until("document.querySelector('h1 .status').innerText === 'completed'")
        .await;
    browser
        .script(
            "for (const details of document.querySelectorAll('details')) details.open = true",
            vec![],
        )
        .await;
    let text = browser.text().await;
    let shown = text.matches("onerror").count();
    assert!(shown >= 4, "a name, a step's name, two outputs: {text}");
    for path in [page.as_str(), "/dashboard/runs"] {
        browser.goto(path).await;
        let made =
            "return [document.images.length, document.querySelectorAll('main script').length]";
        assert_eq!(browser.script(made, vec![]).await, json!([0, 0]), "{path}");
        let title = browser.chromium.client.title().await.expect("a title");
        assert_ne!(title, "ran", "{path}");
    }
    browser.close(&[]).await;
}

#[tokio::test]
async fn somebody_answers_what_a_run_asks() {
    let server = server().await;
    let steps = || {
        json!([
            ask("decision"),
            set(
                "end",
                json!("{{steps.decision.approved}}, {{steps.decision.comment}}")
            )
        ])
    };
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    for (button, output) in [
        ("Approve", "true, looks right"),
        ("Reject", "false, looks right"),
    ] {
        let run = started(&server, &format!("to {button}"), steps()).await;
        crate::scene::until_asked(&server, &run).await;
        browser.goto(&page_of(&run)).await;
        browser.until_read("Pay 5?").await;
        browser.picture("run-asks").await;
        browser.fill("Comment", "looks right").await;
        browser.press(button).await;
        browser
            .until("document.querySelector('h1 .status').innerText === 'completed'")
            .await;
        browser.until_read(output).await;
    }
    browser.close(&[]).await;
}

#[tokio::test]
async fn a_run_is_cancelled_and_a_failed_one_retried() {
    let (server, upstream) = (server().await, Upstream::start().await);
    let _gate = upstream.hold("/never");
    let cancelled = page_of(
        &started(
            &server,
            "cancelled",
            json!([call("held", &upstream.url("/never"))]),
        )
        .await,
    );
    upstream.reply("/flaky", crate::upstream::Reply::text(404, "not yet"));
    let retried = page_of(
        &started(
            &server,
            "retried",
            json!([call("flaky", &upstream.url("/flaky"))]),
        )
        .await,
    );
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    browser.goto(&cancelled).await;
    browser.press("Cancel").await;
    browser
        .until("document.querySelector('h1 .status').innerText === 'cancelled'")
        .await;
    browser.goto(&retried).await;
    browser
        .until("document.querySelector('h1 .status').innerText === 'failed'")
        .await;
    browser.picture("run-failed").await;
    browser.press("Retry").await;
    browser
        .until("document.querySelector('h1 .status').innerText === 'completed'")
        .await;
    assert_ne!(browser.path().await, retried, "a retry is a run of its own");
    browser.close(&[]).await;
}

#[tokio::test]
async fn older_runs_come_as_the_list_is_scrolled() {
    const RUNS: usize = 130;
    let server = server().await;
    let workflow = server.workflow("many", json!([set("a", json!(1))])).await;
    let admin = server.admin();
    for n in 0..RUNS {
        admin.run(&workflow, json!({ "n": n })).await;
    }
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    browser.goto("/dashboard/runs").await;
    browser.leave_mark().await;
    let rows = "return document.querySelectorAll('tbody tr').length";
    let first = browser.script(rows, vec![]).await.as_u64().expect("rows");
    assert!(first > 0 && first < RUNS as u64, "{first}");
    browser
        .until(&format!(
            "(scrollTo(0, document.body.scrollHeight), document.querySelectorAll('tbody tr').length === {RUNS})"
        ))
        .await;
    let different = "return new Set([...document.querySelectorAll('tbody th a')].map((link) => link.href)).size";
    assert_eq!(browser.script(different, vec![]).await, RUNS);
    assert!(is_marked(&browser).await, "the page was loaded again");
    browser.close(&[]).await;
}
