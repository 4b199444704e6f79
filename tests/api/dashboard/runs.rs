//! Runs in the dashboard: found, looked at, followed live, cancelled, retried and answered.

mod act;
mod detail;
mod large;
mod list;
mod live;

use super::{Browser, Page};
use crate::events::Events;
use crate::support::TestServer;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Text that would be markup if it were not text.
const MARKUP: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
/// No page is larger.
const MAX_PAGE_BYTES: usize = 100_000;

fn path_of(run: &str) -> String {
    format!("/dashboard/runs/{run}")
}

/// Starts a run without waiting for it: its id.
async fn start(server: &TestServer, workflow: &str, body: Value) -> String {
    let path = format!("/api/v1/workflows/{workflow}/run");
    let answer = server.admin().post(&path, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

/// Returns when the run has recorded this.
async fn until(server: &TestServer, run: &str, event: &str) {
    let mut events = Events::open(&server.admin(), run, None).await;
    events.until(event).await;
}

/// A workflow that waits for an hour, and a run of it that does.
async fn resting(server: &TestServer) -> String {
    let wait =
        json!({ "id": "rest", "type": "wait", "config": { "duration": 1, "unit": "hours" } });
    let workflow = server.workflow("resting", json!([wait])).await;
    let run = start(server, &workflow, json!({})).await;
    until(server, &run, "step.waiting").await;
    run
}

/// A workflow whose only step fails at once: no address is called that is not allowed.
async fn failing(server: &TestServer, name: &str) -> String {
    let call = crate::runs::call("call", "http://127.0.0.1:9/");
    server.workflow(name, json!([call])).await
}

/// Starts a run and waits for its end, whatever that is: its id.
async fn ended(server: &TestServer, workflow: &str) -> String {
    let path = format!("/api/v1/workflows/{workflow}/run");
    let body = json!({ "mode": "sync" });
    let answer = server.admin().post(&path, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    answer.data()["runId"].as_str().expect("an id").to_owned()
}

async fn status_of(server: &TestServer, run: &str) -> String {
    let answer = server.admin().get(&format!("/api/v1/runs/{run}")).await;
    answer.data()["status"]
        .as_str()
        .expect("a status")
        .to_owned()
}

/// A page that is answered well and within its bounds.
async fn seen(browser: &Browser, path: &str) -> Page {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{path}: {}", page.text);
    assert!(
        page.text.len() < MAX_PAGE_BYTES,
        "{path}: {}",
        page.text.len()
    );
    assert!(
        !page.text.contains("<script>alert"),
        "{path}: {}",
        page.text
    );
    assert!(!page.text.contains("<img src=x"), "{path}: {}", page.text);
    page
}

/// Where a page's link with this text leads to, as the page says it.
fn link(page: &Page, text: &str) -> Option<String> {
    let (before, _) = page.text.split_once(&format!(">{text}</a>"))?;
    let (_, href) = before.rsplit_once("href=\"")?;
    let (href, _) = href.split_once('"')?;
    Some(href.replace("&#38;", "&").replace("&amp;", "&"))
}
