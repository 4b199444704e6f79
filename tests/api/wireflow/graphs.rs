//! Graphs that are wrong: each violation with its rule, where it is, and what mends it.

use super::{WORKFLOWS, created, editor, greeting, greeting_with, one, put, read};
use crate::support::{Client, TestServer};
use reqwest::StatusCode;
use serde_json::{Value, json};

fn node(id: &str, node_type: &str, config: Value) -> Value {
    json!({ "id": id, "type": "basedNode", "position": { "x": 0, "y": 0 },
        "data": { "label": id, "nodeType": node_type, "config": config } })
}

fn text(id: &str) -> Value {
    node(id, "input:text", json!({ "prompt": "Hi" }))
}

fn join(id: &str) -> Value {
    node(id, "utility:prompt_concat", json!({}))
}

fn edge(from: &str, out: &str, to: &str, into: &str) -> Value {
    json!({ "id": format!("{from}-{to}"), "source": from, "target": to, "sourceHandle": out, "targetHandle": into })
}

fn graph(nodes: Vec<Value>, edges: Vec<Value>) -> Value {
    json!({ "name": "drawn", "nodes": nodes, "edges": edges })
}

/// `rule|node|edge|message|fix`.
fn lines(findings: &Value) -> Vec<String> {
    let part = |finding: &Value, name: &str| finding[name].as_str().unwrap_or("-").to_owned();
    let findings = findings.as_array().expect("a list");
    findings
        .iter()
        .map(|one| {
            ["rule", "nodeId", "edgeId", "message", "fix"]
                .map(|name| part(one, name))
                .join(" | ")
        })
        .collect()
}

/// The graph is refused by every route that saves, and nothing is written; what `lint` says of it.
async fn refused(client: &Client, made: &Value, body: &Value) -> (Vec<String>, Vec<String>) {
    let linted = client.post("/api/v1/workflows/lint", body.clone()).await;
    assert_eq!(linted.status, StatusCode::OK, "{}", linted.text);
    let linted = linted.json()["data"].take();
    assert_eq!(linted["ok"], false, "{body}");
    let before = read(client, made).await;
    for answer in [
        client.post(WORKFLOWS, body.clone()).await,
        put(client, made, body.clone()).await,
    ] {
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{}",
            answer.text
        );
        let told = answer.json();
        assert_eq!(
            (&told["code"], &told["type"]),
            (&json!("invalid_graph"), &json!("invalid_request_error"))
        );
        assert_eq!(told["migrations"], json!([]));
        for part in ["violations", "warnings"] {
            assert_eq!(told[part], linted[part], "{part}");
        }
        let count = linted["violations"].as_array().map_or(0, Vec::len);
        let errors = if count == 1 {
            "1 error".to_owned()
        } else {
            format!("{count} errors")
        };
        let start = format!("Workflow graph failed validation ({errors}). ");
        assert!(
            told["error"]
                .as_str()
                .is_some_and(|text| text.starts_with(&start)),
            "{told}"
        );
    }
    assert_eq!(read(client, made).await, before);
    (lines(&linted["violations"]), lines(&linted["warnings"]))
}

