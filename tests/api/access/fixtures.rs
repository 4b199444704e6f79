//! What the paths' parameters name, made anew for every endpoint.

use super::bodies::{a_connection, a_flow, a_graph, an_agent, pure_step};
use crate::support::{Answer, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What the paths' parameters name.
pub(super) struct Fixtures {
    pub(super) event: String,
    pub(super) folder: String,
    pub(super) agent: String,
    pub(super) workflow: String,
    pub(super) flow: String,
    /// A message of the conversation `c` with the flow.
    pub(super) message: String,
    pub(super) variable: String,
    pub(super) graph: String,
    /// The webhook id of the graph.
    pub(super) webhook: String,
    /// The name under which the graph is published.
    pub(super) app: String,
    pub(super) execution: String,
    pub(super) run: String,
    pub(super) key: String,
    pub(super) table: String,
    pub(super) row: String,
    pub(super) connection: String,
    pub(super) media: String,
}

impl Fixtures {
    /// A workflow, a run of it that rests, and one of everything else.
    pub(super) async fn make(server: &TestServer) -> Fixtures {
        let steps = json!([
            { "id": "rest", "type": "wait", "config": { "duration": 10, "unit": "days" } },
            { "id": "ask", "type": "approval", "config": { "approvers": [] } },
        ]);
        let workflow = server.workflow("subject", steps).await;
        let admin = server.admin();
        let start = format!("/api/v1/workflows/{workflow}/run");
        let started = admin.post(&start, json!({})).await;
        assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
        let body = json!({ "name": "victim", "scopes": ["workflows:read"] });
        let (key, _) = server.with_key(body).await;
        let made = admin.post("/api/v1/connections", a_connection()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let secret = json!({ "key": "KEPT", "value": "a-value" });
        let secrets = format!("/api/v1/workflows/{workflow}/secrets");
        let kept = admin.post(&secrets, secret).await;
        assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
        let table = json!({ "name": format!("of {workflow}") });
        let table = text(&admin.post("/api/v1/tables", table).await.data()["id"]);
        let rows = format!("/api/v1/tables/{table}/rows");
        let row = admin.post(&rows, json!({ "data": { "a": 1 } })).await;
        let agent = admin.post("/api/v1/agents", an_agent()).await.data();
        let app = format!("app-{workflow}");
        let webhook = format!("whk_{workflow}");
        let (graph, execution) = executed(server, &webhook, &app).await;
        let (flow, message) = asked(server).await;
        Fixtures {
            media: uploaded(server).await,
            flow,
            message,
            variable: variable(server, &workflow).await,
            graph,
            webhook,
            app,
            execution,
            agent: text(&agent["id"]),
            event: event(server).await,
            folder: folder(server, &workflow).await,
            connection: text(&made.data()["id"]),
            table,
            row: text(&row.data()["id"]),
            workflow,
            run: text(&started.data()["runId"]),
            key: text(&key["id"]),
        }
    }
}

/// A variable with a name like no other.
async fn variable(server: &TestServer, name: &str) -> String {
    let body = json!({ "name": name, "value": "a" });
    let client = server.admin().bearer();
    let made = client.post("/flowise/api/v1/variables", body).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    text(&made.json()["id"])
}

/// A flow, and a message of it.
async fn asked(server: &TestServer) -> (String, String) {
    let client = server.admin().bearer();
    let made = client.post("/flowise/api/v1/chatflows", a_flow()).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    let flow = text(&made.json()["id"]);
    let path = format!("/flowise/api/v1/prediction/{flow}");
    let asked = json!({ "question": "Hi", "chatId": "c" });
    let answer = client.post(&path, asked).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    (flow, text(&answer.json()["chatMessageId"]))
}

/// A graph with a webhook id that is published as an app, and an execution of it that goes on.
async fn executed(server: &TestServer, webhook: &str, app: &str) -> (String, String) {
    let client = server.admin().bearer();
    let mut graph = a_graph();
    graph["webhookId"] = json!(webhook);
    graph["nodes"] = json!([
        graph["nodes"][0],
        { "id": "draw", "data": { "nodeType": "generate:any", "config": {} } },
    ]);
    let drawn = client.post("/wireflow/api/v1/workflows", graph).await;
    assert_eq!(drawn.status, StatusCode::CREATED, "{}", drawn.text);
    let graph = text(&drawn.json()["id"]);
    let one = format!("/wireflow/api/v1/workflows/{graph}");
    let published = client
        .post(&format!("{one}/publish"), json!({ "slug": app }))
        .await;
    assert_eq!(published.status, StatusCode::OK, "{}", published.text);
    let started = client.post(&format!("{one}/run"), json!({})).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
    (graph, text(&started.json()["data"]["executionId"]))
}

/// A folder in which no table lies any more.
async fn folder(server: &TestServer, name: &str) -> String {
    let admin = server.admin();
    let table = json!({ "name": format!("once in {name}"), "folderName": name });
    let table = admin.post("/api/v1/tables", table).await.data();
    let path = format!("/api/v1/tables/{}", text(&table["id"]));
    admin.send(Method::DELETE, &path, Value::Null).await;
    text(&table["folderId"])
}

/// An uploaded file.
async fn uploaded(server: &TestServer) -> String {
    let form = "--b\r\nContent-Disposition: form-data; name=file\r\n\r\nx\r\n--b--\r\n";
    let request = server.admin().bearer();
    let request = request
        .request(Method::POST, "/wireflow/api/v1/media/upload")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form);
    let answer = Answer::read(request.send().await.expect("an answer")).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    text(&answer.data()["id"])
}

/// An event that a webhook has brought; it can be replayed.
async fn event(server: &TestServer) -> String {
    let hooked =
        json!({ "name": "hooked", "trigger": { "type": "webhook" }, "steps": pure_step() });
    let workflow = server.workflow_with(hooked).await;
    let path = format!("/webhooks/custom/{workflow}");
    let received = server.anonymous().post(&path, json!({})).await;
    assert_eq!(received.status, StatusCode::OK, "{}", received.text);
    text(&received.json()["eventId"])
}

/// What is there as text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}
