//! The way in and out: the set-up link, passwords, sessions, and what other sites' pages cannot do.

use super::{Browser, PASSWORD, Page};
use crate::support::{TestServer, http_client};
use flowlatch::clock::Clock;
use flowlatch::http::{Access, Door};
use serde_json::json;

const HOUR_MS: u64 = 60 * 60 * 1_000;

#[tokio::test]
async fn the_set_up_link_sets_the_password_once_and_signs_in() {
    let server = TestServer::start().await;
    let browser = Browser::new(&server);
    let link = server.set_up_url.clone().expect("a link");
    let path = link.strip_prefix(&server.url).expect("of this server");
    let form = browser.get(path).await;
    assert_eq!(form.status, 200);
    assert!(form.text.contains("The same again"), "{}", form.text);
    for (password, again, why) in [
        ("short", "short", "fewer than 12 characters"),
        ("Password1234", "Password1234", "tried first"),
        (PASSWORD, "three small goats", "not the same"),
    ] {
        let page = browser
            .post(path, &[("password", password), ("again", again)])
            .await;
        assert_eq!(page.status, 400, "{password}");
        assert!(page.text.contains(why), "{password}: {}", page.text);
        assert!(!page.text.contains(password), "{password}");
        assert_eq!(browser.cookie(), None, "{password}");
    }
    let set = browser.set_up(&server, PASSWORD).await;
    assert_eq!(
        (set.status, set.header("location")),
        (303, Some("../workflows"))
    );
    assert_eq!(browser.get("/dashboard/keys").await.status, 200);
    // It leads nowhere any more, and another password is not set by it.
    let late = Browser::new(&server);
    assert_eq!(late.get(path).await.status, 403);
    assert_eq!(late.set_up(&server, "four large ships").await.status, 403);
    assert_eq!(late.sign_in("four large ships").await.status, 403);
    assert_eq!(late.sign_in(PASSWORD).await.status, 303);
}

#[tokio::test]
async fn a_set_up_link_of_another_server_is_none() {
    let server = TestServer::start().await;
    let browser = Browser::new(&server);
    let path = format!("/dashboard/set-up/{}", "A".repeat(43));
    assert_eq!(browser.get(&path).await.status, 403);
    let page = browser
        .post(&path, &[("password", PASSWORD), ("again", PASSWORD)])
        .await;
    assert_eq!(page.status, 403);
    assert_eq!(browser.sign_in(PASSWORD).await.status, 409);
}

#[tokio::test]
async fn nobody_gets_further_than_the_first_page_without_a_session() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let stranger = Browser::new(&server);
    let invented = format!("flowlatch_{}={}", "00000000", "A".repeat(43));
    let name = browser.cookie().expect("a session");
    let wrong = format!("{}={}", name.split('=').next().unwrap(), "A".repeat(43));
    for cookie in [None, Some(invented), Some(wrong)] {
        stranger.hold(cookie);
        for path in ["/dashboard", "/dashboard/keys", "/dashboard/keys/new"] {
            let page = stranger.get(path).await;
            assert_eq!(page.status, 303, "{path}");
            let location = page.header("location").expect("a location");
            assert!(location.ends_with("sign-in"), "{path}: {location}");
            assert_eq!(page.text, "", "{path}");
        }
        let made = stranger
            .post("/dashboard/keys", &[("name", "x"), ("scope", "admin")])
            .await;
        assert_eq!(made.status, 303);
    }
    // Keys are no way in.
    let answer = http_client()
        .get(format!("{}/dashboard/keys", server.url))
        .header("x-api-key", &server.admin_key)
        .send()
        .await
        .expect("an answer");
    assert!(
        answer.url().path().ends_with("/sign-in"),
        "{}",
        answer.url()
    );
    let keys = server.admin().get("/api/v1/auth/api-keys").await;
    assert_eq!(
        keys.data().as_array().map(Vec::len),
        Some(1),
        "{}",
        keys.text
    );
}

