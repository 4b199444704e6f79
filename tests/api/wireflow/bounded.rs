//! What a graph may not do: grow without bound, tell the operator's secrets, take what its workflow does not expose, or be
//! charged for what it does not run.

use super::executing::{SCOPES, Wireflow, graph, node};
use crate::runs::server_with_upstream;
use crate::support::TestServer;
use crate::upstream::Reply;
use flowlatch::clock::Clock;
use flowlatch::model::credit::Prices;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Starts what the body says, waits for its end, and gives that.
async fn executed(client: &Wireflow, workflow: &str, body: Value) -> Value {
    let path = format!("/workflows/{workflow}/execute");
    let started = client.post(&path, body).await;
    assert_eq!(started.status, StatusCode::CREATED, "{}", started.text);
    let id = started.json()["executionId"].clone();
    client.ended(id.as_str().expect("an id")).await
}

fn text_of<'a>(ended: &'a Value, node: &str) -> &'a Value {
    let states = ended["nodeStates"].as_array().expect("a list");
    let state = states.iter().find(|state| state["nodeId"] == node);
    &state.expect("a state")["text"]
}

#[tokio::test]
async fn what_is_led_to_a_node_is_bounded_and_so_is_what_it_multiplies() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let large = json!({ "large": "x".repeat(500_000) });
    let routers: Vec<String> = (0..12).map(|at| format!("r{at}")).collect();
    let mut nodes = vec![
        node("large", "input:text", json!({})),
        node("show", "output:preview", json!({})),
        node("other", "output:preview", json!({})),
    ];
    nodes.extend(routers.iter().map(|id| node(id, "logic:router", json!({}))));
    let edges: Vec<String> = routers
        .iter()
        .flat_map(|id| {
            [
                format!("large.text>{id}.value"),
                format!("{id}.value>show.value"),
            ]
        })
        .chain(["r0.value>other.value".to_owned()])
        .collect();
    let edges: Vec<&str> = edges.iter().map(String::as_str).collect();
    let workflow = client.create("wide", &graph(&nodes, &edges)).await;
    let ended = executed(&client, &workflow, json!({ "inputs": large })).await;
    assert_eq!(ended["status"], "FAILED");
    let error = ended["error"].as_str().expect("a text");
    assert!(
        error.contains("step `show`: its inputs would be larger than 5242880 bytes"),
        "{error}"
    );
    assert!(
        text_of(&ended, "other").is_string(),
        "only what is too wide fails"
    );

    let paths = json!({ "paths": { "a": "$", "b": "$", "c": "$" } });
    let nodes = [
        node("large", "input:text", json!({})),
        node("take", "utility:json_multi_extract", paths),
    ];
    let many = client
        .create("many", &graph(&nodes, &["large.text>take.json"]))
        .await;
    let ended = executed(&client, &many, json!({ "inputs": large })).await;
    let error = ended["error"].as_str().expect("a text");
    assert!(
        error.contains("longer than 1048576 bytes (setting `max_output_bytes`)"),
        "{error}"
    );
}

#[tokio::test]
async fn of_the_url_of_a_backend_nothing_is_told_but_its_host() {
    let (_, upstream) = server_with_upstream().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = free.local_addr().expect("an address");
    drop(free);
    let server = TestServer::start_with(Clock::system(), |config| {
        let path = "/path-that-is-a-token";
        config.node_backends = vec![
            ("generate:*".to_owned(), upstream.url(path)),
            ("video:*".to_owned(), format!("http://{closed}{path}")),
        ];
    })
    .await;
    let replies = [
        Reply::json(404, &json!({ "no": "such model" })),
        Reply::json(302, &json!({})).with("location", "ftp://elsewhere"),
        Reply::text(200, "no JSON"),
    ];
    for reply in replies {
        upstream.reply("/path-that-is-a-token", reply);
    }
    let client = Wireflow::with(&server, &SCOPES).await;
    for (node_type, host) in [
        ("generate:flux", upstream.url("")),
        ("generate:flux", upstream.url("")),
        ("generate:flux", upstream.url("")),
        ("video:kling", format!("http://{closed}")),
    ] {
        let draws = graph(&[node("draw", node_type, json!({}))], &[]);
        let workflow = client.create("draws", &draws).await;
        let ended = client.ended(&client.run(&workflow).await).await;
        let told = ended.to_string();
        assert_eq!(ended["status"], "FAILED", "{told}");
        assert!(told.contains(&host) && !told.contains("token"), "{told}");
    }
}

#[tokio::test]
async fn who_may_only_execute_sets_what_the_workflow_exposes_and_nothing_else() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let runner = Wireflow::with(&server, &["workflows:execute", "executions:read"]).await;
    let body = graph(
        &[
            node("open", "input:text", json!({ "prompt": "own" })),
            node("shut", "input:text", json!({ "prompt": "own" })),
            node("join", "utility:prompt_concat", json!({})),
        ],
        &["open.prompt>join.prompt1", "shut.prompt>join.prompt2"],
    );
    let mut saved = body.clone();
    saved["name"] = json!("exposed");
    saved["exposedInputs"] = json!([{ "nodeId": "open", "label": "Topic" }]);
    let made = owner.post("/workflows", saved).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let workflow = made.json()["id"].as_str().expect("an id").to_owned();
    let given = json!({ "Topic": "given", "shut": "given" });
    for target in [Value::Null, json!("join")] {
        for name in ["inputs", "triggerData"] {
            let mut sent = body.clone();
            sent["targetNodeId"] = target.clone();
            sent[name] = given.clone();
            let ended = executed(&runner, &workflow, sent).await;
            assert_eq!(text_of(&ended, "join"), "given\nown", "{target} {name}");
        }
    }
    // So does a start through the native door, in which a label is a name too.
    let path = format!("/api/v1/workflows/{workflow}/run");
    let run = server
        .admin()
        .post(&path, json!({ "input": given, "mode": "sync" }))
        .await;
    assert_eq!(
        run.data()["output"]["join"]["prompt"],
        "given\nown",
        "{}",
        run.text
    );
}

#[tokio::test]
async fn what_is_used_again_is_neither_charged_nor_taken_for_a_new_result() {
    let server = TestServer::start_with(Clock::system(), |config| {
        let prices = vec!["utility:*=2".parse().expect("a price")];
        config.node_prices = Prices::new(prices).expect("prices");
    })
    .await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let mut sent = graph(
        &[
            node("text", "input:text", json!({ "prompt": "a" })),
            node("join", "utility:prompt_concat", json!({ "prompt2": "b" })),
            node("show", "output:preview", json!({})),
        ],
        &["text.prompt>join.prompt1", "join.prompt>show.value"],
    );
    let workflow = client.create("priced", &sent).await;
    client.ended(&client.run(&workflow).await).await;
    sent["targetNodeId"] = json!("show");
    sent["nodes"][1]["data"]["config"]["prompt2"] = json!("changed");
    let execute = format!("/workflows/{workflow}/execute");
    for _ in 0..2 {
        let again = client.post(&execute, sent.clone()).await.json();
        assert_eq!(
            again["staleDependencies"],
            json!([{ "nodeId": "join", "changedKeys": ["prompt2"] }])
        );
        let id = again["executionId"].as_str().expect("an id");
        assert_eq!(text_of(&client.ended(id).await, "show"), "a\nb");
    }
    let usage = client.get("/developer/usage").await.json();
    assert_eq!(
        usage["totals"]["credits"], 2,
        "the first time only: {usage}"
    );
}
