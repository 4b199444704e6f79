//! What is told of executions under way and after their end, and that nodes wait for what they need and for nothing else.

use super::executing::{SCOPES, Wireflow, graph, node};
use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A server that has `generate:one` and `generate:two` run elsewhere.
async fn with_backends() -> (TestServer, Upstream) {
    let upstream = Upstream::start().await;
    let backends = ["one", "two"].map(|name| {
        let url = upstream.url(&format!("/{name}"));
        (format!("generate:{name}"), url)
    });
    let server = TestServer::start_with(Clock::system(), |config| {
        config.node_backends = backends.to_vec();
    })
    .await;
    (server, upstream)
}

fn state<'a>(execution: &'a Value, node: &str) -> &'a Value {
    let states = execution["nodeStates"].as_array().expect("a list");
    let state = states.iter().find(|state| state["nodeId"] == node);
    state.unwrap_or_else(|| panic!("no node {node}: {execution}"))
}

#[tokio::test]
async fn nodes_that_do_not_need_each_other_are_under_way_at_the_same_time() {
    let (server, upstream) = with_backends().await;
    let gates = ["/one", "/two"].map(|path| upstream.hold(path));
    let client = Wireflow::with(&server, &SCOPES).await;
    let graph = graph(
        &[
            node("text", "input:text", json!({ "prompt": "x" })),
            node("one", "generate:one", json!({})),
            node("two", "generate:two", json!({})),
            node("both", "output:preview", json!({})),
        ],
        &[
            "text.prompt>one.prompt",
            "text.prompt>two.prompt",
            "one.held>both.value",
            "two.held>both.value",
        ],
    );
    let workflow = client.create("both", &graph).await;
    let id = client.run(&workflow).await;
    // Neither is answered before both are asked.
    upstream.until_called("/one", 1).await;
    upstream.until_called("/two", 1).await;
    let poll = client
        .get(&format!("/workflows/executions/{id}/poll"))
        .await
        .json();
    let statuses = ["text", "one", "two", "both"].map(|node| &state(&poll, node)["status"]);
    assert_eq!(
        (&poll["status"], statuses),
        (
            &json!("RUNNING"),
            [
                &json!("COMPLETED"),
                &json!("RUNNING"),
                &json!("RUNNING"),
                &json!("PENDING")
            ]
        )
    );
    assert_eq!(
        (&poll["endTime"], &poll["finalOutput"]),
        (&Value::Null, &Value::Null)
    );
    gates.iter().for_each(crate::upstream::Gate::open);
    let ended = client.ended(&id).await;
    assert_eq!(
        ended["finalOutput"]["results"],
        json!({ "both": { "value": [true, true] } })
    );
}

#[tokio::test]
async fn one_that_waits_for_its_turn_is_told_as_running() {
    let (server, upstream) = with_backends().await;
    let gate = upstream.hold("/one");
    let client = Wireflow::with(&server, &SCOPES).await;
    let draw = graph(&[node("draw", "generate:one", json!({}))], &[]);
    let workflow = client.create("draw", &draw).await;
    let admin = server.admin();
    let limited = admin
        .send(
            Method::PUT,
            &format!("/api/v1/workflows/{workflow}"),
            json!({ "settings": { "maxConcurrentRuns": 1 } }),
        )
        .await;
    assert_eq!(limited.status, StatusCode::OK, "{}", limited.text);
    let first = client.run(&workflow).await;
    upstream.until_called("/one", 1).await;
    let second = client.run(&workflow).await;
    let native = admin.get(&format!("/api/v1/runs/{second}")).await.data();
    assert_eq!(native["status"], "pending");
    let poll = client
        .get(&format!("/workflows/executions/{second}/poll"))
        .await
        .json();
    assert_eq!(
        (&poll["status"], &poll["nodeStates"][0]["status"]),
        (&json!("RUNNING"), &json!("PENDING"))
    );
    let history = client
        .get(&format!("/workflows/{workflow}/executions"))
        .await
        .json();
    assert_eq!(history["executions"][0]["status"], "RUNNING");
    gate.open();
    for execution in [first, second] {
        assert_eq!(client.ended(&execution).await["status"], "COMPLETED");
    }
}

/// Clients read `text` as a text, and show `outputUrl` only if `outputUrls` has it.
#[tokio::test]
async fn a_text_is_a_text_or_null_and_the_first_url_is_among_all() {
    let (server, upstream) = with_backends().await;
    let urls = json!({ "images": ["https://e.example/1.png", "https://e.example/2.png", "https://e.example/1.png"],
        "note": "see https://e.example/3.png" });
    upstream.answer("/one", move |_, _| Reply::json(200, &urls));
    let client = Wireflow::with(&server, &SCOPES).await;
    let extract = json!({ "paths": "{\"a\":\"$.a\",\"b\":\"$.b\"}" });
    let graph = graph(
        &[
            node(
                "text",
                "input:text",
                json!({ "prompt": "{\"a\":{\"c\":1},\"b\":2}" }),
            ),
            node("number", "input:number", json!({ "value": 7.5 })),
            node("toggle", "input:toggle", json!({ "value": false })),
            node("parts", "utility:json_multi_extract", extract),
            node("object", "output:preview", json!({})),
            node("draw", "generate:one", json!({})),
            node("broken", "video:veo", json!({})),
        ],
        &["text.text>parts.json", "parts.a>object.value"],
    );
    let workflow = client.create("texts", &graph).await;
    let id = client.run(&workflow).await;
    let ended = client.ended(&id).await;
    let (none, two) = (
        json!([]),
        json!(["https://e.example/1.png", "https://e.example/2.png"]),
    );
    for (node, text, output_url, output_urls) in [
        (
            "text",
            json!("{\"a\":{\"c\":1},\"b\":2}"),
            Value::Null,
            &none,
        ),
        ("number", json!("7.5"), Value::Null, &none),
        ("toggle", json!("false"), Value::Null, &none),
        ("parts", Value::Null, Value::Null, &none),
        ("object", Value::Null, Value::Null, &none),
        ("draw", Value::Null, json!("https://e.example/1.png"), &two),
        ("broken", Value::Null, Value::Null, &none),
    ] {
        let told = state(&ended, node);
        assert_eq!(
            (&told["text"], &told["outputUrl"], &told["outputUrls"]),
            (&text, &output_url, output_urls),
            "{node}"
        );
        assert_eq!(told["error"].is_string(), node == "broken", "{told}");
    }
    assert!(ended["error"].is_string(), "{ended}");
}

