//! Settings › API keys: made, shown once, changed, rotated and revoked through forms.

mod list;

use super::{Browser, Page};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use serde_json::Value;

/// The text of a key on the page that made it.
fn made(page: &Page) -> String {
    assert_eq!(page.status, 200, "{}", page.text);
    let (_, rest) = page.text.split_once("<code id=\"key\">").expect("a key");
    rest.split('<').next().expect("its text").to_owned()
}

/// The ids of the keys that a page links to.
fn ids(page: &Page) -> Vec<String> {
    let links = page.text.split("href=\"./keys/").skip(1);
    links
        .filter_map(|rest| rest.split('"').next())
        .filter(|id| id.starts_with("key_"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_key_of_each_format_is_shown_once_and_opens_its_door() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let mut texts = Vec::new();
    for (format, begins, path) in [
        ("wfk", "wfk_", "/native/api/v1/workflows"),
        ("sk", "sk-", "/wireflow/api/v1/workflows"),
        ("flowise", "", "/flowise/api/v1/chatflows"),
    ] {
        let fields = [
            ("name", format),
            ("format", format),
            ("scope", "workflows:read"),
            ("scope", "chatflows:view"),
            ("expires", "7"),
        ];
        let text = made(&browser.post("/dashboard/keys", &fields).await);
        assert!(text.starts_with(begins), "{format}");
        let client = server.client(Some(text.clone()));
        let client = if format == "wfk" {
            client
        } else {
            client.bearer()
        };
        let answer = client.get(path).await;
        assert_eq!(answer.status, 200, "{format}: {}", answer.text);
        // It may do what was checked, and nothing else.
        let refused = client.get("/native/api/v1/runs").await;
        assert!(!refused.status.is_success(), "{format}");
        texts.push(text);
    }
    let list = browser.get("/dashboard/keys").await;
    assert_eq!(ids(&list).len(), 4);
    for (text, id) in texts.iter().zip(ids(&list).iter().rev().skip(1)) {
        assert!(!list.text.contains(text), "a key is shown again");
        let page = browser.get(&format!("/dashboard/keys/{id}")).await;
        assert_eq!(page.status, 200);
        assert!(!page.text.contains(text), "a key is shown again");
    }
}

#[tokio::test]
async fn a_key_is_bound_limited_and_ended_as_the_form_says() {
    let server = TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |_| {}).await;
    let browser = Browser::signed_in(&server).await;
    let fields = [
        ("name", "site"),
        ("scope", "runs:read"),
        ("expires", "date"),
        ("date", "2024-02-01"),
        ("prefix", "site-"),
        ("limit-read", "7"),
        ("limit-execute", "none"),
    ];
    let text = made(&browser.post("/dashboard/keys", &fields).await);
    let own = server
        .client(Some(text))
        .get("/api/v1/auth/api-keys/self")
        .await;
    let own = own.data();
    assert_eq!(own["expiresAt"], "2024-02-01T00:00:00.000Z");
    assert_eq!(own["workflowPrefix"], "site-");
    assert_eq!(own["limits"]["read"], 7);
    assert_eq!(own["limits"]["execute"], Value::Null);
    assert_eq!(own["scopes"], serde_json::json!(["runs:read"]));
    for (fields, why) in [
        (vec![("name", "x")], "scopes"),
        (vec![("scope", "runs:read")], "name"),
        (vec![("name", "x"), ("scope", "runs:reed")], "runs:read"),
        (
            vec![("name", "x"), ("scope", "runs:read"), ("expires", "date")],
            "date",
        ),
        (
            vec![
                ("name", "x"),
                ("scope", "runs:read"),
                ("expires", "date"),
                ("date", "soon"),
            ],
            "soon",
        ),
        (
            vec![
                ("name", "x"),
                ("scope", "runs:read"),
                ("limit-read", "many"),
            ],
            "limit",
        ),
        (
            vec![
                ("name", "x"),
                ("scope", "runs:read"),
                ("workflow", "a"),
                ("prefix", "b"),
            ],
            "both",
        ),
    ] {
        let page = browser.post("/dashboard/keys", &fields).await;
        assert_eq!(page.status, 400, "{fields:?}");
        assert!(page.text.contains(why), "{fields:?}: {}", page.text);
    }
}

#[tokio::test]
async fn a_key_is_edited_and_disabled() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let fields = [
        ("name", "old name"),
        ("scope", "runs:read"),
        ("expires", "never"),
    ];
    let text = made(&browser.post("/dashboard/keys", &fields).await);
    let client = server.client(Some(text));
    let id = ids(&browser.get("/dashboard/keys").await)[0].clone();
    let path = format!("/dashboard/keys/{id}");
    let may_read = async || client.get("/api/v1/runs").await.status.as_u16();
    assert_eq!(may_read().await, 200);

    let edited = [("name", "new name"), ("scope", "workflows:read")];
    let page = browser.post(&path, &edited).await;
    assert_eq!(
        (page.status, page.header("location")),
        (303, Some(format!("../keys/{id}").as_str()))
    );
    assert!(browser.get(&path).await.text.contains("new name"));
    assert_eq!(may_read().await, 403);
    browser
        .post(&path, &[("name", "new name"), ("scope", "runs:read")])
        .await;

    assert_eq!(
        browser.post(&format!("{path}/disable"), &[]).await.status,
        303
    );
    assert_eq!(may_read().await, 401);
    assert_eq!(
        browser.post(&format!("{path}/enable"), &[]).await.status,
        303
    );
    assert_eq!(may_read().await, 200);
}

