//! What keeps people from using a page, as far as a program finds it: `axe-core` with all of its rules, in light and in dark.

use crate::browser::{Browser, target};
use serde_json::Value;
use std::path::PathBuf;

/// Where `tests/browser/install` puts it.
pub(crate) fn script() -> PathBuf {
    target().join("browser/node_modules/axe-core/axe.min.js")
}

/// Looks at the page that is shown.
const RUN: &str = "
const done = arguments[arguments.length - 1];
axe.run(document).then(done, (error) => done({ error: String(error) }));
";

/// Fails if axe-core finds a fault in the page that is shown.
pub(crate) async fn check(browser: &Browser) {
    let found = faults(browser).await;
    assert!(
        found.is_empty(),
        "{}: {}",
        browser.path().await,
        found.join("\n")
    );
}

/// The same, for people whose system is light and for those whose system is dark.
pub(crate) async fn check_in_light_and_dark(browser: &Browser) {
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await;
        check(browser).await;
    }
    browser.prefer("light").await;
}

/// What is at fault in the page that is shown: rule, element, why.
pub(crate) async fn faults(browser: &Browser) -> Vec<String> {
    if browser.script("return typeof axe", vec![]).await == "undefined" {
        let axe = std::fs::read_to_string(script()).expect("axe-core");
        browser.script(&axe, vec![]).await;
    }
    let results = browser.later(RUN, vec![]).await;
    let passed = results["passes"]
        .as_array()
        .unwrap_or_else(|| panic!("{results}"));
    assert!(!passed.is_empty(), "axe-core looked at nothing");
    let mut found = Vec::new();
    for rule in results["violations"].as_array().expect("a list") {
        let nodes = rule["nodes"].as_array().expect("a list").iter();
        found.extend(nodes.map(|node| told(rule, node)));
    }
    found
}

fn told(rule: &Value, node: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (rule, html, why) = (
        text(&rule["id"]),
        text(&node["html"]),
        text(&node["failureSummary"]),
    );
    format!("{rule}: {html}: {why}")
}

#[tokio::test]
async fn faults_are_found_in_light_and_in_dark() {
    let server = crate::support::TestServer::start().await;
    let Some(browser) = Browser::open(&server).await else {
        return;
    };
    browser.goto("/dashboard/sign-in").await;
    check_in_light_and_dark(&browser).await;
    // Soft grey is hard to read on white, and well on black.
    let spoil = "
document.querySelector('label')?.remove();
const paragraph = document.querySelector('main').appendChild(document.createElement('p'));
paragraph.textContent = 'grey';
paragraph.style.color = '#b0b0b0';
const field = document.querySelector('main').appendChild(document.createElement('input'));
";
    browser.script(spoil, vec![]).await;
    for (scheme, expected) in [
        ("light", vec!["color-contrast", "label"]),
        ("dark", vec!["label"]),
    ] {
        browser.prefer(scheme).await;
        let found = faults(&browser).await;
        let rules = found.iter().filter_map(|found| found.split(':').next());
        assert_eq!(rules.collect::<Vec<_>>(), expected, "{scheme}: {found:?}");
    }
    browser.close(&[]).await;
}
