//! Every page of the endpoint table, looked at: axe-core finds no fault in it, in light and in dark; it complains of nothing,
//! and asks nothing of other servers. A page that is new is found here by itself.

use crate::axe;
use crate::browser::{Browser, set_up_path};
use crate::scene::Scene;
use flowlatch::http::Door;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashSet;

/// The way in, and what leads to the first page.
const OUTSIDE: [&str; 4] = [
    "/",
    "/dashboard",
    "/dashboard/sign-in",
    "/dashboard/set-up/:token",
];

/// A file of which only a page knows the name.
const FILE: &str = "/dashboard/runs/:id/journal/:number/:part";

/// Reads the head of an answer, and nothing of a stream that does not end.
const HEAD: &str = "
const [path, done] = arguments;
const stop = new AbortController();
const told = (answer) => { done([answer.status, answer.headers.get('content-type')]); stop.abort(); };
fetch(path, { signal: stop.signal }).then(told, (error) => done([0, String(error)]));
";

/// The patterns of everything that a browser may ask the dashboard for, but for the way in and files.
fn patterns() -> Vec<&'static str> {
    let table = flowlatch::http::whole_table(true);
    let asked = table.endpoints().iter().filter(|endpoint| {
        endpoint.door == Door::Dashboard
            && endpoint.method == Method::GET
            && !OUTSIDE.contains(&endpoint.pattern)
            && endpoint.pattern != FILE
    });
    asked.map(|endpoint| endpoint.pattern).collect()
}

/// A page of a scene.
pub(crate) struct Page {
    /// What the endpoint table has for it.
    pub(crate) pattern: &'static str,
    pub(crate) path: String,
}

/// All pages of this scene. Fails where one is refused.
pub(crate) async fn pages(browser: &Browser, scene: &Scene) -> Vec<Page> {
    let mut pages = Vec::new();
    for pattern in patterns() {
        let mut paths = scene.paths(pattern);
        // What stands below a page differs little from one to the next.
        if !pattern
            .rsplit('/')
            .next()
            .is_some_and(|last| last.starts_with(':'))
        {
            paths.truncate(2);
        }
        for path in paths {
            let head = browser.later(HEAD, vec![json!(path)]).await;
            assert_eq!(head[0], 200, "{path}: {head}");
            // Pictures, files and live views are no pages.
            let kind = head[1].as_str().unwrap_or_default();
            if kind.starts_with("text/html") {
                pages.push(Page { pattern, path });
            }
        }
    }
    pages
}

/// What pictures of pages of this pattern are called.
fn picture_name(pattern: &str, scheme: &str) -> String {
    let below = pattern.trim_start_matches("/dashboard").replace(':', "");
    let name = below.trim_matches('/').replace('/', "-");
    format!("{name}-{scheme}")
}

async fn no_page_has_a_fault(scheme: &str) {
    let scene = Scene::build().await;
    let Some(browser) = Browser::open(&scene.server).await else {
        return;
    };
    browser.prefer(scheme).await;
    let mut faults = Vec::new();
    for path in [set_up_path(&scene.server).as_str(), "/dashboard/sign-in"] {
        faults.extend(faults_of(&browser, path).await);
    }
    browser.picture(&format!("sign-in-{scheme}")).await;
    browser.set_up(&scene.server).await;
    let mut pictured = HashSet::new();
    let pages = pages(&browser, &scene).await;
    assert!(pages.len() > 5, "there are more pages than {}", pages.len());
    for Page { pattern, path } in &pages {
        faults.extend(faults_of(&browser, path).await);
        if pictured.insert(pattern) {
            browser.picture(&picture_name(pattern, scheme)).await;
        }
    }
    faults.extend(faults_of(&browser, "/dashboard/nothing").await);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let missing = "/dashboard/nothing - Failed to load resource: the server responded with a status of 404 (Not Found)";
    browser.close(&[missing]).await;
    scene.server.stop().await;
}

/// What keeps people from using a page.
async fn faults_of(browser: &Browser, path: &str) -> Vec<String> {
    browser.goto(path).await;
    let shown = "return [document.title, document.documentElement.lang, document.querySelectorAll('h1').length]";
    let shown = browser.script(shown, vec![]).await;
    assert!(
        shown[0]
            .as_str()
            .is_some_and(|title| !title.starts_with(' ')),
        "{path}: {shown}"
    );
    assert_eq!(
        (&shown[1], &shown[2]),
        (&Value::from("en"), &Value::from(1)),
        "{path}"
    );
    let found = axe::faults(browser).await;
    found
        .iter()
        .map(|fault| format!("{path}: {fault}"))
        .collect()
}

#[tokio::test]
async fn axe_finds_no_fault_on_any_page_in_light() {
    no_page_has_a_fault("light").await;
}

#[tokio::test]
async fn axe_finds_no_fault_on_any_page_in_dark() {
    no_page_has_a_fault("dark").await;
}
