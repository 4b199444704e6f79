//! What of a flow's `apiConfig` means something to the server: how often an address may ask, and what callers may override.
//! Promise: what the owner of a flow has not opened by name, no caller changes.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A flow's `apiConfig`, parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiConfig {
    /// How often one address may ask.
    pub rate_limit: Option<FlowRateLimit>,
    /// What a caller may override.
    pub overrides: OverrideRules,
}

/// How often one address may ask a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRateLimit {
    /// So many times in a window.
    pub max: u32,
    /// How long a window is, in seconds.
    pub duration_s: u32,
    /// What is said to who asks more often.
    pub message: String,
}

/// What a caller may override. Without any, nothing but the session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OverrideRules {
    is_on: bool,
    /// By the label of a node, the names of its inputs that may be set.
    nodes: BTreeMap<String, Vec<String>>,
    /// The names of variables that may be set.
    variables: Vec<String>,
}

impl ApiConfig {
    /// Reads the text; what is no JSON object says nothing.
    pub fn read(text: Option<&str>) -> ApiConfig {
        let config: Value = text
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        ApiConfig {
            rate_limit: FlowRateLimit::read(&config["rateLimit"]),
            overrides: OverrideRules::read(&config["overrideConfig"]),
        }
    }
}

impl FlowRateLimit {
    /// In force where its status is not `false` and all of it is there. The editor may send numbers as texts.
    fn read(limit: &Value) -> Option<FlowRateLimit> {
        let number = |name: &str| {
            let number = match &limit[name] {
                Value::String(text) => text.trim().parse().ok(),
                number => number.as_u64(),
            };
            number
                .and_then(|number| u32::try_from(number).ok())
                .filter(|number| *number > 0)
        };
        let message = limit["limitMsg"].as_str().filter(|text| !text.is_empty())?;
        if limit["status"] == false {
            return None;
        }
        Some(FlowRateLimit {
            max: number("limitMax")?,
            duration_s: number("limitDuration")?,
            message: message.to_owned(),
        })
    }
}

impl OverrideRules {
    fn read(rules: &Value) -> OverrideRules {
        let enabled = |list: &Value| -> Vec<String> {
            let list = list.as_array().into_iter().flatten();
            list.filter(|one| one["enabled"] == true)
                .filter_map(|one| one["name"].as_str().map(str::to_owned))
                .collect()
        };
        let nodes = rules["nodes"].as_object().into_iter().flatten();
        OverrideRules {
            is_on: rules["status"] == true,
            nodes: nodes
                .map(|(label, inputs)| (label.clone(), enabled(inputs)))
                .collect(),
            variables: enabled(&rules["variables"]),
        }
    }

    /// Whether a caller may set this input of the node with this label.
    pub fn allows_input(&self, label: &str, input: &str) -> bool {
        let inputs = self.nodes.get(label);
        self.is_on && inputs.is_some_and(|inputs| inputs.iter().any(|known| known == input))
    }

    /// Those of the variables in `sent` that a caller may set.
    pub fn variables(&self, sent: &Value) -> Map<String, Value> {
        let sent = sent.as_object().into_iter().flatten();
        sent.filter(|(name, _)| self.is_on && self.variables.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn limit(limit: &Value) -> Option<FlowRateLimit> {
        ApiConfig::read(Some(&json!({ "rateLimit": limit }).to_string())).rate_limit
    }

    #[test]
    fn a_limit_is_in_force_when_all_of_it_is_there() {
        let whole =
            json!({ "status": true, "limitMax": "20", "limitDuration": 60, "limitMsg": "Quota" });
        let expected = FlowRateLimit {
            max: 20,
            duration_s: 60,
            message: "Quota".to_owned(),
        };
        assert_eq!(limit(&whole), Some(expected.clone()));
        let mut without_status = whole.clone();
        without_status["status"] = Value::Null;
        assert_eq!(limit(&without_status), Some(expected));
        for (field, value) in [
            ("status", json!(false)),
            ("limitMax", json!(0)),
            ("limitMax", json!("many")),
            ("limitMax", json!(-1)),
            ("limitMax", json!(1e12)),
            ("limitDuration", Value::Null),
            ("limitMsg", json!("")),
        ] {
            let mut broken = whole.clone();
            broken[field] = value.clone();
            assert_eq!(limit(&broken), None, "{field} = {value}");
        }
        assert_eq!(ApiConfig::read(Some("{")), ApiConfig::default());
    }

    #[test]
    fn only_what_is_enabled_by_name_may_be_set() {
        let config = |status: bool| {
            let text = json!({ "overrideConfig": {
                "status": status,
                "nodes": { "LLM 0": [
                    { "label": "Model", "name": "llmModel", "type": "x", "enabled": false },
                    { "label": "Temperature", "name": "temperature", "type": "number", "enabled": true },
                ] },
                "variables": [{ "id": "v", "name": "tone", "type": "static", "enabled": true }, { "name": "key", "enabled": "true" }],
            } });
            ApiConfig::read(Some(&text.to_string())).overrides
        };
        let sent = json!({ "tone": "kind", "key": "x", "other": 1 });
        let on = config(true);
        assert!(on.allows_input("LLM 0", "temperature"));
        assert!(!on.allows_input("LLM 0", "llmModel") && !on.allows_input("LLM 1", "temperature"));
        assert_eq!(
            Value::Object(on.variables(&sent)),
            json!({ "tone": "kind" })
        );
        let off = config(false);
        assert!(!off.allows_input("LLM 0", "temperature") && off.variables(&sent).is_empty());
        let none = OverrideRules::default();
        assert!(!none.allows_input("", "") && none.variables(&sent).is_empty());
    }
}
