//! What a node of an agentflow may not be set to, since what it would need is not here.
//! May not know edges. Promise: what is refused is told with the node's name, and what to do instead.

use super::catalogue::{Known, NodeKind};
use super::drawing::FlowNode;
use super::{is_true, text_of};
use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem::add;
use serde_json::Value;

/// Adds what the node is set to and cannot be.
pub(super) fn check(node: &FlowNode, known: &Known, found: &mut Vec<DefinitionProblem>) {
    let is_dynamic = text_of(&node.inputs, "humanInputDescriptionType") == "dynamic";
    if known.kind == NodeKind::HumanInput && is_dynamic {
        let message = format!(
            "the node `{}` has its question written by a model (`humanInputDescriptionType` is `dynamic`): let a model's \
             node before it write the question, and name that in `humanInputDescription`",
            node.label
        );
        add(found, format!("nodes.{}", node.id), message);
    }
    if known.kind == NodeKind::Http && has_credential(node) {
        let message = format!(
            "the node `{}` uses a stored credential, which is not here: send it in `headers`, as in `{{{{$vars.token}}}}`",
            node.label
        );
        add(found, format!("nodes.{}", node.id), message);
    }
    if known.kind != NodeKind::Agent {
        return;
    }
    for name in ["agentKnowledgeDocumentStores", "agentKnowledgeVSEmbeddings"] {
        let is_set = node.inputs.get(name).and_then(Value::as_array);
        if is_set.is_some_and(|stores| !stores.is_empty()) {
            let message = format!(
                "the node `{}` uses document stores, which are not here: leave `{name}` empty",
                node.label
            );
            add(found, format!("nodes.{}", node.id), message);
        }
    }
    let tools = node.inputs.get("agentTools").and_then(Value::as_array);
    for tool in tools.into_iter().flatten() {
        let name = tool
            .get("agentSelectedTool")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if is_true(tool.get("agentSelectedToolRequiresHumanInput")) {
            let message = format!(
                "the node `{}` has a tool, `{name}`, that somebody must allow each time, which is not possible here: let a \
                 `humanInputAgentflow` node ask before it",
                node.label
            );
            add(found, format!("nodes.{}", node.id), message);
        }
        if !name.is_empty() && !TOOLS.contains(&name) {
            let message = format!(
                "the node `{}` uses the tool `{name}`, which does not run here; there are {}",
                node.label,
                TOOLS.join(", ")
            );
            add(found, format!("nodes.{}", node.id), message);
        }
    }
}

/// Whether the editor has saved the id of a credential with the node.
fn has_credential(node: &FlowNode) -> bool {
    let id = node
        .inputs
        .get("FLOWISE_CREDENTIAL_ID")
        .and_then(Value::as_str);
    id.is_some_and(|id| !id.is_empty()) || node.has_credential
}

/// The tools that agents may use.
pub const TOOLS: [&str; 7] = [
    "calculator",
    "currentDateTime",
    "requestsGet",
    "requestsPost",
    "requestsPut",
    "requestsDelete",
    "chatflowTool",
];
