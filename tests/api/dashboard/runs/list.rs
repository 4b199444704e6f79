//! The list: each filter, several at once, and pages while new runs come.

use super::{MARKUP, ended, failing, link, path_of, resting, seen, start};
use crate::dashboard::{Browser, Page};
use crate::runs::set;
use crate::support::TestServer;
use serde_json::json;
use std::collections::BTreeSet;

const MINUTE_MS: u64 = 60_000;

/// The runs that a page lists, in its order.
fn listed(page: &Page) -> Vec<String> {
    let links = page
        .text
        .split("<th scope=\"row\"><a href=\"./runs/")
        .skip(1);
    links
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect()
}

/// Runs of several workflows, a minute apart: oldest first, and the workflow of the first one.
async fn several(server: &TestServer) -> (Vec<String>, String) {
    let alpha = server.workflow("alpha", json!([set("s", json!(1))])).await;
    let child = json!({ "id": "sub", "type": "subworkflow", "config": { "workflowId": alpha } });
    let outer = server.workflow("outer one", json!([child])).await;
    let broken = failing(server, "broken").await;
    let mut runs = Vec::new();
    runs.push(ended(server, &alpha).await);
    server.clock.advance_ms(MINUTE_MS);
    runs.push(ended(server, &broken).await);
    server.clock.advance_ms(MINUTE_MS);
    runs.push(resting(server).await);
    server.clock.advance_ms(MINUTE_MS);
    runs.push(ended(server, &outer).await);
    let all = server.admin().get("/api/v1/runs").await.data();
    let inner = all
        .as_array()
        .expect("runs")
        .iter()
        .find(|run| run["triggerType"] == "subworkflow");
    runs.push(
        inner.expect("a child")["id"]
            .as_str()
            .expect("an id")
            .to_owned(),
    );
    (runs, alpha)
}

#[tokio::test]
async fn each_filter_shows_what_fits_and_nothing_else() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    assert!(
        seen(&browser, "/dashboard/runs")
            .await
            .text
            .contains("There is no run yet.")
    );

    let (runs, alpha) = several(&server).await;
    for (query, expected) in [
        (String::new(), vec![4, 3, 2, 1, 0]),
        ("status=completed".to_owned(), vec![4, 3, 0]),
        ("status=failed".to_owned(), vec![1]),
        ("status=running".to_owned(), vec![2]),
        ("status=cancelled".to_owned(), vec![]),
        ("trigger=subworkflow".to_owned(), vec![4]),
        ("trigger=api".to_owned(), vec![3, 2, 1, 0]),
        ("trigger=schedule".to_owned(), vec![]),
        (format!("workflow={alpha}"), vec![4, 0]),
        ("workflow=alpha".to_owned(), vec![4, 0]),
        ("workflow=outer+one".to_owned(), vec![3]),
        ("workflow=nowhere".to_owned(), vec![]),
        ("from=2024-01-15T10:02".to_owned(), vec![4, 3, 2]),
        ("until=2024-01-15T10:01".to_owned(), vec![0]),
        (
            "from=2024-01-15T10:01:00Z&until=2024-01-15T10:03:00Z".to_owned(),
            vec![2, 1],
        ),
        ("from=2024-01-16".to_owned(), vec![]),
        (
            format!("workflow={alpha}&status=completed&trigger=api"),
            vec![0],
        ),
        (format!("workflow={alpha}&status=running"), vec![]),
        ("workflow=resting&status=running".to_owned(), vec![2]),
        ("status=failed&trigger=subworkflow".to_owned(), vec![]),
        (
            "status=&trigger=&from=&until=&workflow=".to_owned(),
            vec![4, 3, 2, 1, 0],
        ),
    ] {
        let page = seen(&browser, &format!("/dashboard/runs?{query}")).await;
        let expected: Vec<&String> = expected
            .into_iter()
            .map(|index: usize| &runs[index])
            .collect();
        assert_eq!(
            listed(&page).iter().collect::<Vec<_>>(),
            expected,
            "{query}"
        );
        assert_eq!(link(&page, "Older runs"), None, "{query}");
    }
}

#[tokio::test]
async fn a_filter_that_says_nothing_is_refused() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    for (query, why) in [
        ("status=done", "done"),
        ("trigger=clock", "clock"),
        ("from=soon", "soon"),
        ("until=2024-13-01", "2024-13-01"),
        ("sort=status", "sort"),
    ] {
        let page = browser.get(&format!("/dashboard/runs?{query}")).await;
        assert_eq!(page.status, 400, "{query}");
        assert!(page.text.contains(why), "{query}: {}", page.text);
    }
}

#[tokio::test]
async fn pages_hold_every_run_once_while_new_ones_come() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let workflow = server.workflow("many", json!([set("s", json!(1))])).await;
    let mut expected = BTreeSet::new();
    for _ in 0..120 {
        expected.insert(ended(&server, &workflow).await);
    }
    let mut path = "/dashboard/runs?workflow=many&status=completed&trigger=api".to_owned();
    let mut found = Vec::new();
    loop {
        let page = seen(&browser, &path).await;
        found.extend(listed(&page));
        let Some(older) = link(&page, "Older runs") else {
            break;
        };
        // The filter goes on with the page.
        for field in [
            "workflow=many",
            "status=completed",
            "trigger=api",
            "cursor=",
        ] {
            assert!(older.contains(field), "{older}");
        }
        path = format!("/dashboard/runs{older}");
        ended(&server, &workflow).await;
    }
    assert_eq!(found.len(), 120);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn names_and_errors_that_are_markup_stay_text() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let call = crate::runs::call("call", "http://127.0.0.1:9/<script>alert(1)</script>");
    let workflow = server.workflow(MARKUP, json!([call])).await;
    ended(&server, &workflow).await;
    let page = seen(&browser, "/dashboard/runs").await;
    assert!(page.text.contains("alert(1)"), "{}", page.text);
    let query = serde_urlencoded::to_string([("workflow", MARKUP), ("from", "")]);
    let page = seen(
        &browser,
        &format!("/dashboard/runs?{}", query.expect("a query")),
    )
    .await;
    assert_eq!(listed(&page).len(), 1);
}

#[tokio::test]
async fn who_is_not_signed_in_sees_no_run() {
    let server = TestServer::start().await;
    let workflow = server
        .workflow("w", json!([set("s", json!("inner life"))]))
        .await;
    let run = ended(&server, &workflow).await;
    let rest = start(&server, &workflow, json!({})).await;
    let nobody = Browser::new(&server);
    let one = path_of(&run);
    for path in [
        "/dashboard/runs".to_owned(),
        one.clone(),
        format!("{}/events", path_of(&rest)),
        format!("{one}/config?step=s"),
        format!("{one}/data/output"),
        format!("{one}/journal/1/output"),
    ] {
        let page = nobody.get(&path).await;
        assert_eq!(page.status, 303, "{path}");
        let location = page.header("location").expect("a place");
        assert!(location.ends_with("sign-in"), "{path}: {location}");
        assert!(!page.text.contains("inner life"), "{path}");
    }
    for action in ["cancel", "retry", "answer"] {
        let page = nobody.post(&format!("{one}/{action}"), &[]).await;
        assert_eq!(page.status, 303, "{action}");
        let location = page.header("location").expect("a place");
        assert!(location.ends_with("sign-in"), "{action}: {location}");
    }
}
