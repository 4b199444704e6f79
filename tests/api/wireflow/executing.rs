//! What tests of executions share: graphs in few words, and a client that waits for their ends.

use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// Every scope that Wireflow knows.
pub(super) const SCOPES: [&str; 6] = [
    "workflows:read",
    "workflows:write",
    "workflows:execute",
    "executions:read",
    "usage:read",
    "apps:execute",
];

/// A client of this door; paths are without `/api/v1`.
#[derive(Clone)]
pub(super) struct Wireflow(Client);

impl Wireflow {
    /// With a new key that has these scopes.
    pub(super) async fn with(server: &TestServer, scopes: &[&str]) -> Wireflow {
        Wireflow(server.wireflow_with(scopes).await)
    }

    /// With a key's text.
    pub(super) fn of(server: &TestServer, key: &str) -> Wireflow {
        Wireflow(server.client(Some(key.to_owned())).bearer())
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Value) -> Answer {
        self.0.send(method, &format!("/api/v1{path}"), body).await
    }

    /// A new workflow of this graph: its id.
    pub(super) async fn create(&self, name: &str, graph: &Value) -> String {
        let body = json!({ "name": name, "nodes": graph["nodes"], "edges": graph["edges"] });
        let created = self.post("/workflows", body).await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
        created.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Runs a workflow without inputs: the execution's id.
    pub(super) async fn run(&self, workflow: &str) -> String {
        let path = format!("/workflows/{workflow}/run");
        let started = self.post(&path, json!({})).await;
        assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
        let id = &started.json()["data"]["executionId"];
        id.as_str().expect("an id").to_owned()
    }

    /// Asks until an execution has ended: what it came to.
    pub(super) async fn ended(&self, execution: &str) -> Value {
        for _ in 0..2_000 {
            let answer = self
                .get(&format!("/workflows/executions/{execution}/poll"))
                .await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            let poll = answer.json();
            if poll["status"] != "RUNNING" {
                return poll;
            }
            // Clients of this door have no other way than to ask again.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("execution {execution} does not end");
    }
}

/// A node of a graph.
pub(super) fn node(id: &str, node_type: &str, config: Value) -> Value {
    json!({
        "id": id, "type": "basedNode", "position": { "x": 0, "y": 0 },
        "data": { "label": id, "nodeType": node_type, "config": config }
    })
}

/// A graph; its edges are written `a.text>b.prompt1`.
pub(super) fn graph(nodes: &[Value], edges: &[&str]) -> Value {
    json!({ "nodes": nodes, "edges": edges.iter().map(|text| edge(text)).collect::<Vec<_>>() })
}

fn edge(text: &str) -> Value {
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
