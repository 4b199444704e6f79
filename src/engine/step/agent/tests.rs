//! Table tests of the check; what goes over the wire is in `tests/messages`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::super::field::problems_of;
use super::*;

#[test]
fn good_configurations_pass() {
    for config in [
        json!({"provider": "openai", "model": "m", "prompt": "p"}),
        json!({"prompt": {"a": 1}, "tools": [], "maxToolIterations": 5, "connections": []}),
        json!({"agentId": "agent_extraction", "input": {"text": "t", "customInstructions": "c"}}),
        json!({"agentId": "{{input.agent}}"}),
        json!({"prompt": "p", "outputSchema": {"type": "object"}, "temperature": 0, "maxTokens": "100"}),
        json!({"prompt": "p", "outputSchema": "{\"type\":\"object\"}", "provider": "{{input.p}}"}),
    ] {
        assert_eq!(problems_of(check, &config), [], "{config}");
    }
}

/// A configuration, the place of its one mistake, and a part of what is said of it.
const MISTAKES: &str = r#"
{} ⇒ prompt ⇒ missing
{"prompt": ""} ⇒ prompt ⇒ missing
{"prompt": "p", "model": ""} ⇒ model ⇒ empty
{"prompt": "p", "model": 5} ⇒ model ⇒ not a text
{"prompt": "p", "provider": "acme"} ⇒ provider ⇒ none of
{"prompt": "p", "tools": ["search"]} ⇒ tools ⇒ no tools
{"prompt": "p", "tools": "search"} ⇒ tools ⇒ no tools
{"prompt": "p", "temperature": 2.1} ⇒ temperature ⇒ between
{"prompt": "p", "maxTokens": 0} ⇒ maxTokens ⇒ between
{"prompt": "p", "timeout": "soon"} ⇒ timeout ⇒ number
{"prompt": "p", "outputSchema": {"type": "objekt"}} ⇒ outputSchema ⇒ objekt
{"prompt": "p", "outputSchema": "{"} ⇒ outputSchema ⇒ not JSON
{"prompt": "p", "outputSchema": {"$ref": "https://a.example/x.json"}} ⇒ outputSchema ⇒ a.example
{"agentId": "a b"} ⇒ agentId ⇒ not the id
{"prompt": "p", "maxToken": 5} ⇒ maxToken ⇒ `maxTokens`
"#;

#[test]
fn mistakes_are_told_with_their_place() {
    for line in MISTAKES.trim().lines() {
        let parts: Vec<&str> = line.split(" ⇒ ").collect();
        let config: Value = serde_json::from_str(parts[0]).expect("JSON");
        let found = problems_of(check, &config);
        assert_eq!(found.len(), 1, "{line}: {found:?}");
        assert_eq!(found[0].0, format!("config.{}", parts[1]), "{line}");
        assert!(found[0].1.contains(parts[2]), "{line}: {}", found[0].1);
    }
}
