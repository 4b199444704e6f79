//! A server for one test, and clients for it. Helpers go through public HTTP; nothing here touches the database.

// Several test binaries include this file, and each uses a part of it.
#![allow(dead_code)]

// By its path, since this file is itself included by its path.
#[path = "described.rs"]
pub(crate) mod described;

use flowlatch::app::{App, Options};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// 2024-01-15T10:00:00Z: where manual clocks begin.
pub(crate) const MONDAY_MS: i64 = 1_705_312_800_000;

/// A running server. Dropping it without `stop` is fine: its folder goes with it.
pub(crate) struct TestServer {
    pub(crate) url: String,
    pub(crate) admin_key: String,
    /// Where the dashboard's password is set, while there is none.
    pub(crate) set_up_url: Option<String>,
    pub(crate) clock: Clock,
    http: reqwest::Client,
    folder: Option<TempDir>,
    data: PathBuf,
    stop: watch::Sender<bool>,
    served: JoinHandle<flowlatch::error::Result<()>>,
}

/// A key at a server. Without text: nobody.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    pub(crate) key: Option<String>,
    /// Whether the key is presented as a bearer, as Wireflow's clients do.
    is_bearer: bool,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl TestServer {
    pub(crate) async fn start() -> TestServer {
        TestServer::start_with(Clock::system(), |_| {}).await
    }

    /// A server whose time stands at [`MONDAY_MS`] until the test moves it.
    pub(crate) async fn start_with_manual_clock() -> TestServer {
        TestServer::start_with(Clock::manual(MONDAY_MS), |_| {}).await
    }

    pub(crate) async fn start_with(
        clock: Clock,
        configure: impl FnOnce(&mut Config),
    ) -> TestServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        let mut server = TestServer::open(&data, clock, configure).await;
        server.folder = Some(folder);
        server
    }

    /// On a folder that outlives the server. `admin_key` is empty unless this was the folder's first start.
    pub(crate) async fn open(
        data: &Path,
        clock: Clock,
        configure: impl FnOnce(&mut Config),
    ) -> TestServer {
        let options = Options {
            clock,
            commit_hook: None,
        };
        TestServer::open_with(data, options, configure).await
    }

    pub(crate) async fn open_with(
        data: &Path,
        options: Options,
        configure: impl FnOnce(&mut Config),
    ) -> TestServer {
        let mut config = Config::new(data);
        config.port = 0;
        config.script_program = Some(env!("CARGO_BIN_EXE_flowlatch").into());
        configure(&mut config);
        let clock = options.clock.clone();
        let app = App::open(config, options).await.expect("the app opens");
        let (stop, stopped) = watch::channel(false);
        let (ready, bound) = oneshot::channel();
        let served = tokio::spawn(app.serve(stopped, move |bound| drop(ready.send(bound))));
        let bound = bound.await.expect("the server binds its port");
        let admin_key = bound
            .first_key
            .map_or(String::new(), |key| key.reveal().to_owned());
        let set_up_url = bound.set_up_url.map(|url| url.expose().to_owned());
        let url = format!("{}{}", bound.url, bound.base_path);
        TestServer {
            url,
            admin_key,
            set_up_url,
            clock,
            http: http_client(),
            folder: None,
            data: data.to_owned(),
            stop,
            served,
        }
    }

    /// Stops as a signal would, and waits for the end.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.served
            .await
            .expect("serving did not panic")
            .expect("serving ended well");
    }

    /// Asks for the stop without waiting.
    pub(crate) fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// One request of the folder's owner, over the control socket: the status.
    #[cfg(unix)]
    pub(crate) async fn owner(&self, method: &str, path: &str) -> u16 {
        self.owner_sends(method, path, &json!({})).await
    }

    /// The same, with a body.
    #[cfg(unix)]
    pub(crate) async fn owner_sends(&self, method: &str, path: &str, body: &Value) -> u16 {
        let http = reqwest::Client::builder()
            .unix_socket(self.data.join("control.sock"))
            .no_proxy()
            .build()
            .expect("a client");
        let method: Method = method.parse().expect("a method");
        let mut request = http.request(method.clone(), format!("http://localhost{path}"));
        if method != Method::GET {
            request = request.json(body);
        }
        request.send().await.expect("an answer").status().as_u16()
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let authority = self
            .url
            .split("://")
            .nth(1)
            .expect("a scheme")
            .split('/')
            .next()
            .expect("an authority");
        authority.parse().expect("an address")
    }

    /// The first key: every permission.
    pub(crate) fn admin(&self) -> Client {
        self.client(Some(self.admin_key.clone()))
    }

    /// Nobody.
    pub(crate) fn anonymous(&self) -> Client {
        self.client(None)
    }

    pub(crate) fn client(&self, key: Option<String>) -> Client {
        Client {
            http: self.http.clone(),
            url: self.url.clone(),
            key,
            is_bearer: false,
        }
    }

    /// A new key of Wireflow's format with these scopes.
    pub(crate) async fn wireflow_with(&self, scopes: &[&str]) -> Client {
        let body = json!({ "name": "test", "scopes": scopes, "format": "sk" });
        self.with_key(body).await.1.bearer()
    }

    /// A new key with these scopes.
    pub(crate) async fn with(&self, scopes: &[&str]) -> Client {
        self.with_key(json!({ "name": "test", "scopes": scopes }))
            .await
            .1
    }

    /// A new key made by this body: its record and a client that presents it.
    pub(crate) async fn with_key(&self, body: Value) -> (Value, Client) {
        let answer = self.admin().post("/api/v1/auth/api-keys", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        let record = answer.data();
        let client = self.client(Some(
            record["key"].as_str().expect("the key's text").to_owned(),
        ));
        (record, client)
    }

    /// A new active workflow with these steps: its id.
    pub(crate) async fn workflow(&self, name: &str, steps: Value) -> String {
        self.workflow_with(json!({ "name": name, "trigger": { "type": "api" }, "steps": steps }))
            .await
    }

    /// A new active workflow made by this body: its id.
    pub(crate) async fn workflow_with(&self, body: Value) -> String {
        let admin = self.admin();
        let created = admin.post("/api/v1/workflows", body).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
        let id = created.data()["id"].as_str().expect("an id").to_owned();
        let activated = admin
            .post(&format!("/api/v1/workflows/{id}/activate"), Value::Null)
            .await;
        assert_eq!(activated.status, StatusCode::OK, "{}", activated.text);
        id
    }
}

