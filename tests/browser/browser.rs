//! Somebody in front of the dashboard: opens pages, reads labels and words, types, clicks. Promise: what the browser complains
//! of, and every request that leaves the server's own pages, is a test's failure.

use crate::chromium::Chromium;
use crate::needed::{chromedriver, chromium, is_there};
use crate::support::TestServer;
use fantoccini::Locator;
use fantoccini::elements::Element;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) const PASSWORD: &str = "three small boats";

/// How long a page may take to become what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked at meanwhile.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

pub(crate) struct Browser {
    pub(crate) chromium: Chromium,
    url: String,
}

/// The folder of what is built.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

impl Browser {
    /// In front of this server, before its first page. `None` where there is no browser: that was said.
    pub(crate) async fn open(server: &TestServer) -> Option<Browser> {
        let parts = [chromium(), chromedriver(), crate::axe::script()];
        let how = "Debian's packages chromium and chromium-driver bring the browser, tests/browser/install fetches axe-core; \
                   CHROMIUM and CHROMEDRIVER name what stands elsewhere";
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test in Chromium");
        if !is_there(test, &parts, "BROWSER_TESTS", how) {
            return None;
        }
        Some(Browser {
            chromium: Chromium::start().await,
            url: server.url.clone(),
        })
    }

    /// The same, signed in by the set-up link.
    pub(crate) async fn signed_in(server: &TestServer) -> Option<Browser> {
        let browser = Browser::open(server).await?;
        browser.set_up(server).await;
        Some(browser)
    }

    /// Sets the first password by the set-up link.
    pub(crate) async fn set_up(&self, server: &TestServer) {
        self.goto(&set_up_path(server)).await;
        self.fill("Password", PASSWORD).await;
        self.fill("The same again", PASSWORD).await;
        self.press("Set the password").await;
        self.until_at("/dashboard/").await;
    }

    /// Opens a page of the server.
    pub(crate) async fn goto(&self, path: &str) {
        let opened = self
            .chromium
            .client
            .goto(&format!("{}{path}", self.url))
            .await;
        opened.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    pub(crate) async fn reload(&self) {
        self.chromium
            .client
            .refresh()
            .await
            .expect("the page again");
    }

    pub(crate) async fn back(&self) {
        self.chromium.client.back().await.expect("a page before");
    }

    /// The path of the page that is shown.
    pub(crate) async fn path(&self) -> String {
        let url = self.chromium.client.current_url().await.expect("a URL");
        url.path().to_owned()
    }

    /// What people read on the page.
    pub(crate) async fn text(&self) -> String {
        let text = self.script("return document.body.innerText", vec![]).await;
        text.as_str().expect("a text").to_owned()
    }

    /// The first element that this XPath finds.
    pub(crate) async fn find(&self, xpath: &str) -> Element {
        let found = self.chromium.client.find(Locator::XPath(xpath)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{xpath}: {error}; the page has: {}", self.text().await),
        }
    }

    /// The field with this label, or with one that begins so.
    pub(crate) async fn field(&self, label: &str) -> Element {
        let label = format!(
            "//label[starts-with(normalize-space(.), {})]",
            quoted(label)
        );
        let kinds = "[self::input or self::select or self::textarea]";
        self.find(&format!(
            "{label}//*{kinds} | //*{kinds}[@id = {label}/@for]"
        ))
        .await
    }

    /// Types into a field in place of what it holds.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field
            .clear()
            .await
            .unwrap_or_else(|error| panic!("{label}: {error}"));
        let typed = field.send_keys(text).await;
        typed.unwrap_or_else(|error| panic!("{label}: {error}"));
    }

    /// Clicks on the box or the knob with this label.
    pub(crate) async fn tick(&self, label: &str) {
        let clicked = self.field(label).await.click().await;
        clicked.unwrap_or_else(|error| panic!("{label}: {error}"));
    }

    /// Picks what reads so from a list.
    pub(crate) async fn pick(&self, label: &str, option: &str) {
        let picked = self.field(label).await.select_by_label(option).await;
        picked.unwrap_or_else(|error| panic!("{label}, {option}: {error}"));
    }

    /// Clicks on the button or the link that reads so.
    pub(crate) async fn click(&self, words: &str) {
        let reads = format!("[normalize-space(.) = {}]", quoted(words));
        let clicked = self
            .find(&format!("//button{reads} | //a{reads} | //summary{reads}"))
            .await;
        let clicked = clicked.click().await;
        clicked.unwrap_or_else(|error| panic!("{words}: {error}"));
    }

    /// Clicks on what leads to another page, and waits for that.
    pub(crate) async fn press(&self, words: &str) {
        self.leave_mark().await;
        self.click(words).await;
        self.until_another_page().await;
    }

