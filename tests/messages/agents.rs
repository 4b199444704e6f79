//! `/agents`: keeping agents and asking them.

use crate::agent::{CHAT, says, start};
use crate::support::{Client, TestServer};
use crate::upstream::Reply;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const AGENTS: &str = "/api/v1/agents";

async fn made(client: &Client, name: &str) -> String {
    let body = json!({"name": name, "type": "custom", "systemPrompt": "Be brief."});
    let answer = client.post(AGENTS, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.data()["id"].as_str().expect("an id").to_owned()
}

async fn names(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("{AGENTS}?{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let name = |agent: &Value| agent["name"].as_str().expect("a name").to_owned();
    answer
        .data()
        .as_array()
        .expect("a list")
        .iter()
        .map(name)
        .collect()
}

#[tokio::test]
async fn an_agent_is_kept_changed_and_deleted() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let body = json!({"name": "Reader", "type": "extraction", "systemPrompt": "Read.", "description": "d",
        "provider": "anthropic", "model": "m", "outputSchema": { "type": "object" }, "temperature": 0.5, "maxTokens": 9,
        "connectionId": "anthropic"});
    let created = admin.post(AGENTS, body.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let agent = created.data();
    for (name, value) in body.as_object().expect("an object") {
        assert_eq!(&agent[name], value, "{name}");
    }
    assert_eq!(
        (&agent["status"], &agent["scope"]),
        (&json!("active"), &json!("company"))
    );
    assert_eq!(agent["createdAt"], "2024-01-15T10:00:00.000Z");
    let path = format!("{AGENTS}/{}", agent["id"].as_str().expect("an id"));
    assert_eq!(admin.get(&path).await.data(), agent);

    server.clock.advance_ms(1_000);
    let change = json!({"name": "Reader 2", "outputSchema": null, "temperature": null, "status": "deprecated"});
    let changed = admin.send(Method::PUT, &path, change).await.data();
    assert_eq!(
        (&changed["name"], &changed["model"]),
        (&json!("Reader 2"), &json!("m"))
    );
    assert_eq!(
        (&changed["outputSchema"], &changed["temperature"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(changed["updatedAt"], "2024-01-15T10:00:01.000Z");
    assert_eq!(admin.get(&path).await.data(), changed);

    let removed = admin.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(removed.status, StatusCode::OK, "{}", removed.text);
    for method in [Method::GET, Method::DELETE] {
        let gone = admin.send(method, &path, Value::Null).await;
        assert_eq!(gone.status, StatusCode::NOT_FOUND, "{}", gone.text);
    }
}

#[tokio::test]
async fn lists_are_filtered_and_paged_with_the_built_in_ones_last() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for name in ["one", "two", "three"] {
        made(&admin, name).await;
    }
    let built_in = ["Extraction", "Content", "Transform", "Decision"];
    let all: Vec<&str> = ["three", "two", "one"]
        .into_iter()
        .chain(built_in)
        .collect();
    assert_eq!(names(&admin, "").await, all);
    assert_eq!(names(&admin, "includeBuiltIn=false").await, all[..3]);
    assert_eq!(names(&admin, "type=decision").await, ["Decision"]);
    assert_eq!(
        names(&admin, "search=T").await,
        ["three", "two", "Extraction", "Content", "Transform"]
    );
    assert!(names(&admin, "status=deprecated").await.is_empty());
    for limit in 1..=8 {
        let mut found = Vec::new();
        let mut path = format!("{AGENTS}?limit={limit}");
        loop {
            let page = admin.get(&path).await.json();
            let items = page["data"].as_array().expect("a list").clone();
            found.extend(
                items
                    .iter()
                    .map(|agent| agent["name"].as_str().expect("a name").to_owned()),
            );
            let Some(cursor) = page["meta"]["cursor"].as_str() else {
                assert_eq!(page["meta"]["hasMore"], false);
                break;
            };
            path = format!(
                "{AGENTS}?limit={limit}&cursor={}",
                cursor.replace('=', "%3D").replace('+', "%2B")
            );
        }
        assert_eq!(found, all, "pages of {limit}");
    }
    for query in [
        "type=other",
        "status=new",
        "limit=0",
        "cursor=x",
        "includeBuiltIn=perhaps",
        "x=1",
    ] {
        let answer = admin.get(&format!("{AGENTS}?{query}")).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{query}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn every_mistake_is_told_with_its_place() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let body = json!({"name": " ", "type": "custom", "systemPrompt": "", "model": "", "temperature": 3, "maxTokens": 0,
        "outputSchema": { "type": "objekt" }, "description": "x".repeat(5_000)});
    let answer = admin.post(AGENTS, body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    let details = answer.json()["error"]["details"].clone();
    let mut places: Vec<&str> = details
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["place"].as_str().unwrap())
        .collect();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            "description",
            "maxTokens",
            "model",
            "name",
            "outputSchema",
            "systemPrompt",
            "temperature"
        ]
    );
    for body in [
        json!({}),
        json!({"name": "n", "type": "other", "systemPrompt": "s"}),
        json!({"name": "n", "type": "custom", "systemPrompt": "s", "provider": "acme"}),
        json!({"name": "n", "type": "custom", "systemPrompt": "s", "tools": []}),
        json!({"name": "n", "type": "custom", "systemPrompt": "s", "maxTokens": -1}),
    ] {
        let answer = admin.post(AGENTS, body.clone()).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{body}: {}",
            answer.text
        );
    }
    for (method, path) in [
        (Method::PUT, "agent_content"),
        (Method::DELETE, "agent_content"),
    ] {
        let answer = admin
            .send(method, &format!("{AGENTS}/{path}"), json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{}", answer.text);
    }
}

#[tokio::test]
async fn an_agent_is_asked() {
    let (upstream, server) = start().await;
    let admin = server.admin();
    let id = made(&admin, "brief").await;
    let execute = format!("{AGENTS}/{id}/execute");
    upstream.reply(CHAT, says("Fine."));
    let answer = admin
        .post(
            &execute,
            json!({"input": { "a": 1 }, "userMessage": "How are you?"}),
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let data = answer.data();
    assert_eq!(
        (&data["output"], &data["text"]),
        (&json!("Fine."), &json!("Fine."))
    );
    assert_eq!(data["usage"]["totalTokens"], 10);
    assert_eq!(data["cost"], json!({ "totalCost": null }));
    assert!(data["latencyMs"].is_u64());
    let body = upstream.calls(CHAT)[0].json();
    assert_eq!(body["model"], "small");
    assert_eq!(
        body["messages"],
        json!([
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "How are you?\n\nInput:\n{\"a\":1}" },
        ])
    );

    upstream.reply(CHAT, Reply::text(500, "broken"));
    let answer = admin.post(&execute, json!({ "userMessage": "?" })).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.text);
    assert_eq!(answer.error_code(), "UPSTREAM_ERROR");
    upstream.reply(CHAT, says("not json"));
    let answer = admin
        .post(
            &format!("{AGENTS}/agent_decision/execute"),
            json!({ "input": 1 }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{}", answer.text);
    let answer = admin.post(&execute, json!({})).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
}

#[tokio::test]
async fn a_missing_key_is_the_callers_and_a_bound_key_sees_no_agents() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = made(&admin, "brief").await;
    let answer = admin
        .post(
            &format!("{AGENTS}/{id}/execute"),
            json!({ "userMessage": "?" }),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    assert!(answer.text.contains("openai"), "{}", answer.text);

    let workflow = server.workflow("w", json!([])).await;
    let (_, bound) = server
        .with_key(json!({"name": "b", "workflowId": workflow,
            "scopes": ["workflows:read", "workflows:write", "workflows:execute"]}))
        .await;
    assert!(names(&bound, "").await.is_empty());
    for path in [id.as_str(), "agent_content"] {
        let answer = bound.get(&format!("{AGENTS}/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
        let answer = bound
            .post(
                &format!("{AGENTS}/{path}/execute"),
                json!({ "userMessage": "?" }),
            )
            .await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    }
    let body = json!({"name": "n", "type": "custom", "systemPrompt": "s"});
    assert_eq!(bound.post(AGENTS, body).await.status, StatusCode::FORBIDDEN);
}
