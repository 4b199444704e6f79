//! Every page of the endpoint table, looked at: axe-core finds no fault in it, in light and in dark; it complains of nothing,
//! and asks nothing of other servers. A page that is new is found here by itself.

use crate::axe;
use crate::browser::{Browser, set_up_path};
use crate::scene::Scene;
use flowlatch::http::Door;
use reqwest::Method;
use serde_json::{Value, json};

/// Where the way in is.
const SET_UP: &str = "/dashboard/set-up/:token";

/// Reads the head of an answer, and nothing of a stream that does not end.
const HEAD: &str = "
const [path, done] = arguments;
const stop = new AbortController();
const told = (answer) => { done([answer.status, answer.headers.get('content-type')]); stop.abort(); };
fetch(path, { signal: stop.signal }).then(told, (error) => done([0, String(error)]));
";

/// The patterns of everything that a browser may ask the dashboard for, but for the set-up link.
fn patterns() -> Vec<&'static str> {
    let table = flowlatch::http::whole_table(true);
    let asked = table.endpoints().iter().filter(|endpoint| {
        endpoint.door == Door::Dashboard
            && endpoint.method == Method::GET
            && endpoint.pattern != SET_UP
    });
    asked.map(|endpoint| endpoint.pattern).collect()
}

/// The paths of all pages of this scene. Fails where one is refused.
pub(crate) async fn paths(browser: &Browser, scene: &Scene) -> Vec<String> {
    let mut pages = Vec::new();
    for path in patterns().iter().flat_map(|pattern| scene.paths(pattern)) {
        let head = browser.later(HEAD, vec![json!(path)]).await;
        assert_eq!(head[0], 200, "{path}: {head}");
        // Pictures, files and live views are no pages.
        if head[1]
            .as_str()
            .is_some_and(|kind| kind.starts_with("text/html"))
        {
            pages.push(path);
        }
    }
    pages
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
    browser.set_up(&scene.server).await;
    let mut pages = paths(&browser, &scene).await;
    assert!(pages.len() > 5, "{pages:?}");
    pages.push("/dashboard/nothing".to_owned());
    for path in &pages {
        faults.extend(faults_of(&browser, path).await);
    }
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
