//! Settings as a page: what the server runs with, what is removed, the password, and the end of every session.

use super::{Browser, PASSWORD};
use crate::support::TestServer;
use flowlatch::clock::Clock;
use flowlatch::config::Origin;
use flowlatch::secret::SecretText;
use serde_json::json;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
const NEXT: &str = "four large ships";

#[tokio::test]
async fn the_page_says_what_the_server_runs_with_and_no_secret() {
    let server = TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |config| {
        config.retention_days = 7;
        config.limit_read = flowlatch::model::limit::Limit::Unlimited;
        config.llm_api_key = Some(SecretText::new("pl4nted-key".to_owned()));
        config.node_backends = vec![(
            "a:*".to_owned(),
            "http://127.0.0.1:9/x?key=pl4nted".to_owned(),
        )];
        config.origins.insert("retention_days", Origin::Environment);
        config.allowed_hosts = vec!["flow.example".to_owned()];
    })
    .await;
    let browser = Browser::signed_in(&server).await;
    server.clock.advance_ms(DAY_MS / 4);
    let page = browser.get("/dashboard/settings").await;
    assert_eq!(page.status, 200);
    for shown in [
        concat!("Flowlatch ", env!("CARGO_PKG_VERSION"), ", schema version "),
        "2024-01-15T10:00:00.000Z</time>, 6 hours ago",
        "<dt>Finished runs</dt><dd>7 days</dd>",
        "the data folder's own",
        "<code>retention_days</code>",
        "<strong>environment</strong>",
        "<strong>program</strong>",
        "<code>none</code>",
        "<code>flow.example</code>",
        "a:*=http://127.0.0.1:9/x?…",
        "<code>set</code>",
        "Signed in now: 1.",
        "flowlatch doctor",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    for setting in flowlatch::config::SETTINGS {
        let key = format!("<code>{}</code>", setting.key);
        assert!(page.text.contains(&key), "{key}");
    }
    let key_file = server.data().join("master.key");
    let key = std::fs::read_to_string(key_file).expect("a key");
    for hidden in [
        "pl4nted",
        "master.key",
        key.trim(),
        &server.admin_key,
        PASSWORD,
    ] {
        assert!(!page.text.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn what_is_not_kept_is_removed_at_once_and_the_page_says_so() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let workflow = server.workflow("short", json!([])).await;
    server.admin().run(&workflow, json!({})).await;
    server.clock.advance_ms(6 * 60 * 60 * 1_000);
    let sweep = "/dashboard/settings/retention";
    assert_eq!(browser.post(sweep, &[]).await.status, 303);
    let page = browser.get("/dashboard/settings").await;
    assert!(page.text.contains("</time>: 0 runs"), "{}", page.text);
    let runs = server.admin().get("/api/v1/runs").await;
    assert_eq!(runs.data().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn the_password_is_changed_by_whoever_knows_it_and_everybody_signs_in_again() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let other = Browser::new(&server);
    other.sign_in(PASSWORD).await;
    let set = "/dashboard/settings/password";
    let form = |current, password, again| {
        [
            ("current", current),
            ("password", password),
            ("again", again),
        ]
    };
    for (fields, status, why) in [
        (
            form("not this one at all", NEXT, NEXT),
            403,
            "not the password",
        ),
        (
            form(PASSWORD, NEXT, "four large boats"),
            400,
            "not the same",
        ),
        (form(PASSWORD, "short", "short"), 400, "fewer than 12"),
        (
            form(PASSWORD, "password1234", "password1234"),
            400,
            "tried first",
        ),
        (form("", NEXT, NEXT), 403, "not the password"),
    ] {
        let page = browser.post(set, &fields).await;
        assert_eq!(page.status, status, "{why}: {}", page.text);
        assert!(page.text.contains(why), "{why}: {}", page.text);
        for (_, typed) in fields.iter().filter(|(_, typed)| typed.len() > 5) {
            assert!(!page.text.contains(typed), "{why}");
        }
        assert_eq!(browser.get("/dashboard/settings").await.status, 200);
    }
    let page = browser.post(set, &form(PASSWORD, NEXT, NEXT)).await;
    assert_eq!(
        (page.status, page.header("location")),
        (303, Some("../sign-in"))
    );
    assert_eq!(browser.cookie(), None);
    assert_eq!(other.get("/dashboard/settings").await.status, 303);
    assert_eq!(other.sign_in(PASSWORD).await.status, 403);
    assert_eq!(other.sign_in(NEXT).await.status, 303);
    let audit = server.admin().get("/api/v1/audit?limit=100").await;
    let changed = audit.text.matches("dashboard.password_changed").count();
    assert_eq!(changed, 1, "{}", audit.text);
    assert!(!audit.text.contains(PASSWORD) && !audit.text.contains(NEXT));
}

#[tokio::test]
async fn guesses_at_the_current_password_are_throttled() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let set = "/dashboard/settings/password";
    let fields = [
        ("current", "a wrong password"),
        ("password", NEXT),
        ("again", NEXT),
    ];
    for _ in 0..9 {
        assert_eq!(browser.post(set, &fields).await.status, 403);
    }
    let right = [("current", PASSWORD), ("password", NEXT), ("again", NEXT)];
    let page = browser.post(set, &right).await;
    assert_eq!(page.status, 429);
    assert!(page.header("retry-after").is_some());
    assert_eq!(browser.get("/dashboard/settings").await.status, 200);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::open(&data, clock.clone(), |_| {}).await;
    let browser = Browser::signed_in(&server).await;
    let other = Browser::new(&server);
    other.sign_in(PASSWORD).await;
    let cookie = other.cookie();
    let page = browser.get("/dashboard/settings").await;
    assert!(page.text.contains("Signed in now: 2."), "{}", page.text);
    let out = "/dashboard/settings/sign-out-everywhere";
    assert_eq!(browser.post(out, &[]).await.status, 303);
    assert_eq!(browser.cookie(), None);
    assert_eq!(other.get("/dashboard/settings").await.status, 303);
    server.stop().await;
    let server = TestServer::open(&data, clock, |_| {}).await;
    let back = Browser::new(&server);
    back.hold(cookie);
    assert_eq!(back.get("/dashboard/settings").await.status, 303);
    assert_eq!(back.sign_in(PASSWORD).await.status, 303);
    server.stop().await;
}
