//! What the nodes of a run came to, as clients are shown it: from the journal, at any time.

use crate::engine::{Engine, EngineError};
use crate::model::flow::ExecutedNode;
use crate::model::flow::passed::NodeStatus;
use crate::model::plan::{Plan, RunState};
use crate::model::run::{Run, RunStatus};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Every node that was run, in order; one that waits or has failed is the last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Executed {
    /// The nodes.
    pub nodes: Vec<Arc<ExecutedNode>>,
    /// The flow's state after them.
    pub state: Map<String, Value>,
}

impl Executed {
    /// Adds a node. One that had stopped and has ended since takes its own place.
    pub fn push(&mut self, node: Arc<ExecutedNode>) {
        let waited = self
            .nodes
            .last()
            .is_some_and(|last| last.status == NodeStatus::Stopped && last.node_id == node.node_id);
        if waited {
            self.nodes.pop();
        }
        if let Some(state) = node.data.get("state").and_then(Value::as_object) {
            self.state.clone_from(state);
        }
        self.nodes.push(node);
    }

    /// What a run has done so far.
    pub(in crate::engine) fn of(plan: &Plan, run: &RunState) -> Executed {
        let mut executed = Executed::default();
        for passed in run.trail() {
            if let Some(state) = passed.output.get("state").and_then(Value::as_object) {
                executed.state.clone_from(state);
            }
            let node = ExecutedNode::finished(plan, passed, &executed.state);
            executed.nodes.extend(node.map(Arc::new));
        }
        for step in run.waiting() {
            let request = run
                .record(plan, step)
                .and_then(|record| record.request.clone());
            let more = json!({ "output": { "action": request }, "state": executed.state });
            let node = ExecutedNode::new(plan, step.node, NodeStatus::Stopped, more);
            executed.nodes.extend(node.map(Arc::new));
        }
        for (node, record) in run.top_records(plan) {
            let is_final = run.status() == RunStatus::Failed;
            if let (true, Some(error)) = (is_final, &record.error) {
                let more = json!({ "error": error.message });
                let node = ExecutedNode::new(plan, node, NodeStatus::Failed, more);
                executed.nodes.extend(node.map(Arc::new));
            }
        }
        executed
    }
}

impl Engine {
    /// What the nodes of a flow's run came to.
    pub async fn executed(&self, run: &Run) -> Result<Executed, EngineError> {
        let (definition, state) = self.folded(run).await?;
        Ok(Executed::of(&definition.plan, &state))
    }
}
