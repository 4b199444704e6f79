//! Every answer to a GET: the table of endpoints is walked, and each parameter gets every value that the list above it has.

use crate::forms::url_encoded;
use crate::planted::{PLANTED_CHAT, PLANTED_IMAGE};
use crate::support::{Answer, Client};
use flowlatch::http::{Door, table};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::collections::BTreeMap;

/// By which field a list names its items, where that is not `id`.
const NAMES: [(&str, &str); 7] = [
    (":since", "updatedDate"),
    (":version", "version"),
    (":type", "type"),
    (":stepId", "step"),
    (":slug", "slug"),
    (":slug", "appSlug"),
    (":webhookId", "webhookId"),
];

/// Every answer to a GET that the admin can get.
pub(crate) async fn every_answer(admin: &Client) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut patterns = BTreeMap::new();
    for endpoint in table().endpoints() {
        // A page for people needs a link, which only a run's own answers have.
        if endpoint.method != Method::GET || endpoint.door == Door::Page {
            continue;
        }
        // Who has no key's text has nothing to ask here.
        if endpoint.pattern.ends_with("/:apikey") {
            continue;
        }
        let (client, pattern) = match endpoint.door {
            Door::Flowise => (admin.bearer(), format!("/flowise{}", endpoint.pattern)),
            Door::Wireflow => (admin.bearer(), format!("/wireflow{}", endpoint.pattern)),
            _ => (admin.clone(), endpoint.pattern.to_owned()),
        };
        let mut paths = concrete(&client, &pattern).await;
        if pattern.ends_with("/get-upload-file") {
            paths = images(&client, &pattern).await;
        }
        patterns.insert(pattern, paths.len());
        for path in paths {
            answers.extend(pages(&client, &path).await);
        }
    }
    let unseen: Vec<&String> = patterns
        .iter()
        .filter(|(_, paths)| **paths == 0)
        .map(|(pattern, _)| pattern)
        .collect();
    assert!(unseen.is_empty(), "nothing to ask these for: {unseen:?}");
    answers
}

/// Where the image is fetched that was sent to each flow.
async fn images(client: &Client, pattern: &str) -> Vec<String> {
    let flows = flow_items(client).await;
    let ids = flows.iter().filter_map(|flow| flow["id"].as_str());
    ids.map(|id| {
        format!("{pattern}?chatflowId={id}&chatId={PLANTED_CHAT}&fileName={PLANTED_IMAGE}")
    })
    .collect()
}

/// The paths of a pattern: its parameters replaced, from the first on.
async fn concrete(admin: &Client, pattern: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    for segment in pattern.split('/').skip(1) {
        let mut longer = Vec::new();
        for path in paths {
            if segment.starts_with(':') {
                let items = items(admin, &path).await;
                let names = items.iter().map(|item| name(segment, item));
                longer.extend(names.map(|name| format!("{path}/{name}")));
            } else {
                longer.push(format!("{path}/{segment}"));
            }
        }
        paths = longer;
    }
    paths
}

/// What is answered at a path: of a list every page.
async fn pages(admin: &Client, path: &str) -> Vec<Answer> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("{path}{cursor}")).await;
        assert_eq!(page.status, StatusCode::OK, "{path}: {}", page.text);
        // Streams and texts have no pages.
        let body: Value = serde_json::from_str(&page.text).unwrap_or_default();
        pages.push(page);
        match body["meta"]["cursor"].as_str() {
            Some(next) => cursor = format!("?cursor={}", url_encoded(next)),
            None => return pages,
        }
    }
}

/// What the list at the path of Wireflow's door has.
async fn graph_items(client: &Client, path: &str) -> Vec<Value> {
    const WORKFLOWS: &str = "/wireflow/api/v1/workflows";
    let workflows = client.get(WORKFLOWS).await.json();
    let workflows = workflows.as_array().expect("a list").clone();
    if !path.ends_with("/executions") {
        return workflows;
    }
    let mut executions = Vec::new();
    for workflow in workflows {
        let id = workflow["id"].as_str().expect("an id");
        let history = format!("{WORKFLOWS}/{id}/executions");
        let history = client.get(&history).await.json();
        executions.extend(history["executions"].as_array().expect("a list").clone());
    }
    executions
}

/// The executions of flows.
async fn execution_items(client: &Client) -> Vec<Value> {
    let executions = client.get("/flowise/api/v1/executions").await.json();
    let executions = executions["data"].as_array().expect("a list");
    executions.clone()
}

/// The flows: all else that Flowise's paths name.
async fn flow_items(client: &Client) -> Vec<Value> {
    let flows = client.get("/flowise/api/v1/chatflows").await.json();
    flows.as_array().expect("a list").clone()
}

/// What the list at the path has.
async fn items(admin: &Client, path: &str) -> Vec<Value> {
    if path.starts_with("/flowise/") && path.ends_with("executions") {
        return execution_items(admin).await;
    }
    if path.starts_with("/flowise/") {
        return flow_items(admin).await;
    }
    if path.starts_with("/wireflow/") {
        return graph_items(admin, path).await;
    }
    // What is found by a name of its own is listed with the others.
    let list = path.strip_suffix("/by-slug").unwrap_or(path);
    let mut items = Vec::new();
    for page in pages(admin, list).await {
        let data = page.data();
        items.extend(data.as_array().expect("a list").iter().cloned());
    }
    items
}

/// What a parameter is called in the list's item.
fn name(parameter: &str, item: &Value) -> String {
    let field = NAMES
        .iter()
        .filter(|(_, field)| !item[field].is_null())
        .find(|(known, _)| *known == parameter)
        .map_or("id", |(_, field)| field);
    match &item[field] {
        Value::String(name) => name.clone(),
        Value::Number(number) => number.to_string(),
        other => panic!("{parameter}: {other} in {item}"),
    }
}
