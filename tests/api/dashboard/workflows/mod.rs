//! Workflows: the list, one workflow and its picture, what may be done to it.

mod editing;
mod running;

use super::Browser;
use crate::support::TestServer;
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use serde_json::{Value, json};

/// What must stand on no page as it is.
pub(super) const SCRIPT: &str = "<script>alert(1)</script>";

fn wait(id: &str) -> Value {
    json!({ "id": id, "type": "wait", "config": { "duration": 1, "unit": "seconds", "note": SCRIPT } })
}

fn hello() -> Value {
    json!([{ "id": "hello", "type": "transform", "config": { "sourceData": "{{input}}", "mappingRules": [{ "source": "name", "target": "greeted" }] } }])
}

#[tokio::test]
async fn the_list_tells_what_became_of_the_last_runs_and_archived_ones_are_apart() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let admin = server.admin();
    let ran = server.workflow("ran", hello()).await;
    admin.run(&ran, json!({ "name": "Ada" })).await;
    let idle = server.workflow(SCRIPT, hello()).await;
    let list = browser.get("/dashboard/workflows").await;
    assert_eq!(list.status, 200);
    for text in ["100 %", "never", "last 50 runs", "&#60;script&#62;alert(1)"] {
        assert!(list.text.contains(text), "{text}: {}", list.text);
    }
    assert!(!list.text.contains(SCRIPT), "{}", list.text);
    let question = browser
        .get(&format!("/dashboard/workflows/{idle}/archive"))
        .await;
    assert_eq!(question.status, 200);
    assert!(!question.text.contains(SCRIPT));
    let archived = browser
        .post(&format!("/dashboard/workflows/{idle}/archive"), &[])
        .await;
    assert_eq!(archived.status, 303);
    let list = browser.get("/dashboard/workflows").await;
    assert!(!list.text.contains(&idle) && list.text.contains(&ran));
    let archive = browser.get("/dashboard/workflows?status=archived").await;
    assert!(archive.text.contains(&idle) && !archive.text.contains(&ran));
    let page = browser.get(&format!("/dashboard/workflows/{idle}")).await;
    for gone in ["/run\"", "/edit\"", "/activate\"", "/archive\""] {
        assert!(!page.text.contains(&format!("{idle}{gone}")), "{gone}");
    }
}

#[tokio::test]
async fn workflows_are_found_by_a_part_of_their_name() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    for name in ["Invoice <b>", "old invoices", "other"] {
        server.workflow(name, hello()).await;
    }
    let names = async |query: &str| -> Vec<String> {
        let page = browser.get(&format!("/dashboard/workflows{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        assert!(!page.text.contains("<b>"), "{}", page.text);
        let rows = page.text.split("<th scope=\"row\">").skip(1);
        let name = |row: &str| Some(row.split_once("\">")?.1.split_once("</a>")?.0.to_owned());
        rows.filter_map(name).collect()
    };
    let both = ["old invoices", "Invoice &#60;b&#62;"];
    assert_eq!(names("?q=INVOICE").await, both);
    assert_eq!(names("?q=+invoice+&status=active").await, both);
    assert_eq!(names("?q=%3Cb%3E").await, both[1..]);
    assert_eq!(names("?q=other").await, ["other"]);
    for none in ["?q=invoice&status=paused", "?q=100%25"] {
        assert!(names(none).await.is_empty(), "{none}");
    }
    let page = browser.get("/dashboard/workflows?q=%22%3E%3Cb%3E").await;
    assert!(page.text.contains("No workflow fits."), "{}", page.text);
    assert!(
        page.text
            .contains("name=\"q\" value=\"&#34;&#62;&#60;b&#62;\"")
    );
    assert!(page.text.contains("?q=%22%3E%3Cb%3E&amp;status=paused"));
    let long = "a".repeat(256);
    let page = browser.get(&format!("/dashboard/workflows?q={long}")).await;
    assert_eq!(page.status, 400);
    assert!(!page.text.contains(&long));
    let unknown = browser.get("/dashboard/workflows?search=x").await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn a_workflow_is_paused_and_activated_and_a_refusal_stands_on_its_page() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let id = server.workflow("one", hello()).await;
    let path = format!("/dashboard/workflows/{id}");
    for (act, status, shown, hidden) in [
        ("pause", "paused", "/activate\"", "/pause\""),
        ("activate", "active", "/pause\"", "/activate\""),
    ] {
        let moved = browser.post(&format!("{path}/{act}"), &[]).await;
        let home = format!("../../workflows/{id}");
        assert_eq!(
            (moved.status, moved.header("location")),
            (303, Some(home.as_str()))
        );
        let page = browser.get(&path).await;
        assert!(page.text.contains(&format!("class=\"status {status}\"")));
        assert!(
            page.text.contains(shown) && !page.text.contains(hidden),
            "{act}"
        );
    }
    let foreign = browser
        .post_from(
            Some("https://elsewhere.example"),
            &format!("{path}/pause"),
            &[],
        )
        .await;
    assert_eq!(foreign.status, 403);
    assert!(
        browser
            .get(&path)
            .await
            .text
            .contains("class=\"status active\"")
    );
    browser.post(&format!("{path}/archive"), &[]).await;
    let refused = browser.post(&format!("{path}/activate"), &[]).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("role=\"alert\"") && refused.text.contains("archived"));
}