#[tokio::test]
async fn a_workflow_tells_how_often_it_was_executed_and_when_last() {
    let server = TestServer::start_with_manual_clock().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let text = graph(&[node("text", "input:text", json!({ "prompt": "a" }))], &[]);
    let workflow = client.create("counted", &text).await;
    let told = async || {
        let read = client.get(&format!("/workflows/{workflow}")).await.json();
        let listed = client.get("/workflows").await.json()[0].take();
        for field in ["executionCount", "lastExecutedAt"] {
            assert_eq!(read[field], listed[field], "{field}");
        }
        json!([read["executionCount"], read["lastExecutedAt"]])
    };
    assert_eq!(told().await, json!([0, null]));
    for (count, at) in [
        (1, "2024-01-15T10:00:00.000Z"),
        (2, "2024-01-15T10:01:00.000Z"),
    ] {
        let id = client.run(&workflow).await;
        client.ended(&id).await;
        assert_eq!(told().await, json!([count, at]));
        server.clock.advance_ms(60_000);
    }
}

/// What clients ask for again and again stays of a size that can be sent again and again.
#[tokio::test]
async fn large_results_stand_with_their_nodes_and_not_once_more() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let shows: Vec<String> = (0..9).map(|at| format!("show{at}")).collect();
    let mut nodes = vec![node(
        "text",
        "input:text",
        json!({ "prompt": "x".repeat(500_000) }),
    )];
    nodes.extend(shows.iter().map(|id| node(id, "output:preview", json!({}))));
    let edges: Vec<String> = shows
        .iter()
        .map(|id| format!("text.text>{id}.value"))
        .collect();
    let edges: Vec<&str> = edges.iter().map(String::as_str).collect();
    for (count, is_told) in [(3, true), (9, false)] {
        let large = graph(&nodes[..=count], &edges[..count]);
        let workflow = client.create("large", &large).await;
        let ended = client.ended(&client.run(&workflow).await).await;
        assert_eq!(ended["status"], "COMPLETED");
        let results = &ended["finalOutput"]["results"];
        assert_eq!(results["truncated"] != true, is_told);
        assert_eq!(results["sizeBytes"].is_u64(), !is_told);
        let last = state(&ended, &shows[count - 1])["text"].as_str();
        assert_eq!(last.map(str::len), Some(500_000));
    }
}

#[tokio::test]
async fn the_history_goes_from_the_newest_on_in_pages() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let text = graph(&[node("text", "input:text", json!({ "prompt": "a" }))], &[]);
    let workflow = client.create("often", &text).await;
    let other = client.create("other", &text).await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        expected.insert(0, client.run(&workflow).await);
        client.run(&other).await;
    }
    let path = format!("/workflows/{workflow}/executions?limit=2");
    let (mut found, mut query) = (Vec::new(), String::new());
    for (count, has_more) in [(2, true), (1, false)] {
        let page = client.get(&format!("{path}{query}")).await.json();
        let executions = page["executions"].as_array().expect("a list");
        assert_eq!(executions.len(), count);
        found.extend(executions.iter().map(|one| one["id"].clone()));
        assert_eq!(page["nextCursor"].is_string(), has_more, "{page}");
        query = format!("&cursor={}", page["nextCursor"].as_str().unwrap_or("none"));
    }
    assert_eq!(found, expected);
    for wrong in ["?limit=0", "?limit=101", "?cursor=none", "?status=RUNNING"] {
        let refused = client
            .get(&format!("/workflows/{workflow}/executions{wrong}"))
            .await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn a_workflow_goes_when_nothing_of_it_is_under_way() {
    let (server, upstream) = with_backends().await;
    let _gate = upstream.hold("/one");
    let client = Wireflow::with(&server, &SCOPES).await;
    let draw = graph(&[node("draw", "generate:one", json!({}))], &[]);
    let workflow = client.create("draw", &draw).await;
    let id = client.run(&workflow).await;
    upstream.until_called("/one", 1).await;
    let one = format!("/workflows/{workflow}");
    let refused = client.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert!(refused.text.contains(&id), "{}", refused.text);
    let path = format!("/workflows/executions/{id}");
    client.post(&format!("{path}/cancel"), json!({})).await;
    let deleted = client.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
    let gone = client.get(&path).await;
    assert_eq!(gone.text, r#"{"error":"Execution not found"}"#);
}