/// One for a server, since making one takes longer than many a test.
pub(crate) fn http_client() -> reqwest::Client {
    // A second installation finds the first one and changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

impl Client {
    /// For a server in another process.
    pub(crate) fn new(url: &str, key: Option<String>) -> Client {
        Client {
            http: http_client(),
            url: url.to_owned(),
            key,
            is_bearer: false,
        }
    }

    /// The same key, presented as a bearer.
    pub(crate) fn bearer(&self) -> Client {
        Client {
            is_bearer: true,
            ..self.clone()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    /// `Value::Null` sends no body.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        let mut request = self.request(method.clone(), path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = Answer::read(request.send().await.expect("an answer")).await;
        // A document can say one thing of a path, and says the native door's of what doors share.
        let is_shared = self.is_bearer && path.starts_with("/api/v1/");
        let prefix = if is_shared { "/wireflow" } else { "" };
        let told = format!("{prefix}{path}");
        described::check(&method, &told, answer.status, &answer.headers, &answer.text);
        answer
    }

    /// A request with the key in its header, to be shaped further.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) if self.is_bearer => request.bearer_auth(key),
            Some(key) => request.header("x-api-key", key),
            None => request,
        }
    }

    /// Starts a run and waits for its end: its `data`.
    pub(crate) async fn run(&self, workflow: &str, input: Value) -> Value {
        let body = json!({ "input": input, "mode": "sync" });
        let answer = self
            .post(&format!("/api/v1/workflows/{workflow}/run"), body)
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.data()
    }
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Answer {
        let (status, headers) = (response.status(), response.headers().clone());
        Answer {
            status,
            headers,
            text: response.text().await.expect("a body"),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    pub(crate) fn data(&self) -> Value {
        self.json()["data"].clone()
    }

    pub(crate) fn error_code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
