//! What the paths' parameters name, made anew for every endpoint.

use super::bodies::{a_connection, a_flow, a_graph, an_agent, pure_step};
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What the paths' parameters name.
pub(super) struct Fixtures {
    pub(super) event: String,
    pub(super) folder: String,
    pub(super) agent: String,
    pub(super) workflow: String,
    pub(super) flow: String,
    /// A flow that begins with a request of another service.
    pub(super) hooked: String,
    /// A message of the conversation `c` with the flow, with the image `cat.png`.
    pub(super) message: String,
    /// What somebody thought of it.
    pub(super) feedback: String,
    /// The execution that it came of.
    pub(super) prediction: String,
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
        let Asked {
            flow,
            message,
            feedback,
            prediction,
        } = asked(server).await;
        Fixtures {
            media: uploaded(server).await,
            flow,
            message,
            feedback,
            prediction,
            hooked: hooked(server).await,
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

/// A new flow of this body.
async fn flow(client: &Client, body: Value) -> String {
    let made = client.post("/flowise/api/v1/chatflows", body).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text);
    text(&made.json()["id"])
}

/// A flow that begins with a request of another service.
async fn hooked(server: &TestServer) -> String {
    let mut body = a_flow();
    let drawing = text(&body["flowData"]).replace("chatInput", "webhookTrigger");
    body["flowData"] = json!(drawing);
    flow(&server.admin().bearer(), body).await
}

/// A flow that was asked, and what came of it.
struct Asked {
    flow: String,
    message: String,
    feedback: String,
    prediction: String,
}

async fn asked(server: &TestServer) -> Asked {
    let client = server.admin().bearer();
    let mut body = a_flow();
    let takes_files = json!({ "fullFileUpload": { "status": true } });
    body["chatbotConfig"] = json!(takes_files.to_string());
    let flow = flow(&client, body).await;
    let path = format!("/flowise/api/v1/prediction/{flow}");
    let image = json!({ "type": "file", "name": "cat.png", "mime": "image/png", "data": "data:image/png;base64,AAAA" });
    let asked = json!({ "question": "Hi", "chatId": "c", "uploads": [image] });
    let answer = client.post(&path, asked).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let message = text(&answer.json()["chatMessageId"]);
    let path = format!("/flowise/api/v1/feedback/{flow}");
    let body = json!({ "chatId": "c", "messageId": message, "rating": "THUMBS_UP" });
    let rated = client.post(&path, body).await;
    Asked {
        feedback: text(&rated.json()["id"]),
        prediction: text(&answer.json()["executionId"]),
        flow,
        message,
    }
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
