//! Wireflow's door: graphs of nodes and edges, called as its clients call it, with `Authorization: Bearer sk-…`.

mod credits;
mod executions;
mod triggers;

use crate::support::{Answer, TestServer, described};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// Every scope that Wireflow knows.
pub(crate) const SCOPES: [&str; 6] = [
    "workflows:read",
    "workflows:write",
    "workflows:execute",
    "executions:read",
    "usage:read",
    "apps:execute",
];

/// A client of this door.
#[derive(Clone)]
pub(crate) struct Wireflow {
    server_url: String,
    key: String,
    http: reqwest::Client,
}

impl Wireflow {
    /// With a new key that has these scopes.
    pub(crate) async fn with(server: &TestServer, scopes: &[&str]) -> Wireflow {
        let body = json!({ "name": "wireflow", "format": "sk", "scopes": scopes });
        let (record, _) = server.with_key(body).await;
        let key = record["key"].as_str().expect("the key's text");
        assert!(key.starts_with("sk-"));
        Wireflow::of(server, key)
    }

    pub(crate) fn of(server: &TestServer, key: &str) -> Wireflow {
        Wireflow {
            server_url: server.url.clone(),
            key: key.to_owned(),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    /// `path` without `/api/v1`; `Value::Null` sends no body. The answer is held against the OpenAPI document.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        let url = format!("{}/api/v1{path}", self.server_url);
        let mut request = self
            .http
            .request(method.clone(), url)
            .bearer_auth(&self.key);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = Answer::read(request.send().await.expect("an answer")).await;
        let documented = format!("/wireflow/api/v1{path}");
        described::check(&method, &documented, answer.status, &answer.text);
        answer
    }

    /// A new workflow of this graph: its id.
    pub(crate) async fn create(&self, name: &str, graph: &Value) -> String {
        let body = json!({ "name": name, "nodes": graph["nodes"], "edges": graph["edges"] });
        let created = self.post("/workflows", body).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
        created.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Asks until an execution has ended: what it came to.
    pub(crate) async fn ended(&self, execution: &str) -> Value {
        for _ in 0..2_000 {
            let answer = self
                .get(&format!("/workflows/executions/{execution}/poll"))
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            let poll = answer.json();
            if poll["status"] != "RUNNING" {
                return poll;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("execution {execution} does not end");
    }
}

/// A node of a graph.
pub(crate) fn node(id: &str, node_type: &str, config: Value) -> Value {
    json!({
        "id": id, "type": "basedNode", "position": { "x": 0, "y": 0 },
        "data": { "label": id, "nodeType": node_type, "config": config }
    })
}

/// An edge, written `a.text>b.prompt1`.
pub(crate) fn edge(text: &str) -> Value {
    let (from, to) = text.split_once('>').expect("two ends");
    let ((source, out), (target, into)) = (
        from.split_once('.').expect("a port"),
        to.split_once('.').expect("a port"),
    );
    json!({
        "id": text, "source": source, "target": target,
        "sourceHandle": format!("out-{out}"), "targetHandle": format!("in-{into}")
    })
}

pub(crate) fn graph(nodes: &[Value], edges: &[&str]) -> Value {
    json!({ "nodes": nodes, "edges": edges.iter().map(|text| edge(text)).collect::<Vec<_>>() })
}