#[tokio::test]
async fn every_page_is_for_who_is_signed_in_and_of_a_workflow_that_is_there() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let id = server.workflow("one", hello()).await;
    let stranger = Browser::new(&server);
    let pages = [
        "",
        "/edit",
        "/archive",
        "/versions",
        "/difference?from=1&to=1",
        "/run",
    ];
    for page in pages {
        let path = format!("/dashboard/workflows/{id}{page}");
        assert_eq!(browser.get(&path).await.status, 200, "{page}");
        let turned_away = stranger.get(&path).await;
        assert_eq!(turned_away.status, 303, "{page}");
        assert!(
            turned_away
                .header("location")
                .is_some_and(|to| to.ends_with("sign-in"))
        );
        let unknown = path.replace(&id, "01890a5d-ac96-774b-bcce-b302099a8057");
        assert_eq!(browser.get(&unknown).await.status, 404, "{page}");
    }
    let first = browser.get("/dashboard").await;
    assert_eq!(first.header("location"), Some("dashboard/workflows"));
    let other = browser
        .get(&format!("/dashboard/workflows/{id}/difference?from=1&to=9"))
        .await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn the_picture_leads_to_each_configuration_and_all_of_it_is_text() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let steps = json!([
        { "id": "each", "type": "loop", "name": SCRIPT, "config": { "type": "forEach", "collection": [1], "steps": ["inner"] } },
        wait("inner"),
        wait("after"),
    ]);
    let body = json!({ "name": SCRIPT, "description": SCRIPT, "trigger": { "type": "api" }, "steps": steps });
    let id = server.workflow_with(body).await;
    let page = browser.get(&format!("/dashboard/workflows/{id}")).await;
    assert_eq!(page.status, 200);
    for step in ["each", "inner", "after"] {
        assert!(
            page.text.contains(&format!("href=\"#step-{step}\"")),
            "{step}"
        );
        assert!(page.text.contains(&format!("id=\"step-{step}\"")), "{step}");
    }
    assert!(
        !page.text.contains(SCRIPT) && !page.text.contains("style=\""),
        "{}",
        page.text
    );
    assert_eq!(
        page.text.matches("<script").count(),
        1,
        "that of the layout"
    );
}

#[tokio::test]
async fn pages_stay_small() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.limit_write = Limit::Unlimited
    })
    .await;
    let browser = Browser::signed_in(&server).await;
    let name = "<".repeat(255);
    let steps: Vec<Value> = (0..200)
        .map(|at| wait(&format!("a-step-of-usual-name-{at}")))
        .collect();
    let many = server.workflow("many steps", json!(steps)).await;
    for _ in 0..51 {
        server.workflow(&name, hello()).await;
    }
    for (path, text) in [
        ("/dashboard/workflows".to_owned(), "Older workflows"),
        (
            format!("/dashboard/workflows/{many}"),
            "step-a-step-of-usual-name-149",
        ),
    ] {
        let page = browser.get(&path).await;
        assert!(page.text.contains(text), "{path}");
        assert!(page.text.len() < 100_000, "{path}: {}", page.text.len());
    }
    // A step for whose configuration there was no room is shown when it is asked for.
    let last = browser
        .get(&format!(
            "/dashboard/workflows/{many}?step=a-step-of-usual-name-149"
        ))
        .await;
    let (_, after) = last
        .text
        .split_once("id=\"step-a-step-of-usual-name-149\"")
        .expect("the step");
    assert!(after.contains("&#34;duration&#34;"), "{after}");
}

#[tokio::test]
async fn long_ids_and_many_ways_make_no_page_large() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let long = |at: usize| format!("{at:0>3}{}", "x".repeat(61));
    let mut steps: Vec<Value> = (0..150)
        .map(|at| {
            json!({ "id": long(at), "type": "condition",
            "config": { "conditions": { "left": 1, "operator": "eq", "right": 1 }, "then": [long(at + 1)], "else": [] } })
        })
        .collect();
    steps.push(json!({ "id": long(150), "type": "wait", "config": { "duration": 1 } }));
    let id = server.workflow("very long", json!(steps)).await;
    let page = browser.get(&format!("/dashboard/workflows/{id}")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.len() < 100_000, "{}", page.text.len());
    assert!(page.text.contains(&long(10)), "its steps are there");
    let small = server.workflow("small", hello()).await;
    let page = browser.get(&format!("/dashboard/workflows/{small}")).await;
    assert!(page.text.contains("<svg class=\"flow\""), "{}", page.text);
}

#[tokio::test]
async fn other_services_and_the_clock_are_told_where_and_when() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let hook = json!({ "type": "webhook", "provider": "custom", "path": "orders", "verifySignature": false });
    let clock = json!({ "type": "schedule", "interval": { "value": 15, "unit": "minutes" } });
    for (trigger, expected, times) in [(hook, Some("/webhooks/custom/orders"), 0), (clock, None, 5)]
    {
        let body = json!({ "name": "started", "trigger": trigger, "steps": hello() });
        let id = server.workflow_with(body).await;
        let page = browser.get(&format!("/dashboard/workflows/{id}")).await;
        assert_eq!(page.text.contains("Webhook URL"), expected.is_some());
        assert!(
            expected.is_none_or(|url| page.text.contains(url)),
            "{}",
            page.text
        );
        // One more says when the workflow was changed.
        assert_eq!(
            page.text.matches("<time").count(),
            times + 1,
            "{}",
            page.text
        );
    }
}
