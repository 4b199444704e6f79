//! Executions: the runs of flows, as Flowise's clients see them.

use super::{ask, flow_with, hello, key, made, put, refusal, text};
use crate::support::{Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const ALL: &str = "/flowise/api/v1/executions";

fn one(id: &str) -> String {
    format!("{ALL}/{id}")
}

/// What a flow's drawing says with these nodes between its start and the end.
fn drawn(nodes: &[(&str, &str, Value)], edges: &[(&str, &str, &str)]) -> Value {
    let nodes: Vec<Value> = nodes
        .iter()
        .map(|(id, name, inputs)| {
            json!({ "id": id, "type": "agentFlow", "position": { "x": 0, "y": 0 },
                "data": { "id": id, "label": id, "name": name, "inputs": inputs } })
        })
        .collect();
    let edges: Vec<Value> = edges
        .iter()
        .map(|(from, handle, to)| {
            json!({ "id": format!("{from}{to}"), "source": from, "target": to,
                "sourceHandle": format!("{from}-output-{handle}"), "targetHandle": to })
        })
        .collect();
    json!({ "flowData": json!({ "nodes": nodes, "edges": edges }).to_string() })
}

/// A flow that asks somebody before it answers.
fn asking() -> Value {
    let nodes = [
        (
            "start",
            "startAgentflow",
            json!({ "startInputType": "chatInput" }),
        ),
        (
            "human",
            "humanInputAgentflow",
            json!({ "humanInputDescriptionType": "fixed", "humanInputDescription": "May I?" }),
        ),
        (
            "reply",
            "directReplyAgentflow",
            json!({ "directReplyMessage": "Done" }),
        ),
    ];
    drawn(
        &nodes,
        &[
            ("start", "startAgentflow", "human"),
            ("human", "0", "reply"),
        ],
    )
}

/// A run of a flow that asks somebody `May I?`, as step `human`.
pub(crate) async fn asking_run(server: &TestServer) -> String {
    let flow = made(server, flow_with(asking())).await;
    executed(&server.admin().bearer(), &flow, hello()).await
}

/// A flow that fails.
fn failing() -> Value {
    let nodes = [
        (
            "start",
            "startAgentflow",
            json!({ "startInputType": "chatInput" }),
        ),
        (
            "fails",
            "customFunctionAgentflow",
            json!({ "customFunctionJavascriptFunction": "throw new Error('on purpose')" }),
        ),
    ];
    drawn(&nodes, &[("start", "startAgentflow", "fails")])
}

async fn listed(client: &Client, query: &str) -> (Vec<String>, u64) {
    let answer = client.get(&format!("{ALL}{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let page = answer.json();
    let ids = page["data"].as_array().expect("a list").iter();
    let total = page["total"].as_u64().expect("a number");
    (ids.map(|one| text(&one["id"])).collect(), total)
}

/// The execution of a question, whose answer names it.
async fn executed(client: &Client, flow: &str, body: Value) -> String {
    let answer = ask(client, flow, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    text(&answer.json()["executionId"])
}

#[tokio::test]
async fn an_execution_is_listed_by_what_it_is_and_read_with_what_its_nodes_came_to() {
    let server = TestServer::start().await;
    let admin = server.admin().bearer();
    let echo = made(&server, flow_with(json!({ "name": "Echo of one" }))).await;
    let waits = made(&server, flow_with(asking())).await;
    let fails = made(&server, flow_with(failing())).await;
    let first = executed(&admin, &echo, json!({ "question": "One", "chatId": "c" })).await;
    let second = executed(&admin, &echo, json!({ "question": "Two", "chatId": "d" })).await;
    let stopped = executed(&admin, &waits, hello()).await;
    let failed = ask(&admin, &fails, hello()).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    // A run of no flow is no execution.
    let other = server
        .workflow("other", crate::access::bodies::pure_step())
        .await;
    let run = server
        .admin()
        .post(&format!("/api/v1/workflows/{other}/run"), json!({}))
        .await;
    let run = text(&run.data()["runId"]);

    let (ids, total) = listed(&admin, "").await;
    assert_eq!((ids.len(), total), (4, 4));
    let failed = ids[0].clone();
    assert_eq!(ids[1..], [stopped.clone(), second.clone(), first.clone()]);
    for (query, expected) in [
        (format!("?agentflowId={echo}"), vec![&second, &first]),
        (format!("?id={first}"), vec![&first]),
        ("?sessionId=d".to_owned(), vec![&second]),
        ("?agentflowName=eCHO".to_owned(), vec![&second, &first]),
        ("?agentflowName=%25".to_owned(), vec![]),
        ("?state=STOPPED".to_owned(), vec![&stopped]),
        ("?state=ERROR".to_owned(), vec![&failed]),
        ("?state=FINISHED".to_owned(), vec![&second, &first]),
        ("?state=INPROGRESS".to_owned(), vec![]),
        (
            "?state=NONE".to_owned(),
            vec![&failed, &stopped, &second, &first],
        ),
        ("?startDate=2100-01-01T00:00:00Z".to_owned(), vec![]),
        ("?endDate=2020-01-01T00:00:00Z".to_owned(), vec![]),
        (format!("?agentflowId={other}"), vec![]),
    ] {
        let (found, total) = listed(&admin, &query).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
        assert_eq!(total, expected.len() as u64, "{query}");
    }
    let page = listed(&admin, "?page=2&limit=3").await;
    assert_eq!(page, (vec![first.clone()], 4));
    for (query, status) in [
        ("?limit=101", 400),
        ("?page=-1", 412),
        ("?startDate=x", 400),
    ] {
        let refused = admin.get(&format!("{ALL}{query}")).await;
        assert_eq!(refusal(&refused).0, status, "{query}");
    }
    told_whole(&admin, &first, &echo).await;
    told_while_it_waits(&server, &stopped, &waits).await;
    for unknown in [run.as_str(), "run_none", "x"] {
        let (status, message) = refusal(&admin.get(&one(unknown)).await);
        assert_eq!(
            (status, message),
            (404, format!("Execution {unknown} not found"))
        );
    }
}

async fn told_whole(admin: &Client, id: &str, flow: &str) {
    let told = admin.get(&one(id)).await.json();
    assert_eq!(
        told["agentflow"],
        json!({ "id": flow, "name": "Echo of one" })
    );
    let expected = json!(["FINISHED", "c", false, flow]);
    let found = json!([
        told["state"],
        told["sessionId"],
        told["isPublic"],
        told["agentflowId"]
    ]);
    assert_eq!(found, expected);
    assert_eq!(told["stoppedDate"], told["updatedDate"]);
    let nodes: Value = serde_json::from_str(&text(&told["executionData"])).expect("JSON");
    assert_eq!(nodes[1]["data"]["output"]["content"], "You said: One");
    assert_eq!(nodes.as_array().map(Vec::len), Some(2));
    assert_eq!(told.get("action"), None);
}

/// One that waits says so, and what it asks; answered, it has ended; and one that was ended is told as such.
async fn told_while_it_waits(server: &TestServer, id: &str, flow: &str) {
    let admin = &server.admin().bearer();
    let told = admin.get(&one(id)).await.json();
    assert_eq!(told["state"], "STOPPED");
    let action: Value = serde_json::from_str(&text(&told["action"])).expect("JSON");
    assert_eq!(action["data"]["input"], "May I?");
    let kept = admin.send(Method::DELETE, &one(id), Value::Null).await;
    assert_eq!(kept.status, StatusCode::CONFLICT, "{}", kept.text);
    let session = text(&told["sessionId"]);
    let answer = json!({ "chatId": session, "humanInput": { "type": "proceed" } });
    assert_eq!(executed(admin, flow, answer).await, id);
    assert_eq!(admin.get(&one(id)).await.json()["state"], "FINISHED");
    let other = executed(admin, flow, hello()).await;
    let cancelled = format!("/api/v1/runs/{other}/cancel");
    let ended = server.admin().post(&cancelled, Value::Null).await;
    assert_eq!(ended.status, StatusCode::OK, "{}", ended.text);
    assert_eq!(admin.get(&one(&other)).await.json()["state"], "TERMINATED");
}

#[tokio::test]
async fn a_public_execution_is_shown_to_everybody_without_what_its_nodes_were_told() {
    let server = TestServer::start().await;
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let flow = made(&server, flow_with(json!({}))).await;
    let id = executed(&admin, &flow, json!({ "question": "My secret" })).await;
    let public = format!("/flowise/api/v1/public-executions/{id}");
    let hidden = nobody.get(&public).await;
    assert_eq!(refusal(&hidden), (401, "missing".to_owned()));
    let none = nobody
        .get("/flowise/api/v1/public-executions/run_none")
        .await;
    assert_eq!(hidden.text, none.text, "nobody learns which there are");

    let (_, viewer) = key(&server, &["executions:view"]).await;
    let refused = put(&viewer, &one(&id), json!({ "isPublic": true })).await;
    assert_eq!(refusal(&refused), (403, "Forbidden".to_owned()));
    let (_, editor) = key(&server, &["executions:update"]).await;
    let body = json!({ "isPublic": true, "state": "ERROR", "agentflowId": "x", "workspaceId": "y", "id": "z" });
    let changed = put(&editor, &one(&id), body).await.json();
    let found = json!([
        changed["isPublic"],
        changed["state"],
        changed["agentflowId"],
        changed["workspaceId"],
        changed["id"]
    ]);
    assert_eq!(found, json!([true, "FINISHED", flow, "default", id]));

    let shown = nobody.get(&public).await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
    assert!(shown.header("x-ratelimit-limit").is_some());
    let nodes: Value = serde_json::from_str(&text(&shown.json()["executionData"])).expect("JSON");
    assert_eq!(nodes[1]["data"]["output"]["content"], "You said: My secret");
    assert_eq!(nodes[0]["data"].get("input"), None);
    assert_eq!(nobody.get(&one(&id)).await.status, StatusCode::UNAUTHORIZED);
    // An empty change changes nothing; null is no.
    assert_eq!(
        put(&editor, &one(&id), json!({})).await.json()["isPublic"],
        true
    );
    assert_eq!(
        put(&editor, &one(&id), json!({ "isPublic": null }))
            .await
            .json()["isPublic"],
        false
    );
    assert_eq!(nobody.get(&public).await.status, StatusCode::UNAUTHORIZED);
    let bad = put(&editor, &one(&id), json!({ "isPublic": "yes" })).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST, "{}", bad.text);
}

#[tokio::test]
async fn executions_that_have_ended_are_deleted_and_no_others() {
    let server = TestServer::start().await;
    let admin = server.admin().bearer();
    let echo = made(&server, flow_with(json!({}))).await;
    let waits = made(&server, flow_with(asking())).await;
    let mut ended = Vec::new();
    for _ in 0..3 {
        ended.push(executed(&admin, &echo, hello()).await);
    }
    let stopped = executed(&admin, &waits, hello()).await;
    let bound = json!({ "name": "bound", "scopes": ["executions:view", "executions:delete"], "workflowId": waits });
    let (_, elsewhere) = server.with_key(bound).await;
    let elsewhere = elsewhere.bearer();
    let delete = |client: Client, ids: Value| async move {
        client
            .send(Method::DELETE, ALL, json!({ "executionIds": ids }))
            .await
    };
    let none = delete(elsewhere.clone(), json!([ended[0]])).await;
    assert_eq!(none.json(), json!({ "success": true, "deletedCount": 0 }));
    assert_eq!(listed(&elsewhere, "").await, (vec![stopped.clone()], 1));
    assert_eq!(
        listed(&elsewhere, &format!("?agentflowId={echo}")).await.1,
        0
    );
    let some = delete(
        admin.clone(),
        json!([ended[0], ended[0], stopped, "run_none", "no id!"]),
    )
    .await;
    assert_eq!(some.json(), json!({ "success": true, "deletedCount": 1 }));
    let gone = admin
        .send(Method::DELETE, &one(&ended[1]), Value::Null)
        .await;
    assert_eq!(gone.json(), json!({ "success": true, "deletedCount": 1 }));
    let again = admin
        .send(Method::DELETE, &one(&ended[1]), Value::Null)
        .await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    for ids in [json!([]), Value::Null] {
        let refused = delete(admin.clone(), ids).await;
        let expected = "No execution IDs provided".to_owned();
        assert_eq!(refusal(&refused), (400, expected));
    }
    let many: Vec<String> = (0..1_001).map(|number| format!("run_{number}")).collect();
    assert_eq!(
        delete(admin.clone(), json!(many)).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        listed(&admin, "").await,
        (vec![stopped, ended[2].clone()], 2)
    );
    let run = server
        .admin()
        .get(&format!("/api/v1/runs/{}", ended[0]))
        .await;
    assert_eq!(
        run.status,
        StatusCode::NOT_FOUND,
        "the run is what was deleted"
    );
}
