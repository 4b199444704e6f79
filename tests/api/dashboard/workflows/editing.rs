//! The editor, the versions and what they differ in.

use super::super::Browser;
use super::{SCRIPT, hello};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use serde_json::{Value, json};

/// A hidden field or a text of a page.
fn tag(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"tag\" value=\"").expect("a tag");
    let tag = rest.split('"').next().expect("its value");
    // The tag stands in quotes of its own.
    tag.replace("&#34;", "\"")
}

#[tokio::test]
async fn a_workflow_is_made_of_a_text_and_mistakes_stand_at_their_lines() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let wrong = "{\n  \"name\": \"</textarea><script>alert(1)</script>\",\n  \"trigger\": { \"type\": \"api\" },\n  \"steps\": [\n    { \"id\": \"one\",\n      \"type\": \"wat\" }\n  ]\n}";
    for (text, status, expected) in [
        (wrong, 400, vec!["Line 6", "steps[0].type", "wat"]),
        ("{\n \"name\": ", 400, vec!["Line 2", "not a JSON object"]),
        ("[]", 400, vec!["not a JSON object"]),
        ("", 400, vec!["not a JSON object"]),
        (
            "{\"name\":\"a\",\"name\":\"b\"}",
            400,
            vec!["duplicate field"],
        ),
    ] {
        let page = browser
            .post("/dashboard/workflows", &[("definition", text)])
            .await;
        assert_eq!(page.status, status, "{}", page.text);
        for words in expected {
            assert!(page.text.contains(words), "{words}: {}", page.text);
        }
        assert!(!page.text.contains(SCRIPT), "{}", page.text);
        assert_eq!(page.text.matches("</textarea>").count(), 1);
    }
    let kept = browser
        .post("/dashboard/workflows", &[("definition", wrong)])
        .await;
    assert!(
        kept.text.contains("&#34;type&#34;: &#34;wat&#34; }"),
        "what was written is kept"
    );
    let there = server.admin().get("/api/v1/workflows").await.data();
    let names: Vec<&Value> = there
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["hello"], "nothing was made");
    let template = browser.get("/dashboard/workflows/new?template=hello").await;
    assert!(template.text.contains("&#34;steps&#34;"));
    assert_eq!(
        browser
            .get("/dashboard/workflows/new?template=gone")
            .await
            .status,
        404
    );
    let text =
        json!({ "name": "made", "trigger": { "type": "api" }, "steps": hello() }).to_string();
    let made = browser
        .post("/dashboard/workflows", &[("definition", &text)])
        .await;
    assert_eq!(made.status, 303, "{}", made.text);
    let made = server.admin().get("/api/v1/workflows").await.data();
    assert_eq!(
        (&made[0]["name"], &made[0]["status"]),
        (&json!("made"), &json!("draft"))
    );
}

#[tokio::test]
async fn an_edit_replaces_the_whole_and_never_what_somebody_else_has_saved() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let body = json!({ "name": "one", "description": "old words", "trigger": { "type": "api" }, "steps": hello(), "variables": { "a": 1 } });
    let id = server.workflow_with(body).await;
    let path = format!("/dashboard/workflows/{id}/edit");
    let page = browser.get(&path).await;
    assert!(page.text.contains("old words") && page.text.contains("variables"));
    let seen = tag(&page.text);
    let text = json!({ "name": "two", "trigger": { "type": "api" }, "steps": hello() }).to_string();
    let fields = [("definition", text.as_str()), ("tag", seen.as_str())];
    let saved = browser.post(&path, &fields).await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let one = || async {
        server
            .admin()
            .get(&format!("/api/v1/workflows/{id}"))
            .await
            .data()
    };
    let now = one().await;
    assert_eq!(now["name"], "two");
    // What was taken out of the text is gone.
    assert!(
        now["description"].is_null() && now["variables"].is_null(),
        "{now}"
    );
    // The same state is not there any more.
    let stale = json!({ "name": "three" }).to_string();
    let refused = browser
        .post(&path, &[("definition", &stale), ("tag", &seen)])
        .await;
    assert_eq!(refused.status, 409);
    assert!(refused.text.contains("Somebody has changed") && refused.text.contains("three"));
    let untagged = browser.post(&path, &[("definition", &stale)]).await;
    assert_eq!(untagged.status, 409);
    assert_eq!(one().await["name"], "two");
    let versions = browser
        .get(&format!("/dashboard/workflows/{id}/versions"))
        .await;
    assert!(
        versions.text.contains("difference?from=1&amp;to=2"),
        "{}",
        versions.text
    );
    let compared = browser
        .get(&format!("/dashboard/workflows/{id}/difference?from=1&to=2"))
        .await;
    for (class, words) in [("gone", "old words"), ("new", "two")] {
        let line = compared
            .text
            .lines()
            .find(|line| line.contains("<span") && line.contains(words))
            .expect("a line");
        assert!(line.contains(&format!("class=\"{class}\"")), "{line}");
    }
    let same = browser
        .get(&format!("/dashboard/workflows/{id}/difference?from=2&to=2"))
        .await;
    assert!(same.text.contains("the same") && !same.text.contains("class=\"gone\""));
}

#[tokio::test]
async fn every_text_up_to_the_limit_comes_through_and_a_longer_one_comes_back() {
    const MAX_BYTES: usize = 60_000;
    let server = TestServer::start_with(Clock::system(), |config| {
        config.max_definition_bytes = MAX_BYTES;
        config.max_body_bytes = MAX_BYTES;
    })
    .await;
    let browser = Browser::signed_in(&server).await;
    // Each of these letters is six bytes where it is sent.
    let text = |letters: usize| {
        let note = "ä".repeat(letters);
        let steps = json!([{ "id": "one", "type": "transform", "config": { "sourceData": note } }]);
        json!({ "name": "long", "trigger": { "type": "api" }, "steps": steps }).to_string()
    };
    let fits = text((MAX_BYTES - text(0).len()) / 2);
    assert!(fits.len() > MAX_BYTES - 2 && fits.len() <= MAX_BYTES);
    let saved = browser
        .post("/dashboard/workflows", &[("definition", &fits)])
        .await;
    assert_eq!(saved.status, 303, "{}", saved.text);
    let page = saved
        .header("location")
        .expect("a page")
        .replace("./", "/dashboard/");
    let editor = format!("{page}/edit");
    let shown = browser.get(&editor).await;
    assert_eq!(shown.status, 200);
    let seen = tag(&shown.text);

    let longer = text(MAX_BYTES / 2);
    for path in ["/dashboard/workflows", &editor] {
        let fields = [("definition", longer.as_str()), ("tag", &seen)];
        let refused = browser.post(path, &fields).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.text.contains("max_definition_bytes"), "{path}");
        assert!(refused.text.contains("Line 1"), "{path}");
        assert!(refused.text.contains(&"ä".repeat(MAX_BYTES / 2)), "{path}");
        // What is beyond a usual page is the text itself.
        let rest = refused.text.len() - longer.len();
        assert!(rest < 100_000, "{path}: {rest}");
    }
    let lines = "\r\n".repeat(MAX_BYTES);
    let fields = [("definition", lines.as_str())];
    let refused = browser.post("/dashboard/workflows", &fields).await;
    assert_eq!(refused.status, 400, "the worst that a text can become");
    let endless = "\r\n".repeat(2 * MAX_BYTES);
    let fields = [("definition", endless.as_str())];
    let refused = browser.post("/dashboard/workflows", &fields).await;
    assert_eq!(refused.status, 413);
}
