//! The README's table of refusals beside a server that refuses.

use super::{rows, section};
use flowlatch::app::{App, Options};
use flowlatch::config::Config;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

const KEYS: &str = "/api/v1/auth/api-keys";
const WORKFLOWS: &str = "/api/v1/workflows";

/// A server that gives a body 100 ms to arrive.
struct Impatient {
    http: reqwest::Client,
    url: String,
    admin: String,
    stop: watch::Sender<bool>,
    serving: JoinHandle<flowlatch::error::Result<()>>,
    _folder: TempDir,
}

impl Impatient {
    async fn start() -> Impatient {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::new(folder.path());
        config.port = 0;
        config.body_timeout_ms = 100;
        let app = App::open(config, Options::default())
            .await
            .expect("it opens");
        let (stop, stopped) = watch::channel(false);
        let (ready, bound) = oneshot::channel();
        let serving = tokio::spawn(app.serve(stopped, move |bound| drop(ready.send(bound))));
        let bound = bound.await.expect("it listens");
        let http = reqwest::Client::builder().no_proxy().build();
        Impatient {
            http: http.expect("a client"),
            admin: bound.first_key.expect("a first key").reveal().to_owned(),
            url: bound.url,
            stop,
            serving,
            _folder: folder,
        }
    }

    fn call(&self, method: Method, path: &str, key: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url))
            .header("x-api-key", key)
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.call(Method::POST, path, &self.admin)
    }

    /// What is made by this body.
    async fn made(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path).json(&body).send().await.expect("an answer");
        let mut answer: Value = answer.json().await.expect("JSON");
        answer["data"].take()
    }

    /// A request for each status that can be had without breaking anything, in this order.
    async fn refused(&self) -> Vec<(&'static str, RequestBuilder)> {
        let key =
            json!({ "name": "narrow", "scopes": ["workflows:read"], "limits": { "read": 1 } });
        let key = self.made(KEYS, key).await;
        let narrow = key["key"].as_str().expect("its text");
        let draft = json!({ "name": "draft", "trigger": { "type": "api" }, "steps": [] });
        let draft = self.made(WORKFLOWS, draft).await;
        let run_draft = format!("{WORKFLOWS}/{}/run", draft["id"].as_str().expect("an id"));
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let json_body = |body| {
            let request = self.post(WORKFLOWS);
            request
                .header("content-type", "application/json")
                .body(body)
        };
        let large = vec![b' '; (2 << 20) + 1];
        let get = |path, key| self.call(Method::GET, path, key);
        let admin = self.admin.as_str();
        vec![
            ("400", self.post(WORKFLOWS).json(&json!({}))),
            ("401", self.http.get(format!("{}{WORKFLOWS}", self.url))),
            ("403", get("/api/v1/runs", narrow)),
            ("429", get(WORKFLOWS, narrow)),
            ("404", get("/api/v1/nothing", admin)),
            ("405", self.call(Method::DELETE, WORKFLOWS, admin)),
            ("408", json_body(reqwest::Body::wrap_stream(never))),
            ("409", self.post(&run_draft)),
            ("413", json_body(large.into())),
            ("415", self.post(WORKFLOWS).body("name=x")),
            (
                "421",
                get(WORKFLOWS, admin).header("host", "elsewhere.example"),
            ),
        ]
    }
}

#[tokio::test]
async fn refusals_have_the_status_and_code_of_the_table() {
    let mut table: BTreeMap<String, String> = rows(&section("Refusals"))
        .into_iter()
        .skip(1)
        .map(|row| (row[0].clone(), row[1].trim_matches('`').to_owned()))
        .collect();
    let server = Impatient::start().await;
    for (status, request) in server.refused().await {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_str(), status);
        let body: Value = answer.json().await.expect("JSON");
        let code = table.remove(status).expect("a row");
        assert_eq!(body["error"]["code"], json!(code), "{body}");
    }
    // A fault of the server and a full disk are not asked for here.
    let rest: Vec<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(rest, ["500", "503"]);
    server.stop.send_replace(true);
    server.serving.await.expect("no panic").expect("a good end");
}
