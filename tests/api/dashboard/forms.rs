//! Forms that do nothing: those of other sites, and those whose session has ended; and the pages that say what went wrong.

use super::{Browser, PASSWORD};
use crate::raw::{Connection, request};
use crate::support::TestServer;

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let fields = [("name", "planted"), ("scope", "admin")];
    for origin in [
        None,
        Some("null"),
        Some("https://evil.example"),
        Some("http://127.0.0.1"),
        Some("http://localhost:1"),
    ] {
        let page = browser.post_from(origin, "/dashboard/keys", &fields).await;
        assert_eq!(page.status, 403, "{origin:?}");
        let page = browser
            .post_from(origin, "/dashboard/sign-in", &[("password", PASSWORD)])
            .await;
        assert_eq!(page.status, 403, "{origin:?}");
    }
    assert!(
        !browser
            .get("/dashboard/keys")
            .await
            .text
            .contains("planted")
    );
}

#[tokio::test]
async fn a_form_whose_session_ends_while_it_is_on_its_way_does_nothing() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let other = Browser::new(&server);
    let cookie = browser.cookie().expect("a session");
    let (host, origin) = (server.address().to_string(), browser.origin());
    for ends in [false, true] {
        let body = format!("name=ends-{ends}&scope=runs%3Aread");
        let length = body.len().to_string();
        let head = request(
            "POST",
            "/dashboard/keys",
            &[
                ("Host", &host),
                ("Origin", &origin),
                ("Cookie", &cookie),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Content-Length", &length),
                ("Expect", "100-continue"),
            ],
            b"",
        );
        let mut connection = Connection::open(server.address()).await;
        // The server asks for the body once the session was looked at.
        assert_eq!(connection.send(&head).await.status, 100);
        if ends {
            other.sign_in(PASSWORD).await;
            let out = other
                .post("/dashboard/settings/sign-out-everywhere", &[])
                .await;
            assert_eq!(out.status, 303, "{}", out.text);
        }
        let answer = connection.send(body.as_bytes()).await;
        assert_eq!(answer.status, if ends { 303 } else { 200 });
    }
    let keys = server.admin().get("/api/v1/auth/api-keys").await.text;
    assert!(
        keys.contains("ends-false") && !keys.contains("ends-true"),
        "{keys}"
    );
}

#[tokio::test]
async fn an_error_page_leads_on_for_who_is_signed_in_and_shows_strangers_no_way() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let stranger = Browser::new(&server);
    let way = "<nav aria-label=\"Dashboard\">";
    for (path, status) in [
        ("/dashboard/nothing", 404),
        ("/dashboard/keys/key_none", 404),
        ("/dashboard/runs?status=odd", 400),
        ("/dashboard/workflows/none/edit", 404),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, status, "{path}");
        assert!(page.text.contains(way), "{path}: {}", page.text);
    }
    let page = stranger.get("/dashboard/nothing").await;
    assert_eq!(page.status, 404);
    assert!(!page.text.contains("<nav"), "{}", page.text);
    browser.post("/dashboard/sign-out", &[]).await;
    let page = browser.get("/dashboard/nothing").await;
    assert!(!page.text.contains("<nav"), "{}", page.text);
}
