//! What is asked and told about executions.

use super::WORKSPACE;
use super::chat_messages::moment;
use crate::clock::iso_utc;
use crate::http::body::sent;
use crate::http::problem::Problem;
use crate::id::{RunId, WorkflowId};
use crate::model::chatflow::{Execution, ExecutionFilter, ExecutionState};
use crate::model::workflow::Reach;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which executions to list.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExecutionQuery")]
pub(super) struct ListQuery {
    /// Only this one.
    id: Option<String>,
    /// Only of this flow.
    agentflow_id: Option<String>,
    /// Only of flows in whose names this stands, in upper or lower case.
    agentflow_name: Option<String>,
    /// Only of this session.
    session_id: Option<String>,
    /// Only those that stand so: `INPROGRESS`, `STOPPED`, `FINISHED`, `ERROR`, `TIMEOUT` or `TERMINATED`; another word is no filter.
    state: Option<String>,
    /// Only those that were made from this moment on, in ISO 8601.
    start_date: Option<String>,
    /// Only those that were made up to this moment.
    end_date: Option<String>,
    /// Which page, from 1.
    pub(super) page: Option<i64>,
    /// How many a page, up to 100; 12 without it.
    pub(super) limit: Option<i64>,
}

impl ListQuery {
    pub(super) fn filter(self, reach: Reach) -> Result<ExecutionFilter, Problem> {
        let no_such = |id: &str| Problem::invalid(format!("`agentflowId` cannot be `{id:.40}`."));
        let flow_id = self.agentflow_id.filter(|id| !id.is_empty());
        let flow_id = flow_id.map(|id| id.parse().map_err(|_| no_such(&id)));
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(ExecutionFilter {
            id: filled(self.id),
            flow_id: flow_id.transpose()?,
            flow_name: filled(self.agentflow_name),
            session_id: filled(self.session_id),
            state: self.state.as_deref().and_then(ExecutionState::parse),
            from_ms: moment("startDate", self.start_date)?,
            until_ms: moment("endDate", self.end_date)?,
            reach,
        })
    }
}

/// What may be changed of an execution.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExecutionBody")]
pub(super) struct ExecutionBody {
    /// Whether everybody sees it who knows its id; `null` is no.
    #[serde(default, deserialize_with = "sent")]
    #[schemars(with = "Option<bool>")]
    pub(super) is_public: Option<Option<bool>>,
}

/// Which executions to delete.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExecutionsBody")]
pub(super) struct ExecutionsBody {
    /// Their ids, 1 to 1000.
    #[schemars(with = "Vec<String>", length(min = 1, max = 1000), required)]
    pub(super) execution_ids: Option<Vec<String>>,
}

/// Executions that were deleted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ExecutionsDeleted")]
pub(super) struct RemovedExecutions {
    /// Always `true`.
    success: bool,
    /// How many.
    deleted_count: usize,
}

impl RemovedExecutions {
    pub(super) fn of(deleted_count: usize) -> RemovedExecutions {
        RemovedExecutions {
            success: true,
            deleted_count,
        }
    }
}

/// A page of executions.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowiseExecutionPage")]
pub(super) struct ExecutionPage {
    /// Those of this page.
    pub(super) data: Vec<ExecutionView>,
    /// How many there are on all pages.
    pub(super) total: u64,
}

/// An execution of a flow.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "FlowiseExecution")]
pub(super) struct ExecutionView {
    /// The run's id.
    id: RunId,
    /// What its nodes came to: a text of JSON, a list. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    execution_data: Option<String>,
    /// Where it stands.
    state: ExecutionState,
    /// The flow.
    agentflow_id: WorkflowId,
    /// The session; none where it was started by no prediction.
    session_id: Option<String>,
    /// What it asks somebody, where it waits for them: a text of JSON. Left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// Whether everybody sees it who knows its id.
    is_public: bool,
    /// When it was made.
    #[schemars(extend("format" = "date-time"))]
    created_date: String,
    /// When something was recorded of it last.
    #[schemars(extend("format" = "date-time"))]
    updated_date: String,
    /// Since when nothing is done for it.
    #[schemars(extend("format" = "date-time"))]
    stopped_date: Option<String>,
    /// Always `default`.
    workspace_id: &'static str,
    /// The flow that it runs.
    agentflow: RunFlowView,
}

/// The flow of an execution.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowiseExecutionFlow")]
struct RunFlowView {
    /// Its id.
    id: WorkflowId,
    /// What it is called now.
    name: String,
}

impl ExecutionView {
    /// An execution as it is told; `nodes` is what its nodes came to, the last of which may wait for somebody.
    pub(super) fn of(execution: &Execution, nodes: Option<&Value>) -> ExecutionView {
        let last = nodes.and_then(Value::as_array).and_then(|all| all.last());
        let action = last.and_then(|node| node.pointer("/data/output/action"));
        ExecutionView {
            id: execution.id.clone(),
            execution_data: nodes.map(Value::to_string),
            state: execution.state,
            agentflow_id: execution.flow_id.clone(),
            session_id: execution.session_id.clone(),
            action: action
                .filter(|_| execution.state == ExecutionState::Stopped)
                .map(Value::to_string),
            is_public: execution.is_public,
            created_date: iso_utc(execution.created_at_ms),
            updated_date: iso_utc(execution.updated_at_ms),
            stopped_date: execution.stopped_at_ms().map(iso_utc),
            workspace_id: WORKSPACE,
            agentflow: RunFlowView {
                id: execution.flow_id.clone(),
                name: execution.flow_name.clone(),
            },
        }
    }
}
