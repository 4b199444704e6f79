//! API keys in the browser: made, shown once, used, rotated, revoked.

use crate::axe;
use crate::browser::Browser;
use crate::support::TestServer;

/// Fills in the form for a key and sends it: the key's text.
async fn made(browser: &Browser, name: &str, format: &str) -> String {
    browser.goto("/dashboard/keys").await;
    browser.press("Create API key").await;
    browser.fill("Name", name).await;
    browser.tick(format).await;
    browser.tick("workflows:read").await;
    browser.tick("chatflows:view").await;
    browser.pick("The key ends", "in 7 days").await;
    browser.press("Create API key").await;
    shown(browser).await
}

/// The text of the key on the page that has just made it.
async fn shown(browser: &Browser) -> String {
    let text = browser.find("//code[@id = 'key']").await.text().await;
    text.expect("a key's text")
}

#[tokio::test]
async fn a_key_of_each_format_opens_its_door_and_is_shown_once() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    for (format, begins, path) in [
        ("wfk_…", "wfk_", "/native/api/v1/workflows"),
        ("sk-…", "sk-", "/wireflow/api/v1/workflows"),
        ("43 characters", "", "/flowise/api/v1/chatflows"),
    ] {
        let name = format!("for {path}");
        let text = made(&browser, &name, format).await;
        assert!(text.starts_with(begins), "{format}");
        if begins == "wfk_" {
            axe::check_in_light_and_dark(&browser).await;
            browser.picture("key-made-light").await;
        }
        let client = server.client(Some(text.clone()));
        let client = if begins == "wfk_" {
            client
        } else {
            client.bearer()
        };
        let answer = client.get(path).await;
        assert_eq!(answer.status, 200, "{format}: {}", answer.text);
        assert!(browser.text().await.contains(&text));

        browser.press("To the key").await;
        let page = source(&browser).await;
        assert!(page.contains(&name) && !page.contains(&text), "{format}");
        browser.press("All keys").await;
        let page = source(&browser).await;
        assert!(page.contains(&name) && !page.contains(&text), "{format}");
        // Going back does not bring it back either.
        browser.back().await;
        browser.back().await;
        let page = source(&browser).await;
        assert!(!page.contains(&text), "{format}: {page}");
    }
    browser.close(&[]).await;
}

async fn source(browser: &Browser) -> String {
    browser.chromium.client.source().await.expect("a page")
}

#[tokio::test]
async fn a_key_is_gone_from_the_page_that_made_it_after_a_reload() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    let text = made(&browser, "once", "wfk_…").await;
    browser.reload().await;
    let keys = server.admin().get("/api/v1/auth/api-keys").await.data();
    let names = keys.as_array().expect("a list").iter();
    let made = names.filter(|key| key["name"] == "once").count();
    assert_eq!(made, 1, "the form is sent again");
    let page = source(&browser).await;
    assert!(page.contains("once") && !page.contains(&text), "{page}");
    browser.close(&[]).await;
}

#[tokio::test]
async fn a_key_is_rotated_and_revoked() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    let old = server.client(Some(made(&browser, "site", "wfk_…").await));
    let status = async |client: &crate::support::Client| {
        client.get("/api/v1/workflows").await.status.as_u16()
    };
    assert_eq!(status(&old).await, 200);
    browser.press("To the key").await;
    browser
        .pick("When the new text is first used", "no longer")
        .await;
    browser.press("Make the next text").await;
    axe::check_in_light_and_dark(&browser).await;
    let next = server.client(Some(shown(&browser).await));
    assert_ne!(old.key, next.key);
    assert_eq!(status(&old).await, 200);
    assert_eq!(status(&next).await, 200);
    assert_eq!(status(&old).await, 401);

    browser.reload().await;
    browser.until_read("Take out of use").await;
    let page = source(&browser).await;
    assert!(
        !page.contains(next.key.as_deref().expect("a key")),
        "{page}"
    );
    assert_eq!(status(&next).await, 200);
    browser.press("Revoke …").await;
    browser.until_read("This cannot be undone").await;
    browser.press("Keep it").await;
    assert_eq!(status(&next).await, 200);
    browser.press("Revoke …").await;
    browser.press("Revoke site").await;
    browser.until_read("revoked").await;
    assert_eq!(status(&next).await, 401);
    browser.close(&[]).await;
}

#[tokio::test]
async fn a_name_that_is_a_script_stays_text_and_runs_nothing() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    let name = "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>";
    made(&browser, name, "wfk_…").await;
    for words in ["To the key", "Revoke …", "Keep it", "All keys"] {
        assert!(browser.text().await.contains(name), "before {words}");
        assert_eq!(
            browser
                .script("return document.images.length", vec![])
                .await,
            0
        );
        browser.press(words).await;
    }
    assert!(browser.text().await.contains(name));
    let title = browser.chromium.client.title().await.expect("a title");
    assert_ne!(title, "ran");
    browser.close(&[]).await;
}

#[tokio::test]
async fn a_key_is_copied_by_its_button() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    let text = made(&browser, "copied", "sk-…").await;
    let permissions =
        serde_json::json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    browser
        .chromium
        .tell("Browser.grantPermissions", permissions)
        .await;
    browser.click("Copy").await;
    browser.until_read("Copied").await;
    let read = "navigator.clipboard.readText().then(arguments[arguments.length - 1])";
    assert_eq!(browser.later(read, vec![]).await, text.as_str());
    browser.close(&[]).await;
}
