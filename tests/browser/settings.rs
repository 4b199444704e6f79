//! What is kept secret, typed in a browser: another password, secrets of workflows.

use crate::axe;
use crate::browser::{Browser, PASSWORD};
use crate::support::TestServer;
use serde_json::json;

#[tokio::test]
async fn another_password_ends_the_sessions_of_other_browsers() {
    let server = TestServer::start().await;
    let (Some(browser), Some(other)) = (
        Browser::signed_in(&server).await,
        Browser::open(&server).await,
    ) else {
        return;
    };
    other.goto("/dashboard/sign-in").await;
    other.fill("Password", PASSWORD).await;
    other.press("Sign in").await;
    other.goto("/dashboard/keys").await;
    other.until_read("Sign out").await;

    browser.goto("/dashboard/settings").await;
    let change = async |current: &str| {
        browser.fill("Current password", current).await;
        browser.fill("New password", "four large ships").await;
        browser.fill("The same again", "four large ships").await;
        browser.press("Change the password").await;
    };
    change("three small cars").await;
    browser.until_read("This is not the password.").await;
    axe::check_in_light_and_dark(&browser).await;
    other.press("API keys").await;
    other.until_read("Create API key").await;
    change(PASSWORD).await;
    other.press("API keys").await;
    other.until_at("/dashboard/sign-in").await;
    let refused = "/dashboard/settings/password - Failed to load resource: the server responded with a status of 403 (Forbidden)";
    browser.close(&[refused]).await;
    other.close(&[]).await;
}

#[tokio::test]
async fn a_secret_goes_in_and_is_never_shown() {
    let server = TestServer::start().await;
    let steps = json!([{ "id": "a", "type": "transform", "config": { "sourceData": 1 } }]);
    let workflow = server.workflow("keeps a secret", steps).await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    let page = format!("/dashboard/workflows/{workflow}/secrets");
    browser.goto(&page).await;
    browser.fill("Name", "TOKEN").await;
    browser.fill("Value", "a value that nobody sees").await;
    browser.press("Set the secret").await;
    for _ in ["after it was set", "loaded again"] {
        browser.until_read("TOKEN").await;
        let source = browser.chromium.client.source().await.expect("a page");
        assert!(!source.contains("a value that nobody sees"), "{source}");
        browser.reload().await;
    }
    browser.close(&[]).await;
}
