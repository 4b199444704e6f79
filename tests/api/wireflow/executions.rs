//! Executions of graphs: what they are given, come to and leave behind.

use super::executing::{SCOPES, Wireflow, graph, node};
use crate::runs::server_with_upstream;
use crate::support::TestServer;
use crate::upstream::Reply;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Two prompts, joined and shown.
fn joining() -> Value {
    graph(
        &[
            node("topic", "input:text", json!({ "prompt": "a lighthouse" })),
            node("style", "input:text", json!({})),
            node(
                "join",
                "utility:prompt_concat",
                json!({ "separator": ", " }),
            ),
            node("show", "output:preview", json!({})),
        ],
        &[
            "topic.prompt>join.prompt1",
            "style.prompt>join.prompt2",
            "join.prompt>show.value",
        ],
    )
}

async fn run(client: &Wireflow, workflow: &str, inputs: Value) -> Value {
    let started = client
        .post(
            &format!("/workflows/{workflow}/run"),
            json!({ "inputs": inputs }),
        )
        .await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    let data = started.json()["data"].clone();
    assert_eq!(data["status"], "RUNNING");
    client
        .ended(data["executionId"].as_str().expect("an id"))
        .await
}

fn state<'a>(execution: &'a Value, node: &str) -> &'a Value {
    let states = execution["nodeStates"].as_array().expect("a list");
    let state = states.iter().find(|state| state["nodeId"] == node);
    state.unwrap_or_else(|| panic!("no node {node}: {execution}"))
}

#[tokio::test]
async fn the_saved_graph_runs_with_what_it_is_given() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let workflow = client.create("joining", &joining()).await;
    let described = client.get(&format!("/workflows/{workflow}/run")).await;
    assert_eq!(described.status, StatusCode::OK, "{}", described.text);
    let described = described.json()["data"].clone();
    assert_eq!(described["workflowName"], "joining");
    assert_eq!(
        described["inputs"],
        json!([
            { "nodeId": "topic", "label": "topic", "type": "text", "required": false, "default": "a lighthouse" },
            { "nodeId": "style", "label": "style", "type": "text", "required": true },
        ])
    );
    assert_eq!(
        described["example"],
        json!({ "inputs": { "topic": "a lighthouse", "style": "<text>" } })
    );
    assert_eq!(described["method"], "POST");
    assert_eq!(
        described["endpoint"],
        format!("/api/v1/workflows/{workflow}/run")
    );

    let ended = run(&client, &workflow, json!({ "style": "at dusk" })).await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    assert_eq!(ended["error"], Value::Null);
    assert_eq!(state(&ended, "join")["text"], "a lighthouse, at dusk");
    assert_eq!(
        ended["finalOutput"]["results"],
        json!({ "show": { "value": "a lighthouse, at dusk" } })
    );
    let runs = ended["nodeResults"]["nodeRuns"].as_array().expect("a list");
    assert_eq!(runs.len(), 4);
    assert!(runs.iter().all(|run| run["status"] == "COMPLETED"));

    let saved = client.get(&format!("/workflows/{workflow}")).await.json();
    let join = saved["nodes"]
        .as_array()
        .expect("nodes")
        .iter()
        .find(|node| node["id"] == "join");
    assert_eq!(
        join.expect("the node")["data"]["output"],
        json!({ "prompt": "a lighthouse, at dusk" })
    );
}

#[tokio::test]
async fn what_does_not_fit_the_inputs_is_named_and_nothing_is_started() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let workflow = client.create("joining", &joining()).await;
    let path = format!("/workflows/{workflow}/run");
    for (inputs, what) in [
        (json!({}), "input `style` is missing and has no default"),
        (
            json!({ "style": "x", "topik": "y" }),
            "there is no input `topik` (did you mean `topic`?)",
        ),
        (json!({ "style": { "a": 1 } }), "input `style` is"),
    ] {
        let refused = client.post(&path, json!({ "inputs": inputs })).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        let error = refused.json()["error"]
            .as_str()
            .expect("a sentence")
            .to_owned();
        assert!(error.contains(what), "{error}");
    }
    let history = client
        .get(&format!("/workflows/{workflow}/executions"))
        .await;
    assert_eq!(
        history.json(),
        json!({ "executions": [], "nextCursor": null })
    );
}

