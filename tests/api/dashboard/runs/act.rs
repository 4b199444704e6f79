//! What may be done to a run, in time and too late, and by forms of this server alone.

use super::{MARKUP, ended, failing, path_of, resting, seen, start, status_of, until};
use crate::dashboard::{Browser, Page};
use crate::events::Events;
use crate::runs::set;
use crate::support::TestServer;
use serde_json::json;

/// A run whose step `ok` waits for somebody.
async fn asking(server: &TestServer) -> String {
    let steps = json!([
        { "id": "ok", "type": "approval", "config": { "approvers": "a@x.example", "reason": "May I pay?" } },
        set("end", json!("{{steps.ok.approved}} {{steps.ok.comment}} {{steps.ok.approvedBy}}")),
    ]);
    let workflow = server.workflow("asking", steps).await;
    let run = start(server, &workflow, json!({})).await;
    until(server, &run, "step.asked").await;
    run
}

fn is_refused(page: &Page, status: u16, why: &str) {
    assert_eq!(page.status, status, "{}", page.text);
    assert!(page.text.contains("Nothing was changed: "), "{}", page.text);
    assert!(page.text.contains(why), "{why}: {}", page.text);
    // The page shows the run all the same.
    assert!(page.text.contains("id=\"run\""), "{}", page.text);
}

#[tokio::test]
async fn a_run_is_cancelled_once() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let run = resting(&server).await;
    let path = path_of(&run);
    let page = browser.post(&format!("{path}/cancel"), &[]).await;
    assert_eq!(page.status, 303);
    assert_eq!(
        page.header("location"),
        Some(format!("../../runs/{run}").as_str())
    );
    assert_eq!(status_of(&server, &run).await, "cancelled");
    let events = Events::open(&server.admin(), &run, None).await.rest().await;
    assert_eq!(events.last().expect("an end").data["by"], "dashboard");
    let page = seen(&browser, &path).await;
    assert!(
        page.text
            .contains("<span class=\"status cancelled\">cancelled</span>")
    );
    assert!(!page.text.contains("/cancel\""), "{}", page.text);
    let late = browser.post(&format!("{path}/cancel"), &[]).await;
    is_refused(&late, 409, "cancelled");
}

#[tokio::test]
async fn a_failed_run_is_retried_as_another_one() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let workflow = failing(&server, "broken").await;
    let run = ended(&server, &workflow).await;
    let page = browser.post(&format!("{}/retry", path_of(&run)), &[]).await;
    assert_eq!(page.status, 303, "{}", page.text);
    let location = page.header("location").expect("a place");
    let next = location.strip_prefix("../../runs/").expect("a run");
    assert_ne!(next, run);
    until(&server, next, "run.failed").await;
    let page = seen(&browser, &path_of(next)).await;
    assert!(page.text.contains(&format!(
        "<dt>A retry of</dt><dd><a href=\"../runs/{run}\">"
    )));
    assert!(
        page.text
            .contains("<dt>Started by</dt><dd><code>dashboard</code></dd>"),
        "{}",
        page.text
    );

    let resting = resting(&server).await;
    let early = browser
        .post(&format!("{}/retry", path_of(&resting)), &[])
        .await;
    is_refused(&early, 409, "only a failed or cancelled run can be retried");
    let path = format!("/api/v1/workflows/{workflow}/pause");
    server.admin().post(&path, json!({})).await;
    let paused = browser.post(&format!("{}/retry", path_of(&run)), &[]).await;
    is_refused(&paused, 409, "paused");
}

#[tokio::test]
async fn a_retry_that_is_sent_twice_is_one_run() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let workflow = failing(&server, "broken").await;
    let run = path_of(&ended(&server, &workflow).await);
    let page = seen(&browser, &run).await.text;
    let (_, rest) = page.split_once("name=\"once\" value=\"").expect("a field");
    let fields = [("once", rest.split('"').next().expect("its value"))];
    let first = browser.post(&format!("{run}/retry"), &fields).await;
    assert_eq!(first.status, 303, "{}", first.text);
    let again = browser.post(&format!("{run}/retry"), &fields).await;
    assert_eq!(again.header("location"), first.header("location"));
    // From the page as it was loaded anew it is another one.
    let other = browser.post(&format!("{run}/retry"), &[]).await;
    assert_eq!(other.status, 303, "{}", other.text);
    assert_ne!(other.header("location"), first.header("location"));
}

