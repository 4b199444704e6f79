//! Keys that are bound to one workflow, or to a prefix of names: what they see, and that the rest is not there for them.

use super::{WORKFLOWS, definition, names, put, say, text};
use crate::support::{Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SCOPES: [&str; 5] = [
    "workflows:read",
    "workflows:write",
    "workflows:execute",
    "runs:read",
    "audit:read",
];

struct Bench {
    server: TestServer,
    mine: String,
    other: String,
    other_run: String,
    key: Client,
}

impl Bench {
    /// `binding` names the workflow `team-a/mine`.
    async fn start(binding: impl FnOnce(&str) -> Value) -> Bench {
        let server = TestServer::start().await;
        let mine = server.workflow("team-a/mine", say("mine")).await;
        let other = server.workflow("team-b/other", say("other")).await;
        let mut body = json!({ "name": "bound", "scopes": SCOPES });
        let binding = binding(&mine).as_object().expect("an object").clone();
        body.as_object_mut().expect("an object").extend(binding);
        let (_, key) = server.with_key(body).await;
        let other_run = server.admin().run(&other, json!({})).await;
        key.run(&mine, json!({})).await;
        Bench {
            other_run: text(&other_run["runId"]),
            server,
            mine,
            other,
            key,
        }
    }

    async fn sees_only_its_own(&self) {
        let (key, other, run) = (&self.key, &self.other, &self.other_run);
        for query in [
            "",
            "?status=active",
            "?search=team",
            "?search=other",
            "?limit=1",
        ] {
            let list = key.get(&format!("{WORKFLOWS}{query}")).await;
            assert_eq!(list.json()["meta"], json!({ "hasMore": false }), "{query}");
            assert!(!list.text.contains("team-b"), "{query}");
        }
        for query in ["", "?status=completed", "?limit=1"] {
            let runs = key.get(&format!("/api/v1/runs{query}")).await.json();
            assert_eq!(runs["meta"], json!({ "hasMore": false }), "{query}");
            let runs = runs["data"].as_array().expect("a list").clone();
            assert_eq!(runs.len(), 1, "{query}");
            assert_eq!(runs[0]["workflowId"], json!(self.mine));
        }
        let foreign = key
            .get(&format!("/api/v1/runs?workflowId={other}"))
            .await
            .data();
        assert_eq!(foreign, json!([]));
        let nobody = key.get(&format!("{WORKFLOWS}/nobody")).await.text;
        for (method, path) in [
            (Method::GET, format!("{WORKFLOWS}/{other}")),
            (Method::PUT, format!("{WORKFLOWS}/{other}")),
            (Method::DELETE, format!("{WORKFLOWS}/{other}")),
            (Method::DELETE, format!("{WORKFLOWS}/{other}?purge=true")),
            (Method::POST, format!("{WORKFLOWS}/{other}/activate")),
            (Method::POST, format!("{WORKFLOWS}/{other}/pause")),
            (Method::POST, format!("{WORKFLOWS}/{other}/run")),
            (Method::GET, format!("{WORKFLOWS}/{other}/versions")),
            (Method::GET, format!("{WORKFLOWS}/{other}/versions/1")),
            (
                Method::POST,
                format!("{WORKFLOWS}/{other}/versions/1/restore"),
            ),
            (Method::GET, format!("/api/v1/runs/{run}")),
            (Method::GET, format!("/api/v1/runs/{run}/logs")),
            (Method::GET, format!("/api/v1/runs/{run}/events")),
            (Method::POST, format!("/api/v1/runs/{run}/cancel")),
            (Method::POST, format!("/api/v1/runs/{run}/retry")),
        ] {
            let answer = key.send(method, &path, json!({})).await;
            assert_eq!(
                answer.status,
                StatusCode::NOT_FOUND,
                "{path}: {}",
                answer.text
            );
            // As if it were not there at all.
            assert_eq!(answer.text.replace("run,", "workflow,"), nobody, "{path}");
        }
    }
}

#[tokio::test]
async fn a_key_bound_to_one_workflow() {
    let bench = Bench::start(|mine| json!({ "workflowId": mine })).await;
    bench.sees_only_its_own().await;
    let key = &bench.key;
    let created = key.post(WORKFLOWS, definition("team-a/second")).await;
    assert_eq!(created.status, StatusCode::FORBIDDEN, "{}", created.text);
    // It may rename what it is bound to: the binding is by id.
    let renamed = put(key, &bench.mine, json!({ "name": "team-b/mine" })).await;
    assert_eq!(renamed.status, StatusCode::OK, "{}", renamed.text);
    assert_eq!(names(&key.get(WORKFLOWS).await.data()), ["team-b/mine"]);
    assert_eq!(
        names(&bench.server.admin().get(WORKFLOWS).await.data()).len(),
        3
    );
}

#[tokio::test]
async fn a_key_bound_to_a_prefix() {
    let bench = Bench::start(|_| json!({ "workflowPrefix": "team-a/" })).await;
    bench.sees_only_its_own().await;
    let key = &bench.key;
    for (name, status) in [
        ("team-a/second", StatusCode::CREATED),
        ("team-b/second", StatusCode::FORBIDDEN),
        ("Team-a/second", StatusCode::FORBIDDEN),
        (" team-a/second", StatusCode::FORBIDDEN),
    ] {
        let answer = key.post(WORKFLOWS, definition(name)).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.text);
    }
    let away = put(key, &bench.mine, json!({ "name": "team-b/mine" })).await;
    assert_eq!(
        away.status,
        StatusCode::FORBIDDEN,
        "no key pushes a workflow out of its reach"
    );
    assert_eq!(
        names(&key.get(WORKFLOWS).await.data()),
        ["team-a/second", "team-a/mine"]
    );
    // Renamed by somebody else, it is out of reach, with its runs.
    let renamed = put(
        &bench.server.admin(),
        &bench.mine,
        json!({ "name": "moved" }),
    )
    .await;
    assert_eq!(renamed.status, StatusCode::OK);
    let path = format!("{WORKFLOWS}/{}", bench.mine);
    assert_eq!(key.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(key.get("/api/v1/runs").await.data(), json!([]));
}

#[tokio::test]
async fn a_prefix_is_taken_literally() {
    let server = TestServer::start().await;
    for name in ["a%b", "a_b", "axb", "a"] {
        server.workflow(name, say("x")).await;
    }
    for (prefix, expected) in [("a%", "a%b"), ("a_", "a_b"), ("ax", "axb")] {
        let body = json!({ "name": "bound", "scopes": SCOPES, "workflowPrefix": prefix });
        let (_, key) = server.with_key(body).await;
        assert_eq!(names(&key.get(WORKFLOWS).await.data()), [expected]);
    }
}
