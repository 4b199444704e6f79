//! The same of graphs: a node names another workflow in its parameters, and an edge may not decide which.

use super::problem;
use crate::engine::step::outside::{Named, Thing};
use crate::engine::workflows::Workflows;
use crate::model::graph::{Graph, GraphNode};
use crate::model::plan::{DefinitionProblem, MAX_PROBLEMS};
use crate::model::workflow::{Definition, Reach};
use crate::store::StoreError;
use serde_json::Value;

/// The node type that runs another workflow, and the parameters that say which.
const INVOKE: &str = "blueprint:invoke";
const NAMES: [&str; 3] = ["workflowId", "blueprintId", "slug"];

/// Every node that names a workflow beyond `reach`, with its place.
pub(super) fn problems(
    workflows: &Workflows,
    body: &Value,
    before: Option<&Definition>,
    reach: &Reach,
) -> Result<Vec<DefinitionProblem>, StoreError> {
    let graph = Graph::of(body);
    let known = before.map(|before| Graph::of(&before.body));
    let mut found = Vec::new();
    let invokes = graph
        .nodes
        .iter()
        .filter(|node| node.node_type == Some(INVOKE));
    for node in invokes {
        let (id, params) = (node.id.unwrap_or_default(), node.params());
        let was = known.as_ref().and_then(|known| known.node(id));
        let is_kept =
            was.is_some_and(|was| was.node_type == node.node_type && was.params() == params);
        for field in NAMES {
            let thing = Thing::Workflow;
            let message = if is_wired(&graph, node, field) {
                Some("this key is bound to workflows: an edge could name any; write the id of one that it reaches".to_owned())
            } else if params.get(field).is_none_or(Value::is_null) {
                None
            } else {
                problem(workflows, Named { field, thing }, &params, is_kept, reach)?
            };
            if let Some(message) = message {
                let place = format!("nodes.{id}.config.{field}");
                found.push(DefinitionProblem { place, message });
            }
        }
        if found.len() >= MAX_PROBLEMS {
            break;
        }
    }
    Ok(found)
}

fn is_wired(graph: &Graph<'_>, node: &GraphNode<'_>, field: &str) -> bool {
    let mut edges = graph.edges.iter();
    edges.any(|edge| edge.target == node.id && edge.target_port() == Some(field))
}
