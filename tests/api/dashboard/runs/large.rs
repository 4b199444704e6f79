//! Runs that hold much: pages keep their bounds, and files give the whole byte for byte.

use super::{ended, link, path_of, seen};
use crate::dashboard::Browser;
use crate::runs::set;
use crate::support::TestServer;
use serde_json::{Value, json};

#[tokio::test]
async fn large_values_are_cut_on_the_page_and_whole_in_files() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let steps = json!([set(
        "large",
        json!({ "text": "{{input.text}}", "ü": ["<&>\"'", 1.50] })
    )]);
    let workflow = server.workflow("large", steps).await;
    let text = format!("{}END", "<ä&\"".repeat(40_000));
    let run = server.admin().run(&workflow, json!({ "text": text })).await;
    let id = run["runId"].as_str().expect("an id");
    let page = seen(&browser, &path_of(id)).await;
    assert!(page.text.contains("the first of it"));
    assert!(!page.text.contains("END"));

    let whole = server
        .admin()
        .get(&format!("/api/v1/runs/{id}"))
        .await
        .data();
    let links = page.text.split("<a href=\"../runs/").skip(1);
    let files: Vec<&str> = links
        .filter_map(|rest| rest.split_once("\" download>"))
        .map(|(path, _)| path)
        .filter(|path| !path.contains('"'))
        .collect();
    let mut seen_parts = Vec::new();
    for path in files {
        let file = browser.get(&format!("/dashboard/runs/{path}")).await;
        assert_eq!(file.status, 200, "{path}: {}", file.text);
        assert_eq!(
            file.header("content-type"),
            Some("application/octet-stream")
        );
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(file.header("cache-control"), Some("no-store"));
        let disposition = file.header("content-disposition").expect("a name");
        assert!(
            disposition.starts_with("attachment; filename=\"run_"),
            "{disposition}"
        );
        let part = path.rsplit('/').next().expect("a part");
        let expected = if part == "input" {
            &whole["input"]
        } else {
            &whole["output"]
        };
        assert_eq!(file.text, expected.to_string(), "{path}");
        seen_parts.push(part.to_owned());
    }
    seen_parts.sort();
    assert_eq!(seen_parts, ["input", "output", "output"]);
}

#[tokio::test]
async fn a_loop_of_many_items_is_shown_page_by_page() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let each = json!({ "id": "each", "type": "loop",
        "config": { "collection": "{{input.items}}", "steps": ["one"] } });
    let steps = json!([
        each,
        set("one", json!({ "text": "{{item}}" })),
        set("end", json!("over"))
    ]);
    let workflow = server.workflow("many", steps).await;
    let items: Vec<String> = (0..60)
        .map(|index| format!("{}{index}", "<\"".repeat(3_000)))
        .collect();
    let run = server
        .admin()
        .run(&workflow, json!({ "items": items }))
        .await;
    let path = path_of(run["runId"].as_str().expect("an id"));
    let mut next = String::new();
    let mut steps = Vec::new();
    for (first, last) in [(1, 25), (26, 50), (51, 62)] {
        let page = seen(&browser, &format!("{path}{next}")).await;
        let says = format!("Steps {first} to {last} of 62.");
        assert!(page.text.contains(&says), "{says}: {}", page.text);
        let details = page.text.split("<details id=\"step-").skip(1);
        let names = details.filter_map(|rest| rest.split('"').next());
        steps.extend(names.map(str::to_owned));
        next = link(&page, "Further steps").unwrap_or_default();
        assert_eq!(next.is_empty(), last == 62);
    }
    let inside = (0..60).map(|index| format!("each[{index}].one"));
    let expected: Vec<String> = std::iter::once("each".to_owned())
        .chain(inside)
        .chain(["end".to_owned()])
        .collect();
    assert_eq!(steps, expected);
    // Beyond the last page there is the last page.
    assert!(
        seen(&browser, &format!("{path}?steps=999"))
            .await
            .text
            .contains("51 to 62")
    );
}

#[tokio::test]
async fn a_loop_of_more_items_than_are_told_of_says_so() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let each = json!({ "id": "each", "type": "loop", "config": { "iterations": 2_100, "maxIterations": 3_000, "steps": ["one"] } });
    let steps = json!([each, set("one", json!("{{index}}"))]);
    let workflow = server.workflow("very many", steps).await;
    let run = ended(&server, &workflow).await;
    let page = seen(&browser, &path_of(&run)).await;
    assert!(
        page.text.contains("Steps 1 to 25 of 2001."),
        "{}",
        page.text
    );
    assert!(
        page.text.contains("the first 2,000 of those are listed"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn the_fullest_page_keeps_its_bound() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let name = "<".repeat(255);
    let steps: Vec<Value> = (0..40)
        .map(|index| {
            let id = format!("{}{index:02}", "s".repeat(62));
            let step = set(&id, json!({ "a": "\"<>&'".repeat(2_000) }));
            crate::runs::with(step, json!({ "name": name }))
        })
        .collect();
    let workflow = server.workflow(&name, json!(steps)).await;
    let run = ended(&server, &workflow).await;
    let page = seen(&browser, &path_of(&run)).await;
    assert!(page.text.len() > 30_000, "{}", page.text.len());
    seen(&browser, &format!("{}?steps=2", path_of(&run))).await;
    for _ in 0..60 {
        ended(&server, &workflow).await;
    }
    let list = seen(&browser, "/dashboard/runs").await;
    assert!(list.text.len() > 30_000, "{}", list.text.len());
}