#[tokio::test]
async fn a_failed_node_fails_what_needs_it_and_nothing_else() {
    let (server, upstream) = server_with_upstream().await;
    drop(upstream);
    let client = Wireflow::with(&server, &SCOPES).await;
    let graph = graph(
        &[
            node("text", "input:text", json!({ "prompt": "x" })),
            node("picture", "generate:flux", json!({})),
            node("after", "output:preview", json!({})),
            node("other", "output:preview", json!({})),
        ],
        &[
            "text.prompt>picture.prompt",
            "picture.image>after.value",
            "text.text>other.value",
        ],
    );
    let workflow = client.create("half", &graph).await;
    let ended = run(&client, &workflow, json!({})).await;
    assert_eq!(ended["status"], "FAILED", "{ended}");
    let error = ended["error"].as_str().expect("a text");
    assert!(
        error.contains("generate:flux") && error.contains("node_backends"),
        "{error}"
    );
    let statuses: Vec<&Value> = ["text", "picture", "after", "other"]
        .iter()
        .map(|node| &state(&ended, node)["status"])
        .collect();
    assert_eq!(statuses, ["COMPLETED", "FAILED", "FAILED", "COMPLETED"]);
    assert_eq!(state(&ended, "other")["text"], "x");
    assert_eq!(ended["finalOutput"], Value::Null);
}

#[tokio::test]
async fn one_node_is_executed_with_the_results_that_are_there() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let workflow = client.create("joining", &joining()).await;
    run(&client, &workflow, json!({ "style": "at dusk" })).await;
    let mut saved = client.get(&format!("/workflows/{workflow}")).await.json();
    let execute = format!("/workflows/{workflow}/execute");
    let body = json!({ "nodes": saved["nodes"], "edges": saved["edges"], "targetNodeId": "show" });
    let executed = client.post(&execute, body).await;
    assert_eq!(executed.status, StatusCode::CREATED, "{}", executed.text);
    let batch = executed.json();
    let id = batch["executionRuns"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    assert_eq!(batch["executionId"], id.as_str());
    assert_eq!(
        executed.header("location"),
        Some(format!("/api/v1/workflows/executions/{id}").as_str())
    );
    assert!(batch.get("staleDependencies").is_none(), "{batch}");
    let ended = client.ended(&id).await;
    let states = ended["nodeStates"].as_array().expect("a list");
    let ran: Vec<&Value> = states.iter().map(|state| &state["nodeId"]).collect();
    assert_eq!(
        ran,
        ["join", "show"],
        "what `join` needed is not run again: {ended}"
    );
    assert_eq!(state(&ended, "show")["text"], "a lighthouse, at dusk");

    saved["nodes"][0]["data"]["config"]["prompt"] = json!("a castle");
    let changed =
        json!({ "nodes": saved["nodes"], "edges": saved["edges"], "targetNodeId": "show" });
    let stale = client.post(&execute, changed.clone()).await.json();
    assert_eq!(
        stale["staleDependencies"],
        json!([{ "nodeId": "topic", "changedKeys": ["prompt"] }])
    );
    let mut forced = changed;
    forced["force"] = json!(true);
    forced["inputs"] = json!({ "style": "at noon" });
    let forced = client.post(&execute, forced).await.json();
    let ended = client
        .ended(forced["executionId"].as_str().expect("an id"))
        .await;
    assert_eq!(
        state(&ended, "show")["text"],
        "a castle, at noon",
        "{ended}"
    );
    let unchanged = client.get(&format!("/workflows/{workflow}")).await.json();
    assert_eq!(
        unchanged["nodes"][0]["data"]["config"]["prompt"],
        "a lighthouse"
    );
}

#[tokio::test]
async fn a_graph_that_is_not_the_saved_one_needs_the_right_to_write() {
    let server = TestServer::start().await;
    let owner = Wireflow::with(&server, &SCOPES).await;
    let runner = Wireflow::with(&server, &["workflows:execute", "executions:read"]).await;
    let workflow = owner.create("joining", &joining()).await;
    let execute = format!("/workflows/{workflow}/execute");
    let mut sent = joining();
    sent["inputs"] = json!({ "style": "at dusk" });
    sent["nodes"][0]["position"] = json!({ "x": 5, "y": 5 });
    let same = runner.post(&execute, sent.clone()).await;
    assert_eq!(same.status, StatusCode::CREATED, "{}", same.text);
    sent["nodes"][0]["data"]["config"]["prompt"] = json!("a castle");
    let other = runner.post(&execute, sent.clone()).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
    assert_eq!(
        other.json(),
        json!({ "error": "Forbidden", "required": ["workflows:write"] })
    );
    let owners = owner.post(&execute, sent).await;
    assert_eq!(owners.status, StatusCode::CREATED, "{}", owners.text);
    let id = owners.json()["executionId"]
        .as_str()
        .expect("an id")
        .to_owned();
    let ended = owner.ended(&id).await;
    assert_eq!(state(&ended, "join")["text"], "a castle, at dusk");
}

