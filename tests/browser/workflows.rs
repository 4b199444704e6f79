//! Workflows in the browser: written with mistakes and without, run with a form, watched, changed, compared.

use crate::axe;
use crate::browser::Browser;
use crate::support::TestServer;
use serde_json::{Value, json};

const SCRIPT: &str =
    "<img src=x onerror=\"document.title='ran'\"><script>document.title='ran'</script>";

/// A definition whose only step does this.
fn greeting(step: Value) -> String {
    let definition = json!({
        "name": "greet",
        "trigger": { "type": "api" },
        "inputSchema": {
            "type": "object",
            "required": ["name"],
            "properties": { "name": { "type": "string" }, "times": { "type": "integer", "minimum": 1 } },
        },
        "steps": [step],
    });
    serde_json::to_string_pretty(&definition).expect("JSON")
}

fn said(text: &str) -> Value {
    json!({ "id": "said", "type": "transform", "config": { "sourceData": text } })
}

/// Puts a text into the field of the definition, as pasting does.
async fn paste(browser: &Browser, text: &str) {
    let field = browser.field("Definition, as JSON").await;
    let field = serde_json::to_value(field).expect("an element");
    let code = "arguments[0].value = arguments[1]";
    browser.script(code, vec![field, json!(text)]).await;
}

#[tokio::test]
async fn a_workflow_is_written_mended_run_with_a_form_and_watched() {
    let server = TestServer::start().await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    browser.goto("/dashboard/workflows").await;
    browser.press("New workflow").await;
    let wrong =
        greeting(json!({ "id": "said", "type": "transfrom", "config": { "sourceData": 1 } }));
    paste(&browser, &wrong).await;
    browser.press("Save").await;
    let line = wrong.lines().position(|line| line.contains("transfrom"));
    let line = line.expect("a line") + 1;
    browser.until_read(&format!("Line {line}")).await;
    browser.until_read("transform").await;
    let typed = "return document.querySelector('textarea').value.trim()";
    assert_eq!(browser.script(typed, vec![]).await, wrong.as_str());
    axe::check_in_light_and_dark(&browser).await;
    browser.picture("workflow-mistakes-light").await;

    paste(&browser, &greeting(said("Hello {{input.name}}"))).await;
    browser.press("Save").await;
    browser.until_read("draft").await;
    browser.press("Activate").await;
    browser.until_read("active").await;
    browser.press("Run").await;
    browser.fill("name", "Ada").await;
    browser.picture("workflow-form-light").await;
    browser.press("Run").await;
    browser.until_at("/dashboard/runs/").await;
    browser
        .until("document.querySelector('h1 .status').innerText === 'completed'")
        .await;
    browser.until_read("Hello Ada").await;
    let refused =
        "Failed to load resource: the server responded with a status of 400 (Bad Request)";
    browser
        .close(&[&format!("/dashboard/workflows - {refused}")])
        .await;
}

#[tokio::test]
async fn versions_are_compared() {
    let server = TestServer::start().await;
    let body = serde_json::from_str(&greeting(said("before"))).expect("JSON");
    let workflow = server.workflow_with(body).await;
    server
        .admin()
        .run(&workflow, json!({ "name": "Ada" }))
        .await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    browser
        .goto(&format!("/dashboard/workflows/{workflow}"))
        .await;
    browser.press("Edit").await;
    paste(&browser, &greeting(said("after"))).await;
    browser.press("Save").await;
    browser.press("all versions").await;
    browser.press("with 1").await;
    let text = browser.text().await;
    let changed = |sign: &str, word: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.starts_with(sign) && line.contains(word))
    };
    assert!(changed("-", "before") || changed("−", "before"), "{text}");
    assert!(changed("+", "after"), "{text}");
    axe::check_in_light_and_dark(&browser).await;
    browser.picture("workflow-difference-light").await;
    browser.close(&[]).await;
}

#[tokio::test]
async fn a_click_on_a_picture_leads_to_the_step_and_scripts_stay_text() {
    let server = TestServer::start().await;
    let step = json!({ "id": "said", "name": SCRIPT, "type": "transform", "config": { "sourceData": SCRIPT } });
    let mut body: Value = serde_json::from_str(&greeting(step)).expect("JSON");
    body["name"] = json!(SCRIPT);
    body["description"] = json!(SCRIPT);
    let workflow = server.workflow_with(body).await;
    let Some(browser) = Browser::signed_in(&server).await else {
        return;
    };
    let page = format!("/dashboard/workflows/{workflow}");
    browser.goto(&page).await;
    let node = browser
        .find("//*[local-name() = 'svg']//*[local-name() = 'a']")
        .await;
    node.click().await.expect("a click");
    browser
        .until("document.querySelector(':target') !== null")
        .await;
    browser
        .until("document.querySelector(':target').getBoundingClientRect().top < innerHeight")
        .await;
    for path in [
        page.as_str(),
        "/dashboard/workflows",
        &format!("{page}/edit"),
        &format!("{page}/run"),
        &format!("{page}/archive"),
        &format!("{page}/versions"),
    ] {
        browser.goto(path).await;
        assert!(
            browser
                .chromium
                .client
                .source()
                .await
                .expect("a page")
                .contains("onerror"),
            "{path}"
        );
        let made =
            "return [document.images.length, document.querySelectorAll('main script').length]";
        assert_eq!(browser.script(made, vec![]).await, json!([0, 0]), "{path}");
        let title = browser.chromium.client.title().await.expect("a title");
        assert_ne!(title, "ran", "{path}");
    }
    browser.close(&[]).await;
}