#[tokio::test]
async fn a_key_is_rotated_and_revoked() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let fields = [("name", "site"), ("scope", "runs:read")];
    let text = made(&browser.post("/dashboard/keys", &fields).await);
    let client = server.client(Some(text));
    let id = ids(&browser.get("/dashboard/keys").await)[0].clone();
    let path = format!("/dashboard/keys/{id}");
    let may_read = async || client.get("/api/v1/runs").await.status.as_u16();
    let next = made(
        &browser
            .post(&format!("{path}/rotate"), &[("grace", "0")])
            .await,
    );
    let page = browser.get(&path).await;
    assert!(page.text.contains("takes over when it is first used"));
    assert!(!page.text.contains(&next));
    assert_eq!(may_read().await, 200);
    let successor = server.client(Some(next));
    assert_eq!(successor.get("/api/v1/runs").await.status, 200);
    assert_eq!(may_read().await, 401);

    let question = browser.get(&format!("{path}/revoke")).await;
    assert!(question.text.contains("Revoke site"), "{}", question.text);
    assert_eq!(successor.get("/api/v1/runs").await.status, 200);
    assert_eq!(
        browser.post(&format!("{path}/revoke"), &[]).await.status,
        303
    );
    assert_eq!(successor.get("/api/v1/runs").await.status, 401);
    assert!(
        browser
            .get("/dashboard/keys")
            .await
            .text
            .contains("revoked")
    );
    assert_eq!(
        browser.post(&format!("{path}/rotate"), &[]).await.status,
        409
    );
}

#[tokio::test]
async fn a_name_that_is_markup_stays_text() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let name = "<script>alert(1)</script>\"'>";
    let fields = [("name", name), ("scope", "runs:read")];
    let page = browser.post("/dashboard/keys", &fields).await;
    made(&page);
    let list = browser.get("/dashboard/keys").await;
    let id = ids(&list)[0].clone();
    let one = browser.get(&format!("/dashboard/keys/{id}")).await;
    let revoke = browser.get(&format!("/dashboard/keys/{id}/revoke")).await;
    for page in [page, list, one, revoke] {
        assert!(!page.text.contains("<script>alert"), "{}", page.text);
        assert!(page.text.contains("alert(1)"), "{}", page.text);
    }
}