    /// Marks the page that is shown, so that it is known from the next one.
    pub(crate) async fn leave_mark(&self) {
        self.script("window.isMarked = true", vec![]).await;
    }

    /// Waits until a page without the mark is there, whole.
    pub(crate) async fn until_another_page(&self) {
        self.until("!window.isMarked && document.readyState === 'complete'")
            .await;
    }

    /// Waits until the shown page's path begins so.
    pub(crate) async fn until_at(&self, path: &str) {
        self.until(&format!("location.pathname.startsWith({})", json!(path)))
            .await;
    }

    /// Waits until these words can be read.
    pub(crate) async fn until_read(&self, words: &str) {
        self.until(&format!(
            "document.body.innerText.includes({})",
            json!(words)
        ))
        .await;
    }

    /// Waits until this JavaScript expression is true of the page.
    pub(crate) async fn until(&self, expression: &str) {
        let code = format!("return Boolean({expression})");
        let looks = async {
            let mut beat = tokio::time::interval(LOOKS_EVERY);
            loop {
                beat.tick().await;
                // Between two pages there is nothing to ask.
                let seen = self.chromium.client.execute(&code, vec![]).await;
                if seen.is_ok_and(|seen| seen == true) {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, looks).await.is_err() {
            let (path, text) = (self.path().await, self.text().await);
            panic!("not within {PATIENCE:?}: {expression}; {path} has: {text}");
        }
    }

    /// What this JavaScript returns on the page.
    pub(crate) async fn script(&self, code: &str, arguments: Vec<Value>) -> Value {
        let told = self.chromium.client.execute(code, arguments).await;
        told.unwrap_or_else(|error| panic!("{code}: {error}"))
    }

    /// What this JavaScript hands to the last of its arguments.
    pub(crate) async fn later(&self, code: &str, arguments: Vec<Value>) -> Value {
        let told = self.chromium.client.execute_async(code, arguments).await;
        told.unwrap_or_else(|error| panic!("{code}: {error}"))
    }

    /// Has pages shown as somebody sees them whose system is `light` or `dark`.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        let features = json!({ "features": [feature] });
        self.chromium
            .tell("Emulation.setEmulatedMedia", features)
            .await;
        self.until(&format!(
            "matchMedia('(prefers-color-scheme: {scheme})').matches"
        ))
        .await;
    }

    /// Leaves a picture of the page in `target/screenshots`.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = target().join("screenshots");
        std::fs::create_dir_all(&folder).expect("a folder for pictures");
        let png = self.chromium.client.screenshot().await.expect("a picture");
        std::fs::write(folder.join(format!("{name}.png")), png).expect("a picture's file");
    }

    /// Ends the browser. Fails if it complained of something else than what is `expected`, each as often as it stands there, or
    /// if anything was asked of another server.
    pub(crate) async fn close(self, expected: &[&str]) {
        let complaints = self.complaints().await;
        assert_eq!(complaints, expected, "what the browser complained of");
        let strangers = self.strangers().await;
        assert!(strangers.is_empty(), "asked for elsewhere: {strangers:?}");
        let Browser { chromium, .. } = self;
        chromium.client.clone().close().await.expect("an end");
    }

    /// The errors and warnings of the browser's console: faults of scripts, what the policy forbade, what was not loaded.
    async fn complaints(&self) -> Vec<String> {
        let mut entries = self.chromium.log("browser").await;
        entries.retain(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        let message = |entry: &Value| {
            let message = entry["message"].as_str().expect("a message");
            message.replace(&self.url, "")
        };
        entries.iter().map(message).collect()
    }

    /// The addresses that pages asked for and that are not of this server.
    async fn strangers(&self) -> Vec<String> {
        let mut found = Vec::new();
        for entry in self.chromium.log("performance").await {
            let event = entry["message"].as_str().expect("an event");
            let event: Value = serde_json::from_str(event).expect("JSON");
            if event["message"]["method"] != "Network.requestWillBeSent" {
                continue;
            }
            let url = event["message"]["params"]["request"]["url"].as_str();
            let url = url.expect("a URL");
            let is_own = url.starts_with(&self.url)
                || url.starts_with("data:")
                || url.starts_with("chrome:");
            if !is_own {
                found.push(url.to_owned());
            }
        }
        found
    }
}

/// The path of the link that sets the first password.
pub(crate) fn set_up_path(server: &TestServer) -> String {
    let link = server.set_up_url.as_deref().expect("a set-up link");
    link.strip_prefix(&server.url)
        .expect("a link of this server")
        .to_owned()
}

/// A text as XPath writes one.
fn quoted(text: &str) -> String {
    if text.contains('\'') {
        format!("\"{text}\"")
    } else {
        format!("'{text}'")
    }
}
