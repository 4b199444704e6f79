//! A page that follows its run: told of everything until the end, and of nothing once nobody is signed in any more.

use super::{ended, path_of, resting};
use crate::dashboard::{Browser, PASSWORD};
use crate::runs::set;
use crate::support::TestServer;
use reqwest::{Response, StatusCode};
use serde_json::json;
use std::time::Duration;

/// How long a test waits for what must happen before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

async fn open(browser: &Browser, path: &str, last_event_id: Option<&str>) -> Response {
    let mut request = browser.http.get(format!("{}{path}", browser.url));
    if let Some(cookie) = browser.cookie() {
        request = request.header("cookie", cookie);
    }
    if let Some(id) = last_event_id {
        request = request.header("last-event-id", id);
    }
    request.send().await.expect("an answer")
}

/// The ids of a stream's events, once it has ended.
async fn rest(stream: Response) -> Vec<u64> {
    assert_eq!(stream.status(), StatusCode::OK);
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.headers()["cache-control"], "no-store");
    let text = tokio::time::timeout(PATIENCE, stream.text()).await;
    let text = text.expect("the stream ends").expect("it ends well");
    let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.map(|id| id.parse().expect("a number")).collect()
}

#[tokio::test]
async fn a_stream_tells_of_everything_until_the_run_ends() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let run = resting(&server).await;
    let path = path_of(&run);
    let page = browser.get(&path).await.text;
    let (_, events) = page.split_once("data-events=\"..").expect("a stream");
    let events = events.split('"').next().expect("its address");
    let stream = open(&browser, &format!("/dashboard{events}"), None).await;
    let whole = open(&browser, &format!("{path}/events"), None).await;
    let resumed = open(&browser, &format!("{path}/events?from=0"), Some("0")).await;
    browser.post(&format!("{path}/cancel"), &[]).await;
    // The page had told of what was before.
    assert_eq!(rest(stream).await, [2]);
    assert_eq!(rest(whole).await, [0, 1, 2]);
    assert_eq!(rest(resumed).await, [1, 2]);
    let over = open(&browser, &format!("{path}/events?from=3"), None).await;
    assert_eq!(rest(over).await, Vec::<u64>::new());
    assert!(!browser.get(&path).await.text.contains("data-events"));
}

#[tokio::test]
async fn a_stream_says_nothing_of_what_was_recorded() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let workflow = server
        .workflow("w", json!([set("s", json!("inner life"))]))
        .await;
    let run = ended(&server, &workflow).await;
    let stream = open(&browser, &format!("{}/events", path_of(&run)), None).await;
    let text = stream.text().await.expect("a text");
    assert!(text.contains("data: "), "{text}");
    assert!(!text.contains("inner life"), "{text}");
    let bad = open(&browser, &format!("{}/events", path_of(&run)), Some("x")).await;
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_stream_ends_when_its_session_does() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let run = resting(&server).await;
    let path = format!("{}/events", path_of(&run));
    let other = Browser::new(&server);
    assert_eq!(other.sign_in(PASSWORD).await.status, 303);
    let stream = open(&browser, &path, None).await;
    let others = open(&other, &path, None).await;

    let cookie = browser.cookie();
    browser.post("/dashboard/sign-out", &[]).await;
    assert_eq!(rest(stream).await, [0, 1]);
    browser.hold(cookie);
    let refused = open(&browser, &path, None).await;
    assert_eq!(refused.status(), StatusCode::SEE_OTHER);

    // Another session goes on, until there is another password.
    let still = open(&other, &path, None).await;
    assert_eq!(still.status(), StatusCode::OK);
    let body = json!({ "password": "four large ships" });
    let password = "/api/v1/dashboard/password";
    assert_eq!(server.owner_sends("PUT", password, &body).await, 200);
    assert_eq!(rest(others).await, [0, 1]);
    assert_eq!(rest(still).await, [0, 1]);
    let refused = open(&other, &path, None).await;
    assert_eq!(refused.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn streams_of_pages_that_were_left_make_room_at_once() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let run = resting(&server).await;
    let path = format!("{}/events", path_of(&run));
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(open(&browser, &path, None).await);
    }
    let refused = open(&browser, &path, None).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(streams);
    let soon = async { while open(&browser, &path, None).await.status() != StatusCode::OK {} };
    tokio::time::timeout(PATIENCE, soon).await.expect("room");
}
