//! Bodies with which endpoints do something.

use super::fixtures::Fixtures;
use flowlatch::http::{Door, Endpoint};
use serde_json::{Value, json};

/// A body with which the endpoint does something.
pub(super) fn effective_body(endpoint: &Endpoint) -> Value {
    match endpoint.door {
        Door::Wireflow => wireflow_body(endpoint),
        Door::Flowise => flowise_body(endpoint),
        _ => native_body(endpoint),
    }
}

fn wireflow_body(endpoint: &Endpoint) -> Value {
    match (endpoint.method.as_str(), endpoint.pattern) {
        ("POST", "/api/v1/workflows" | "/api/v1/workflows/lint")
        | ("PUT", "/api/v1/workflows/:id") => a_graph(),
        ("POST", "/api/v1/workflows/:id/publish") => json!({ "slug": "made" }),
        ("POST", "/api/v1/workflows/:id/visibility") => json!({ "visibility": "view" }),
        ("PATCH", _) => json!({ "label": "changed" }),
        ("POST", _) => json!({}),
        _ => Value::Null,
    }
}

fn flowise_body(endpoint: &Endpoint) -> Value {
    match (endpoint.method.as_str(), endpoint.pattern) {
        ("POST", "/api/v1/chatflows") => a_flow(),
        ("PUT", "/api/v1/chatflows/:id") => json!({ "name": "changed" }),
        ("POST", "/api/v1/apikey") | ("PUT", "/api/v1/apikey/:id") => {
            json!({ "keyName": "made", "permissions": ["workflows:read"] })
        }
        ("POST", "/api/v1/variables") => json!({ "name": "made", "value": "a" }),
        ("PUT", "/api/v1/variables/:id") => json!({ "value": "changed" }),
        ("POST", "/api/v1/leads") => json!({ "email": "ada@example.com" }),
        ("POST", "/api/v1/feedback/:id") => json!({ "chatId": "c", "rating": "THUMBS_UP" }),
        ("PUT", "/api/v1/feedback/:id") => json!({ "content": "changed" }),
        ("PUT", "/api/v1/executions/:id") => json!({ "isPublic": true }),
        ("DELETE", "/api/v1/executions") => json!({}),
        ("POST", "/api/v1/prediction/:id") => json!({ "question": "Hi" }),
        _ => Value::Null,
    }
}

/// Puts into a body what it names.
pub(super) fn with_names(endpoint: &Endpoint, fixtures: &Fixtures, body: &mut Value) {
    match endpoint.pattern {
        "/api/v1/leads" => body["chatflowid"] = json!(fixtures.flow),
        "/api/v1/feedback/:id" => body["messageId"] = json!(fixtures.message),
        "/api/v1/executions" if endpoint.method == "DELETE" => {
            body["executionIds"] = json!([fixtures.prediction]);
        }
        _ => {}
    }
}

/// A flow that says what it was told.
pub(crate) fn a_flow() -> Value {
    let node = |id: &str, name: &str, inputs: Value| {
        json!({ "id": id, "type": "agentFlow", "position": { "x": 0, "y": 0 },
            "data": { "id": id, "label": id, "name": name, "inputs": inputs } })
    };
    let drawing = json!({
        "nodes": [
            node("startAgentflow_0", "startAgentflow", json!({ "startInputType": "chatInput" })),
            node("directReplyAgentflow_0", "directReplyAgentflow", json!({ "directReplyMessage": "You said: {{question}}" })),
        ],
        "edges": [{ "id": "e", "source": "startAgentflow_0", "target": "directReplyAgentflow_0",
            "sourceHandle": "startAgentflow_0-output-startAgentflow", "targetHandle": "directReplyAgentflow_0" }],
    });
    json!({ "name": "asked", "type": "AGENTFLOW", "flowData": drawing.to_string() })
}

/// A graph of one node `say`.
pub(crate) fn a_graph() -> Value {
    let say = json!({ "id": "say", "type": "basedNode", "position": { "x": 0, "y": 0 },
        "data": { "label": "Say", "nodeType": "input:text", "config": { "prompt": "Hi" } } });
    json!({ "name": "drawn", "nodes": [say], "edges": [] })
}

fn native_body(endpoint: &Endpoint) -> Value {
    let definition = json!({ "name": "made", "trigger": { "type": "api" }, "steps": pure_step() });
    match (endpoint.method.as_str(), endpoint.pattern) {
        ("POST", "/api/v1/workflows" | "/api/v1/workflows/validate") => definition,
        ("PUT", "/api/v1/workflows/:id") => json!({ "description": "changed" }),
        ("POST", "/api/v1/auth/api-keys") => json!({ "name": "made", "scopes": ["runs:read"] }),
        ("POST", "/api/v1/tables") => json!({ "name": "made" }),
        ("PUT", "/api/v1/tables/:id") => json!({ "description": "changed" }),
        ("POST", "/api/v1/tables/:id/rows") => json!({ "data": { "b": 1 } }),
        ("PUT", "/api/v1/tables/:id/rows") => json!({ "matchKey": "a", "data": { "a": 2 } }),
        ("PUT", "/api/v1/tables/:id/rows/:rowId") => json!({ "data": { "b": 1 } }),
        ("PATCH", "/api/v1/auth/api-keys/:id")
        | ("PUT", "/api/v1/connections/:id" | "/api/v1/agents/:id") => {
            json!({ "name": "changed" })
        }
        ("POST", "/api/v1/connections") => a_connection(),
        ("POST", "/api/v1/agents") => an_agent(),
        ("POST", "/api/v1/agents/:id/execute") => json!({ "userMessage": "Well?" }),
        ("POST", "/api/v1/workflows/:id/publish") => json!({ "slug": "made" }),
        ("POST", "/api/v1/workflows/:id/secrets") => json!({ "key": "MADE", "value": "a-value" }),
        ("PUT", "/api/v1/workflows/:id/secrets/:name") => json!({ "value": "another" }),
        ("PATCH", "/api/v1/workflows/:id/canvas") => json!({ "canvasState": { "blocks": {} } }),
        ("POST", "/api/v1/runs/:id/approvals/:stepId") => json!({ "approved": true }),
        ("POST", _) => json!({}),
        _ => Value::Null,
    }
}

/// For a host that is refused before anybody is called.
pub(super) fn a_connection() -> Value {
    json!({ "name": "made", "provider": "crm", "type": "bearer", "credentials": { "token": "a-token" },
        "hosts": ["127.0.0.1"] })
}

pub(super) fn an_agent() -> Value {
    json!({ "name": "made", "type": "custom", "systemPrompt": "Say yes." })
}

pub(crate) fn pure_step() -> Value {
    json!([{ "id": "say", "type": "transform", "config": { "sourceData": { "said": 1 } } }])
}