#[tokio::test]
async fn nodes_run_side_by_side_and_models_and_backends_are_asked_once() {
    let (_, upstream) = server_with_upstream().await;
    let url = upstream.url("");
    let server = TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
        config.llm_base_url = Some(upstream.url("/v1"));
        config.llm_api_key = Some(flowlatch::secret::SecretText::new(
            "llm-secret-key".to_owned(),
        ));
        config.llm_models = vec![("gpt-4o".to_owned(), "llama3".to_owned())];
        config.node_backends = vec![("generate:*".to_owned(), format!("{url}/generate"))];
    })
    .await;
    let says = json!({ "model": "llama3", "choices": [{ "message": { "content": "A tale." }, "finish_reason": "stop" }] });
    upstream.answer("/v1/chat/completions", move |_, _| Reply::json(200, &says));
    upstream.answer("/generate", |_, _| {
        Reply::json(200, &json!({ "image": "https://img.example/1.png" }))
    });
    let client = Wireflow::with(&server, &SCOPES).await;
    let graph = graph(
        &[
            node("topic", "input:text", json!({ "prompt": "a lighthouse" })),
            node(
                "write",
                "llm:openrouter_router",
                json!({ "model": "gpt-4o", "system_prompt": "Short." }),
            ),
            node("draw", "generate:flux", json!({ "steps": 4 })),
            node("one", "output:preview", json!({})),
            node("two", "output:preview", json!({})),
        ],
        &[
            "topic.prompt>write.prompt",
            "topic.prompt>draw.prompt",
            "write.text>one.value",
            "draw.image>one.value",
            "draw.image>two.value",
        ],
    );
    let workflow = client.create("both", &graph).await;
    let ended = run(&client, &workflow, json!({})).await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    assert_eq!(state(&ended, "write")["text"], "A tale.");
    assert_eq!(
        state(&ended, "draw")["outputUrl"],
        "https://img.example/1.png"
    );
    assert_eq!(
        state(&ended, "two")["outputUrls"],
        json!(["https://img.example/1.png"])
    );
    assert_eq!(ended["finalOutput"]["url"], "https://img.example/1.png");
    let asked = upstream.calls("/v1/chat/completions");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].json()["model"], "llama3");
    assert_eq!(asked[0].headers["authorization"], "Bearer llm-secret-key");
    assert!(!ended.to_string().contains("llm-secret-key"));
    let drawn = upstream.calls("/generate");
    assert_eq!(drawn.len(), 1, "two consumers, one call");
    let posted = drawn[0].json();
    assert_eq!(
        (&posted["nodeType"], &posted["config"], &posted["inputs"]),
        (
            &json!("generate:flux"),
            &json!({ "steps": 4 }),
            &json!({ "prompt": "a lighthouse" })
        )
    );
    assert!(drawn[0].headers.get("authorization").is_none());
    assert!(!drawn[0].key().is_empty(), "it has an idempotency key");
}

#[tokio::test]
async fn an_iterator_runs_what_follows_for_each_item() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let graph = graph(
        &[
            node("list", "iterator:list", json!({ "items": ["a", "b", "c"] })),
            node(
                "join",
                "utility:prompt_concat",
                json!({ "prompt2": "!", "separator": "" }),
            ),
            node("all", "iterator:collect", json!({})),
            node("show", "output:preview", json!({})),
        ],
        &[
            "list.item>join.prompt1",
            "join.prompt>all.item",
            "all.list>show.value",
        ],
    );
    let workflow = client.create("each", &graph).await;
    let ended = run(&client, &workflow, json!({})).await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    assert_eq!(
        ended["finalOutput"]["results"]["show"],
        json!({ "value": ["a!", "b!", "c!"] })
    );
}

#[tokio::test]
async fn another_workflow_is_run_by_a_node_and_cycles_end() {
    let server = TestServer::start().await;
    let client = Wireflow::with(&server, &SCOPES).await;
    let inner = client.create("joining", &joining()).await;
    let outer = graph(
        &[
            node("text", "input:text", json!({ "prompt": "at dawn" })),
            node("inner", "blueprint:invoke", json!({ "workflowId": inner })),
            node("show", "output:preview", json!({})),
        ],
        &["text.prompt>inner.style", "inner.out>show.value"],
    );
    let outer = client.create("outer", &outer).await;
    let ended = run(&client, &outer, json!({})).await;
    assert_eq!(ended["status"], "COMPLETED", "{ended}");
    assert_eq!(state(&ended, "show")["text"], "a lighthouse, at dawn");
}
