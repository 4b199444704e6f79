use crate::support::TestServer;
use serde_json::json;

#[tokio::test]
async fn the_sample_workflow_runs() {
    let server = TestServer::start().await;
    let list = server.admin().get("/api/v1/workflows").await;
    println!("{}", list.text);
    let id = list.data()[0]["id"].as_str().unwrap().to_owned();
    let run = server.admin().run(&id, json!({"name": "Ada"})).await;
    println!("{run}");
    let logs = server.admin().get(&format!("/api/v1/runs/{}/logs", run["runId"].as_str().unwrap())).await;
    println!("{}", logs.text);
    let logs = server.admin().get(&format!("/api/v1/runs/{}/events", run["runId"].as_str().unwrap())).await;
    println!("{}", logs.text);
    server.stop().await;
}