#[tokio::test]
async fn a_session_is_a_new_one_at_each_sign_in_and_no_script_reads_it() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let first = browser.cookie().expect("a session");
    let page = browser.sign_in(PASSWORD).await;
    let set = page.header("set-cookie").expect("a cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/dashboard"] {
        assert!(set.contains(part), "{set}");
    }
    // On loopback without TLS a browser would throw a `Secure` cookie away.
    assert!(!set.contains("Secure"), "{set}");
    let second = browser.cookie().expect("a session");
    assert_ne!(first, second);
    browser.hold(Some(first));
    assert_eq!(browser.get("/dashboard/keys").await.status, 303);
    browser.hold(Some(second.clone()));
    assert_eq!(browser.get("/dashboard/keys").await.status, 200);
    let out = browser.post("/dashboard/sign-out", &[]).await;
    assert_eq!(out.status, 303);
    assert_eq!(browser.cookie(), None);
    browser.hold(Some(second));
    assert_eq!(browser.get("/dashboard/keys").await.status, 303);
}

#[tokio::test]
async fn behind_tls_the_cookie_travels_over_tls_alone() {
    let configure = |config: &mut flowlatch::config::Config| {
        config.public_url = Some("https://flow.example".to_owned());
    };
    let server = TestServer::start_with(Clock::system(), configure).await;
    let browser = Browser::new(&server);
    let link = server.set_up_url.clone().expect("a link");
    let path = link.strip_prefix("https://flow.example").expect("seen so");
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    // A page that came without TLS may be anybody's.
    let refused = browser.post_from(Some("http://flow.example"), path, &fields);
    assert_eq!(refused.await.status, 403);
    let page = browser
        .post_from(Some("https://flow.example"), path, &fields)
        .await;
    let set = page.header("set-cookie").expect("a cookie");
    assert!(set.contains("; Secure"), "{set}");
}

#[tokio::test]
async fn guesses_are_throttled_by_address_and_right_ones_wait_too() {
    let server = TestServer::start_with_manual_clock().await;
    let browser = Browser::signed_in(&server).await;
    let guesser = Browser::new(&server);
    let mut statuses = Vec::new();
    for guess in 0..12 {
        statuses.push(
            guesser
                .sign_in(&format!("a wrong password {guess}"))
                .await
                .status,
        );
    }
    // Setting up was the first attempt of this address.
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 9);
    let page = guesser.sign_in(PASSWORD).await;
    assert_eq!(page.status, 429);
    assert!(page.header("retry-after").is_some());
    // Who is signed in stays so.
    assert_eq!(browser.get("/dashboard/keys").await.status, 200);
    server.clock.advance_ms(61_000);
    assert_eq!(guesser.sign_in(PASSWORD).await.status, 303);
}

#[tokio::test]
async fn a_session_ends_without_use_and_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::open(&data, clock.clone(), |_| {}).await;
    let cookie = Browser::signed_in(&server).await.cookie();
    server.stop().await;
    let server = TestServer::open(&data, clock.clone(), |_| {}).await;
    assert_eq!(server.set_up_url, None);
    let browser = Browser::new(&server);
    browser.hold(cookie);
    assert_eq!(browser.get("/dashboard/keys").await.status, 200);
    clock.advance_ms(12 * HOUR_MS - 1);
    assert_eq!(browser.get("/dashboard/keys").await.status, 200);
    clock.advance_ms(12 * HOUR_MS);
    assert_eq!(browser.get("/dashboard/keys").await.status, 303);
    server.stop().await;
}

#[tokio::test]
async fn who_is_told_that_signing_out_failed_is_still_signed_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let server = TestServer::open(&data, Clock::system(), |_| {}).await;
    let browser = Browser::signed_in(&server).await;
    let cookie = browser.cookie();
    let sql = |text: &str| {
        let file = rusqlite::Connection::open(data.join("flowlatch.db")).expect("it opens");
        file.execute_batch(text).expect("it does");
    };
    sql(
        "CREATE TRIGGER kept BEFORE DELETE ON dashboard_session BEGIN SELECT RAISE(ABORT, 'kept'); END",
    );
    let refused = browser.post("/dashboard/sign-out", &[]).await;
    assert!(refused.status >= 500, "{}", refused.text);
    assert_eq!(refused.header("set-cookie"), None);
    assert_eq!(browser.get("/dashboard/keys").await.status, 200);
    sql("DROP TRIGGER kept");
    assert_eq!(browser.post("/dashboard/sign-out", &[]).await.status, 303);
    server.stop().await;
    let server = TestServer::open(&data, Clock::system(), |_| {}).await;
    let browser = Browser::new(&server);
    browser.hold(cookie);
    assert_eq!(browser.get("/dashboard/keys").await.status, 303);
    server.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_password_that_the_owner_sets_ends_every_session_at_once() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let body = json!({ "password": "four large ships" });
    let path = "/api/v1/dashboard/password";
    // Nobody sets it over the network, whatever key they have.
    let remote = http_client()
        .put(format!("{}{path}", server.url))
        .header("x-api-key", &server.admin_key)
        .json(&body);
    assert_eq!(remote.send().await.expect("an answer").status(), 403);
    assert_eq!(browser.get("/dashboard/keys").await.status, 200);
    assert_eq!(server.owner_sends("PUT", path, &body).await, 200);
    assert_eq!(browser.get("/dashboard/keys").await.status, 303);
    assert_eq!(browser.sign_in(PASSWORD).await.status, 403);
    assert_eq!(browser.sign_in("four large ships").await.status, 303);
    let weak = json!({ "password": "password1234" });
    assert_eq!(server.owner_sends("PUT", path, &weak).await, 400);
}