/// A graph, and the one violation that it has.
type Row = (Value, &'static str);

fn wrong_edges() -> Vec<Row> {
    vec![
        (
            graph(
                vec![join("a"), join("b")],
                vec![
                    edge("a", "out-prompt", "b", "in-prompt1"),
                    edge("b", "out-prompt", "a", "in-prompt1"),
                ],
            ),
            "cycle | a | - | the edges go round in a circle: `a` → `b` → `a` | remove one of these edges; no node can need its own output",
        ),
        (
            graph(vec![text("a")], vec![edge("a", "out-text", "gone", "in-x")]),
            "dangling-edge | - | a-gone | the target of edge `a-gone` is `gone`, which is no node | set `target` to the id of a node, or remove the edge",
        ),
        (
            graph(
                vec![text("a"), join("b")],
                vec![edge("a", "out-txt", "b", "in-prompt1")],
            ),
            "bad-source-handle | a | a-b | `out-txt` is no handle of `a` (input:text) | did you mean `out-text`?",
        ),
        (
            graph(
                vec![text("a"), join("b")],
                vec![edge("a", "out-text", "b", "in-promt1")],
            ),
            "bad-target-handle | b | a-b | `in-promt1` is no handle of `b` (utility:prompt_concat) | did you mean `in-prompt1`?",
        ),
        (
            graph(
                vec![
                    node(
                        "a",
                        "input:image",
                        json!({ "image": "https://x.example/a.png" }),
                    ),
                    join("b"),
                ],
                vec![edge("a", "out-image", "b", "in-prompt1")],
            ),
            "incompatible-ports | b | a-b | `out-image` of `a` gives IMAGE, `in-prompt1` of `b` takes TEXT | connect handles of the same type",
        ),
    ]
}

fn wrong_nodes() -> Vec<Row> {
    let many = |count: usize| {
        (0..count)
            .map(|n| text(&format!("n{n}")))
            .collect::<Vec<_>>()
    };
    vec![
        (
            graph(vec![text("a"), text("a")], vec![]),
            "duplicate-node-id | a | - | nodes[1] has the id `a`, which nodes[0] has too | give each node an id of its own",
        ),
        (
            graph(many(101), vec![]),
            "too-many-nodes | - | - | the graph has 101 nodes; at most 100 are allowed | remove 1 nodes, or split the graph with `blueprint:invoke`",
        ),
        (
            fan(many(26)),
            "too-many-edges | - | - | the graph has 501 edges; at most 500 are allowed | remove 1 edges, or split the graph with `blueprint:invoke`",
        ),
        (
            graph(vec![json!({ "id": "a" })], vec![]),
            "missing-data | a | - | node `a` has no `data` | add `\"data\": {\"nodeType\": \"…\", \"config\": {…}}`",
        ),
        (
            graph(vec![node("a", "input:txt", json!({}))], vec![]),
            "unknown-node-type | a | - | node `a` has the unknown type `input:txt` | did you mean `input:text`?",
        ),
        (
            graph(vec![node("a", "input:text", json!("Hi"))], vec![]),
            "bad-config | a | - | `data.config` of node `a` is \"Hi\" | it must be an object",
        ),
    ]
}

/// From these nodes 501 edges.
fn fan(mut nodes: Vec<Value>) -> Value {
    nodes.extend((0..21).map(|n| node(&format!("p{n}"), "output:preview", json!({}))));
    let edges = (0..501).map(|n| {
        let (from, to) = (format!("n{}", n / 20), format!("p{}", n % 20));
        let mut one = edge(&from, "out-text", &to, "in-value");
        one["id"] = json!(format!("e{n}"));
        one
    });
    graph(nodes, edges.collect())
}

#[tokio::test]
async fn each_mistake_is_told_with_its_place_and_what_mends_it() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let mut wrong = Vec::new();
    for (body, expected) in wrong_edges().into_iter().chain(wrong_nodes()) {
        let (violations, _) = refused(&client, &made, &body).await;
        if violations != [expected] {
            wrong.push(format!("{expected}\nbut\n{}", violations.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let list = client.get(WORKFLOWS).await.json();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn several_mistakes_are_told_at_once() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = created(&client, greeting()).await;
    let body = graph(
        vec![
            text("a"),
            text("a"),
            json!({ "id": "b" }),
            node("c", "utility:promt_concat", json!({})),
        ],
        vec![
            edge("a", "out-nothing", "c", "in-prompt1"),
            edge("gone", "out-x", "a", "in-y"),
        ],
    );
    let (violations, _) = refused(&client, &made, &body).await;
    let rules: Vec<&str> = violations
        .iter()
        .filter_map(|line| line.split(" | ").next())
        .collect();
    for rule in [
        "duplicate-node-id",
        "dangling-edge",
        "missing-data",
        "unknown-node-type",
    ] {
        assert!(rules.contains(&rule), "{rule}: {rules:?}");
    }
}

#[tokio::test]
async fn parameters_are_read_wherever_they_stand() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let place = |data: Value| graph(vec![json!({ "id": "a", "data": data })], vec![]);
    for (data, warning) in [
        (
            json!({ "nodeType": "input:text", "config": { "prompt": "Hi" } }),
            None,
        ),
        (
            json!({ "nodeType": "input:text", "params": { "prompt": "Hi" } }),
            Some(
                "misplaced-parameter | a | - | node `a` has its parameter `prompt` in `data.params` | move it to `data.config.prompt`, where editors keep it",
            ),
        ),
        (
            json!({ "nodeType": "input:text", "prompt": "Hi" }),
            Some(
                "misplaced-parameter | a | - | node `a` has its parameter `prompt` in `data` | move it to `data.config.prompt`, where editors keep it",
            ),
        ),
    ] {
        let saved = created(&client, place(data)).await;
        assert_eq!(saved["nodes"][0]["data"]["output"]["text"], "Hi");
        let warnings = lines(&saved["meta"]["warnings"]);
        assert_eq!(warnings, warning.into_iter().collect::<Vec<_>>());
    }
    let unlisted = created(
        &client,
        graph(vec![node("a", "generate:flux", json!({}))], vec![]),
    )
    .await;
    assert_eq!(
        lines(&unlisted["meta"]["warnings"]),
        [
            "unlisted-node-type | a | - | node `a`: the server does not run `generate:flux` itself, so its handles are not checked | map it in `node_backends`, for example `\"generate:*\"`, or its runs fail"
        ]
    );
}

#[tokio::test]
async fn without_strictness_all_is_saved_that_could_be_run() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let loose = "/api/v1/workflows?strict=false";
    let odd = graph(
        vec![text("a"), join("b")],
        vec![edge("a", "out-txt", "b", "in-prompt1")],
    );
    let answer = client.post(loose, odd.clone()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let saved = answer.json();
    assert!(lines(&saved["meta"]["warnings"])[0].starts_with("bad-source-handle | a | a-b | "));
    assert_eq!(read(&client, &saved).await["edges"], odd["edges"]);
    let again = format!("{}?strict=false", one(&saved));
    let answer = client.send(reqwest::Method::PUT, &again, odd).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let circle = graph(
        vec![join("a")],
        vec![edge("a", "out-prompt", "a", "in-prompt1")],
    );
    let answer = client.post(loose, circle).await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answer.text
    );
    let bad = client
        .post("/api/v1/workflows?strict=perhaps", greeting())
        .await;
    assert_eq!(
        bad.json()["error"],
        "`strict` in the query string: it is `true` or `false`."
    );
}

#[tokio::test]
async fn a_check_takes_whatever_is_sent_and_stores_nothing() {
    let server = TestServer::start().await;
    let reader = server.wireflow_with(&["workflows:read"]).await;
    for (body, ok) in [
        (greeting(), true),
        (json!({ "nodes": [], "edges": [] }), true),
        (json!({}), false),
        (json!({ "nodes": 5, "edges": "x" }), false),
        (json!({ "nodes": [5, null, "x", []], "edges": [7] }), false),
        (greeting_with(json!({ "edges": [{}] })), false),
    ] {
        let answer = reader.post("/api/v1/workflows/lint", body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(
            answer.json()["data"]["ok"],
            json!(ok),
            "{body}: {}",
            answer.text
        );
        assert_eq!(
            answer.header("x-ratelimit-limit"),
            Some("1000"),
            "it counts as a read"
        );
    }
    assert_eq!(reader.get(WORKFLOWS).await.json(), json!([]));
}
