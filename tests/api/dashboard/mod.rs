//! The dashboard over HTTP, as a browser without a script sees it: pages, forms, one cookie.

mod audit;
mod connections;
mod every_page;
mod forms;
mod keys;
mod runs;
mod schedules;
mod secrets;
mod settings;
mod sign_in;
mod usage;
mod workflows;

use crate::support::TestServer;
use reqwest::header::{HeaderMap, HeaderValue};
use std::sync::Mutex;

pub(crate) const PASSWORD: &str = "three small boats";

/// A browser that follows no redirect by itself, and holds the server's cookie.
pub(crate) struct Browser {
    http: reqwest::Client,
    url: String,
    cookie: Mutex<Option<String>>,
}

/// A page, read whole.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Browser {
    /// Nobody yet.
    pub(crate) fn new(server: &TestServer) -> Browser {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Browser {
            http,
            url: server.url.clone(),
            cookie: Mutex::new(None),
        }
    }

    /// Somebody who has set the server's first password.
    pub(crate) async fn signed_in(server: &TestServer) -> Browser {
        let browser = Browser::new(server);
        let page = browser.set_up(server, PASSWORD).await;
        assert_eq!(page.status, 303, "{}", page.text);
        browser
    }

    pub(crate) async fn set_up(&self, server: &TestServer, password: &str) -> Page {
        let link = server.set_up_url.clone().expect("a set-up link");
        let path = link.strip_prefix(&self.url).expect("a link of this server");
        self.post(path, &[("password", password), ("again", password)])
            .await
    }

    pub(crate) async fn sign_in(&self, password: &str) -> Page {
        self.post("/dashboard/sign-in", &[("password", password)])
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(self.http.get(format!("{}{path}", self.url)))
            .await
    }

    /// Sends a form, as from a page of the server.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let origin = self.origin();
        self.post_from(Some(&origin), path, fields).await
    }

    /// Sends a form, as from a page of this origin.
    pub(crate) async fn post_from(
        &self,
        origin: Option<&str>,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Page {
        let body = serde_urlencoded::to_string(fields).expect("a form");
        let mut request = self
            .http
            .post(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        self.send(request).await
    }

    pub(crate) fn cookie(&self) -> Option<String> {
        self.cookie.lock().expect("a cookie").clone()
    }

    /// Holds this cookie in place of any other.
    pub(crate) fn hold(&self, cookie: Option<String>) {
        *self.cookie.lock().expect("a cookie") = cookie;
    }

    fn origin(&self) -> String {
        let parsed = reqwest::Url::parse(&self.url).expect("a URL");
        parsed.origin().ascii_serialization()
    }

    async fn send(&self, mut request: reqwest::RequestBuilder) -> Page {
        if let Some(cookie) = self.cookie() {
            request = request.header("cookie", cookie);
        }
        let answer = request.send().await.expect("an answer");
        let headers = answer.headers().clone();
        if let Some(set) = headers.get("set-cookie").map(text) {
            let pair = set.split(';').next().unwrap_or_default();
            let is_empty = pair.ends_with('=');
            self.hold((!is_empty).then(|| pair.to_owned()));
        }
        Page {
            status: answer.status().as_u16(),
            headers,
            text: answer.text().await.expect("a text"),
        }
    }
}

fn text(value: &HeaderValue) -> String {
    value.to_str().expect("a text").to_owned()
}