#[tokio::test]
async fn an_approval_is_answered_once() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    for (decision, comment, output) in [
        ("yes", "go on", "true go on dashboard"),
        ("no", "too much", "false too much dashboard"),
    ] {
        let run = asking(&server).await;
        let path = path_of(&run);
        let page = seen(&browser, &path).await;
        for expected in [
            "May I pay?",
            "name=\"comment\"",
            "value=\"yes\">Approve",
            "Reject",
        ] {
            assert!(page.text.contains(expected), "{expected}: {}", page.text);
        }
        let answer = format!("{path}/answer");
        let fields = [("step", "ok"), ("decision", decision), ("comment", comment)];
        let page = browser.post(&answer, &fields).await;
        assert_eq!(page.status, 303, "{}", page.text);
        assert_eq!(
            page.header("location"),
            Some(format!("../../runs/{run}").as_str())
        );
        until(&server, &run, "run.completed").await;
        let told = server
            .admin()
            .get(&format!("/api/v1/runs/{run}"))
            .await
            .data();
        assert_eq!(told["output"], output, "{told}");
        assert!(
            !seen(&browser, &path)
                .await
                .text
                .contains("name=\"decision\"")
        );
        let late = browser.post(&answer, &fields).await;
        is_refused(&late, 409, "ok");
    }
}

#[tokio::test]
async fn what_is_no_answer_changes_nothing() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let run = asking(&server).await;
    let answer = format!("{}/answer", path_of(&run));
    let long = "x".repeat(10_001);
    for (fields, status, why) in [
        (vec![("step", "ok")], 400, "neither yes nor no"),
        (
            vec![("step", "ok"), ("decision", MARKUP)],
            400,
            "neither yes nor no",
        ),
        (
            vec![("step", "ok"), ("decision", "yes"), ("comment", &long)],
            400,
            "10000",
        ),
        (
            vec![("step", "ok"), ("decision", "done"), ("output", "{")],
            400,
            "not JSON",
        ),
        (
            vec![("step", "ok"), ("decision", "done"), ("output", "1")],
            409,
            "approval",
        ),
        (vec![("step", "end"), ("decision", "yes")], 409, "end"),
    ] {
        let page = browser.post(&answer, &fields).await;
        is_refused(&page, status, why);
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
        assert!(page.text.contains("name=\"decision\""), "it still asks");
    }
    let fields = [("step", "nowhere"), ("decision", "yes")];
    assert_eq!(browser.post(&answer, &fields).await.status, 404);
    assert_eq!(status_of(&server, &run).await, "running");
}

#[tokio::test]
async fn forms_of_other_sites_do_nothing() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let run = asking(&server).await;
    for origin in [None, Some("https://elsewhere.example"), Some("null")] {
        for action in ["cancel", "retry", "answer"] {
            let path = format!("{}/{action}", path_of(&run));
            let fields = [("step", "ok"), ("decision", "yes")];
            let page = browser.post_from(origin, &path, &fields).await;
            assert_eq!(page.status, 403, "{origin:?} {action}: {}", page.text);
        }
    }
    assert_eq!(status_of(&server, &run).await, "running");
    let page = seen(&browser, &path_of(&run)).await;
    assert!(page.text.contains("name=\"decision\""), "{}", page.text);
    // Looking does nothing either.
    for action in ["cancel", "retry", "answer"] {
        let page = browser.get(&format!("{}/{action}", path_of(&run))).await;
        assert_eq!(page.status, 405, "{action}");
    }
}

#[tokio::test]
async fn the_human_input_of_a_flow_is_answered() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    for (decision, status, event) in [
        ("yes", "Done", "run.completed"),
        ("no", "Refused", "run.completed"),
    ] {
        let run = crate::flowise::executions::asking_run(&server).await;
        let page = seen(&browser, &path_of(&run)).await;
        for expected in ["May I?", ">Proceed</button>", ">Reject</button>"] {
            assert!(page.text.contains(expected), "{expected}: {}", page.text);
        }
        let answer = format!("{}/answer", path_of(&run));
        let fields = [
            ("step", "human"),
            ("decision", decision),
            ("comment", "as you like"),
        ];
        let page = browser.post(&answer, &fields).await;
        assert_eq!(page.status, 303, "{}", page.text);
        until(&server, &run, event).await;
        let page = seen(&browser, &path_of(&run)).await;
        let said = page.text.contains(&format!("&#34;{status}"));
        assert_eq!(said, decision == "yes", "{decision}: {}", page.text);
        is_refused(&browser.post(&answer, &fields).await, 409, "human");
    }
}
