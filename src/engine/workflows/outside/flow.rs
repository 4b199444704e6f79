//! The same of flows: a node runs another flow, or hands it to an agent as a tool, and no template may decide which.

use super::problem;
use crate::engine::step::outside::{Named, Thing};
use crate::engine::workflows::Workflows;
use crate::model::flow::{Drawing, FlowNode, flow_data};
use crate::model::plan::{DefinitionProblem, MAX_PROBLEMS};
use crate::model::workflow::{Definition, Reach};
use crate::store::StoreError;
use serde_json::{Map, Value};

/// The input that names the flow that a node runs, and the one that names a tool's.
const EXECUTED: &str = "executeFlowSelectedFlow";
const OF_TOOL: &str = "selectedChatflow";

/// Every node that names a flow beyond `reach`, with its place.
pub(super) fn problems(
    workflows: &Workflows,
    definition: &Definition,
    before: Option<&Definition>,
    reach: &Reach,
) -> Result<Vec<DefinitionProblem>, StoreError> {
    let drawing = |definition: &Definition| {
        let data = flow_data(definition)?;
        Drawing::read(data, &mut Vec::new())
    };
    let known = before.and_then(drawing);
    let mut found = Vec::new();
    for node in drawing(definition).unwrap_or_default().nodes {
        let was = known.as_ref().and_then(|known| known.node(&node.id));
        let is_kept = was.is_some_and(|was| was.inputs == node.inputs);
        for (field, config) in naming(&node) {
            let thing = Thing::Workflow;
            let named = Named { field, thing };
            if let Some(message) = problem(workflows, named, config, is_kept, reach)? {
                let place = format!("nodes.{}.{field}", node.id);
                found.push(DefinitionProblem { place, message });
            }
        }
        if found.len() >= MAX_PROBLEMS {
            break;
        }
    }
    Ok(found)
}

fn naming(node: &FlowNode) -> Vec<(&'static str, &Map<String, Value>)> {
    let own = node
        .inputs
        .contains_key(EXECUTED)
        .then_some((EXECUTED, &node.inputs));
    let tools = node.inputs.get("agentTools").and_then(Value::as_array);
    let tools = tools.into_iter().flatten().filter_map(|tool| {
        let config = tool.get("agentSelectedToolConfig")?.as_object()?;
        config.contains_key(OF_TOOL).then_some((OF_TOOL, config))
    });
    own.into_iter().chain(tools).collect()
}
