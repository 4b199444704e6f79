//! The dashboard with keys alone: everything that can be used is reached, and is seen to be.

use crate::browser::{Browser, PASSWORD};
use crate::pages::{Page, pages};
use crate::scene::Scene;
use crate::support::TestServer;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use serde_json::json;

/// The most stops that a page may have.
const MAX_STOPS: usize = 300;

/// Notes at each stop what it is, and whether it is seen that it is there. What can be used, and is shown, is expected to be
/// one. Of knobs of which one is pressed, keys reach the pressed one.
const WATCH: &str = "
const isStop = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled && element.tabIndex >= 0
  && !(element.type === 'radio' && !element.checked && document.querySelector(`[name='${element.name}']:checked`));
const usable = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]';
window.missing = new Set([...document.querySelectorAll(usable)].filter(isStop));
window.unseen = [];
const name = (element) => element.outerHTML.slice(0, 120);
document.addEventListener('focusin', ({ target }) => {
  missing.delete(target);
  const { outlineStyle, outlineWidth } = getComputedStyle(target);
  const isOutlined = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  const box = target.getBoundingClientRect();
  const isInView = box.width > 0 && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
  if (!isOutlined || !isInView) unseen.push(name(target));
});
window.left = () => [...missing].filter((element) => element.isConnected).map(name);
document.activeElement.blur();
// A date has a stop for each of its parts.
return missing.size + 4 * document.querySelectorAll('input[type=date]').length;
";

/// Presses a key some times.
async fn press(browser: &Browser, key: Key, times: usize) {
    let value = char::from(key);
    let mut keys = KeyActions::new("keyboard".to_owned());
    for _ in 0..times {
        keys = keys
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
    }
    let pressed = browser.chromium.client.perform_actions(keys).await;
    pressed.unwrap_or_else(|error| panic!("{key:?}: {error}"));
}

/// What has the focus: its label, or what it reads.
async fn focused(browser: &Browser) -> String {
    let code = "
const focused = document.activeElement;
return (focused.labels?.[0] ?? focused).innerText.trim()";
    let words = browser.script(code, vec![]).await;
    words.as_str().expect("words").to_owned()
}

/// Presses the tab key until what reads so has the focus.
async fn tab_to(browser: &Browser, words: &str) {
    let mut passed = Vec::new();
    while passed.len() < MAX_STOPS {
        press(browser, Key::Tab, 1).await;
        let here = focused(browser).await;
        if here.starts_with(words) {
            return;
        }
        passed.push(here);
    }
    panic!("{words} is not reached; these are: {passed:?}");
}

async fn type_text(browser: &Browser, text: &str) {
    let mut keys = KeyActions::new("keyboard".to_owned());
    for value in text.chars() {
        keys = keys
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
    }
    browser
        .chromium
        .client
        .perform_actions(keys)
        .await
        .expect("typed");
}

/// Presses Enter on what leads to another page.
async fn enter(browser: &Browser) {
    browser.leave_mark().await;
    press(browser, Key::Enter, 1).await;
    browser.until_another_page().await;
}

#[tokio::test]
async fn somebody_signs_in_and_makes_a_key_without_a_mouse() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    tab_to(&browser, "Sign out").await;
    enter(&browser).await;
    browser
        .until("document.activeElement.type === 'password'")
        .await;
    type_text(&browser, PASSWORD).await;
    enter(&browser).await;
    tab_to(&browser, "API keys").await;
    enter(&browser).await;

    // The first stop leads past what all pages have in common.
    press(&browser, Key::Tab, 1).await;
    assert_eq!(focused(&browser).await, "Skip to content");
    let seen = "document.activeElement.getBoundingClientRect().left >= 0";
    browser.until(seen).await;
    press(&browser, Key::Enter, 1).await;
    press(&browser, Key::Tab, 1).await;
    assert_eq!(focused(&browser).await, "Create API key");
    enter(&browser).await;

    tab_to(&browser, "Name").await;
    type_text(&browser, "made with keys").await;
    tab_to(&browser, "wfk_…").await;
    press(&browser, Key::Down, 1).await;
    assert!(focused(&browser).await.starts_with("sk-…"));
    tab_to(&browser, "runs:read").await;
    press(&browser, Key::Space, 1).await;
    tab_to(&browser, "Create API key").await;
    enter(&browser).await;
    let text = browser
        .script("return document.getElementById('key').textContent", vec![])
        .await;
    let text = text.as_str().expect("a key").to_owned();
    assert!(text.starts_with("sk-"), "{text}");
    let own = server
        .client(Some(text))
        .get("/api/v1/auth/api-keys/self")
        .await
        .data();
    assert_eq!(
        (&own["name"], &own["scopes"]),
        (&json!("made with keys"), &json!(["runs:read"]))
    );
    browser.close(&[]).await;
}

#[tokio::test]
async fn whatever_can_be_used_is_reached_with_keys_and_seen_to_be() {
    let scene = Scene::build().await;
    let Some(browser) = Browser::signed_in(&scene.server).await else {
        return;
    };
    let mut faults = Vec::new();
    let mut pages = pages(&browser, &scene).await;
    // Pages of one kind differ in what they show, not in what can be used.
    pages.dedup_by_key(|page| page.pattern);
    for Page { path, .. } in pages {
        browser.goto(&path).await;
        let stops = browser.script(WATCH, vec![]).await.as_u64();
        let stops = usize::try_from(stops.expect("a number")).expect("a number");
        assert!((1..MAX_STOPS).contains(&stops), "{path} has {stops} stops");
        press(&browser, Key::Tab, stops + 2).await;
        for (list, what) in [
            ("left()", "is not reached"),
            ("unseen", "is not seen to be"),
        ] {
            let found = browser.script(&format!("return {list}"), vec![]).await;
            let found = found.as_array().expect("a list").iter();
            faults.extend(found.map(|element| format!("{path}: {element} {what}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    browser.close(&[]).await;
}