#[tokio::test]
async fn every_page_forbids_scripts_frames_and_copies_of_itself() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server).await;
    let check = |page: &Page, what: &str| {
        let policy = page.header("content-security-policy").expect(what);
        assert!(policy.starts_with("default-src 'none'"), "{what}: {policy}");
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{what}: {policy}"
        );
        assert_eq!(
            page.header("x-content-type-options"),
            Some("nosniff"),
            "{what}"
        );
        assert_eq!(page.header("cache-control"), Some("no-store"), "{what}");
    };
    for path in [
        "/dashboard/keys",
        "/dashboard/keys/new",
        "/dashboard/sign-in",
        "/dashboard/nothing",
        "/dashboard/..%2fapi",
    ] {
        check(&browser.get(path).await, path);
    }
    assert_eq!(browser.get("/dashboard/nothing").await.status, 404);
    for (asset, content_type) in [
        ("style.css", "text/css; charset=utf-8"),
        ("script.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let page = Browser::new(&server)
            .get(&format!("/dashboard/{asset}"))
            .await;
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some(content_type))
        );
    }
}

#[tokio::test]
async fn without_the_dashboard_there_is_nothing_of_it() {
    let configure = |config: &mut flowlatch::config::Config| config.doors.dashboard = false;
    let server = TestServer::start_with(Clock::system(), configure).await;
    assert_eq!(server.set_up_url, None);
    let browser = Browser::new(&server);
    for path in [
        "/",
        "/dashboard",
        "/dashboard/sign-in",
        "/dashboard/style.css",
    ] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn links_are_relative_so_that_they_hold_under_any_path() {
    let configure = |config: &mut flowlatch::config::Config| config.base_path = "/flow".to_owned();
    let server = TestServer::start_with(Clock::system(), configure).await;
    let browser = Browser::signed_in(&server).await;
    let page = browser.get("/").await;
    assert_eq!(
        (page.status, page.header("location")),
        (303, Some("dashboard/"))
    );
    for (path, up) in [
        ("/dashboard/keys", "./"),
        ("/dashboard/keys/", "../"),
        ("/dashboard/keys/new", "../"),
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let link = format!("href=\"{up}style.css\"");
        assert!(page.text.contains(&link), "{path}: {}", page.text);
        assert!(!page.text.contains("href=\"/"), "{path}");
    }
    assert!(browser.cookie().is_some());
}

#[test]
fn what_of_the_dashboard_is_open_to_strangers_is_this_and_nothing_else() {
    let whole = flowlatch::http::whole_table(true);
    let pages = whole.endpoints().iter();
    let open: Vec<String> = pages
        .filter(|page| page.door == Door::Dashboard && page.access == Access::Open)
        .map(|page| format!("{} {}", page.method, page.pattern))
        .collect();
    insta::assert_snapshot!(open.join("\n"), @r"
    GET /dashboard/style.css
    GET /dashboard/script.js
    GET /dashboard/icon.svg
    GET /dashboard/sign-in
    POST /dashboard/sign-in
    GET /dashboard/set-up/:token
    POST /dashboard/set-up/:token
    GET /
    ");
    let rest = whole.endpoints().iter();
    let mut guarded =
        rest.filter(|page| page.door == Door::Dashboard && page.access != Access::Open);
    assert!(guarded.all(|page| page.access == Access::SignedIn));
}
