//! The way in and out, as people go it.

use crate::axe;
use crate::browser::{Browser, PASSWORD, set_up_path};
use crate::support::TestServer;
use serde_json::json;

const REFUSED: &str = "/dashboard/sign-in - Failed to load resource: the server responded with a status of 403 (Forbidden)";
const THROTTLED: &str = "/dashboard/sign-in - Failed to load resource: the server responded with a status of 429 (Too Many Requests)";

#[tokio::test]
async fn the_set_up_link_leads_in_and_out_and_in_again() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::open(&server).await else {
        return;
    };
    browser.goto("/dashboard/keys").await;
    browser.until_at("/dashboard/sign-in").await;
    browser.until_read("No password is set yet.").await;

    browser.goto(&set_up_path(&server)).await;
    browser.picture("set-up-light").await;
    browser.fill("Password", PASSWORD).await;
    browser.fill("The same again", "three small cars").await;
    browser.press("Set the password").await;
    browser
        .until_read("The two passwords are not the same.")
        .await;
    axe::check_in_light_and_dark(&browser).await;
    browser.fill("Password", PASSWORD).await;
    browser.fill("The same again", PASSWORD).await;
    browser.press("Set the password").await;
    browser.until_read("Sign out").await;

    browser.press("Sign out").await;
    browser.until_at("/dashboard/sign-in").await;
    browser.back().await;
    browser.until_at("/dashboard/sign-in").await;
    browser.goto("/dashboard/keys").await;
    browser.until_at("/dashboard/sign-in").await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.until_read("Sign out").await;
    // The cookie is no script's.
    assert_eq!(browser.script("return document.cookie", vec![]).await, "");
    let path = set_up_path(&server);
    let refused =
        "Failed to load resource: the server responded with a status of 400 (Bad Request)";
    browser.close(&[&format!("{path} - {refused}")]).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_guesses_are_throttled() {
    let server = TestServer::start_with_manual_clock().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    browser.press("Sign out").await;
    let sign_in = async |password: &str| {
        browser.fill("Password", password).await;
        browser.press("Sign in").await;
        browser.text().await
    };
    let mut refusals = vec![REFUSED];
    let text = sign_in("three small cars").await;
    assert!(text.contains("This is not the password."), "{text}");
    axe::check_in_light_and_dark(&browser).await;
    while !sign_in("three small cars")
        .await
        .contains("Too many attempts")
    {
        refusals.push(REFUSED);
        assert!(refusals.len() < 20, "guesses are not throttled");
    }
    // The right one waits too.
    let text = sign_in(PASSWORD).await;
    assert!(text.contains("Try again in 60 seconds."), "{text}");
    server.clock.advance_ms(60_001);
    let text = sign_in(PASSWORD).await;
    assert!(text.contains("Sign out"), "{text}");
    refusals.extend([THROTTLED, THROTTLED]);
    browser.close(&refusals).await;
}

#[tokio::test]
async fn a_session_is_gone_after_the_password_was_changed() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    browser.goto("/dashboard/keys/new").await;
    browser.fill("Name", "too late").await;
    browser.tick("runs:read").await;
    let body = json!({ "password": "four large ships" });
    let status = server
        .owner_sends("PUT", "/api/v1/dashboard/password", &body)
        .await;
    assert_eq!(status, 200);
    browser.press("Create API key").await;
    browser.until_at("/dashboard/sign-in").await;
    browser.fill("Password", "four large ships").await;
    browser.press("Sign in").await;
    browser.goto("/dashboard/keys").await;
    let text = browser.text().await;
    assert!(
        text.contains("Sign out") && !text.contains("too late"),
        "{text}"
    );
    browser.close(&[]).await;
}
