//! The catalogue of node types.

use super::editor;
use crate::support::TestServer;
use flowlatch::model::graph::catalogue::NODE_TYPES;
use serde_json::{Value, json};

#[tokio::test]
async fn it_lists_every_type_with_its_ports() {
    let server = TestServer::start().await;
    let answer = editor(&server).await.get("/api/v1/nodes").await;
    let catalogue = answer.json();
    let nodes = catalogue["nodes"].as_array().expect("a list");
    assert_eq!(nodes.len(), NODE_TYPES.len());
    let of = |node_type: &str| -> Value {
        let found = nodes.iter().find(|node| node["nodeType"] == node_type);
        found.unwrap_or_else(|| panic!("{node_type}")).clone()
    };
    assert_eq!(
        of("utility:prompt_concat"),
        json!({
            "nodeType": "utility:prompt_concat", "label": "Join prompts", "category": "utility",
            "inputs": [
                { "id": "prompt1", "type": "TEXT", "isPort": true, "required": false, "list": false },
                { "id": "prompt2", "type": "TEXT", "isPort": true, "required": false, "list": false },
                { "id": "separator", "type": "JSON", "isPort": false, "required": false, "list": false },
            ],
            "outputs": [{ "id": "prompt", "type": "TEXT" }],
            "dynamicPorts": false, "deprecated": false,
        })
    );
    assert_eq!(of("logic:router")["dynamicPorts"], true);
    assert_eq!(of("llm:openrouter_router")["expandedImageInputs"], 8);
    assert_eq!(of("input:video")["deprecated"], true);
    for node in nodes {
        for name in ["nodeType", "label", "category"] {
            assert!(
                node[name].as_str().is_some_and(|text| !text.is_empty()),
                "{node}"
            );
        }
    }
}
