//! Executions: the runs of flows, as Flowise's clients know them. May not know how they are stored.

use crate::id::{RunId, WorkflowId};
use crate::model::workflow::Reach;

/// Where an execution stands, in Flowise's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ExecutionState {
    /// It goes on, or will.
    InProgress,
    /// It waits for somebody.
    Stopped,
    /// It has ended well.
    Finished,
    /// It has failed.
    Error,
    /// Its time was over.
    Timeout,
    /// Somebody has ended it.
    Terminated,
}

impl ExecutionState {
    /// Every state.
    pub const ALL: [ExecutionState; 6] = [
        ExecutionState::InProgress,
        ExecutionState::Stopped,
        ExecutionState::Finished,
        ExecutionState::Error,
        ExecutionState::Timeout,
        ExecutionState::Terminated,
    ];

    /// The state as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            ExecutionState::InProgress => "INPROGRESS",
            ExecutionState::Stopped => "STOPPED",
            ExecutionState::Finished => "FINISHED",
            ExecutionState::Error => "ERROR",
            ExecutionState::Timeout => "TIMEOUT",
            ExecutionState::Terminated => "TERMINATED",
        }
    }

    /// Reads a state as it is sent.
    pub fn parse(text: &str) -> Option<ExecutionState> {
        ExecutionState::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// What a list shows of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// Row number of the run.
    pub sequence: i64,
    /// The run.
    pub id: RunId,
    /// Where it stands.
    pub state: ExecutionState,
    /// The flow that it runs.
    pub flow_id: WorkflowId,
    /// What that is called now.
    pub flow_name: String,
    /// The session that it is of; none where it was started by no prediction.
    pub session_id: Option<String>,
    /// Whether everybody sees it who knows its id.
    pub is_public: bool,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When something was recorded of it last.
    pub updated_at_ms: i64,
}

impl Execution {
    /// Since when nothing is done for it: it has ended, or waits for somebody.
    pub fn stopped_at_ms(&self) -> Option<i64> {
        Some(self.updated_at_ms).filter(|_| self.state != ExecutionState::InProgress)
    }
}

/// Which executions a list should have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionFilter {
    /// Only this one.
    pub id: Option<String>,
    /// Only of this flow.
    pub flow_id: Option<WorkflowId>,
    /// Only of flows in whose names this stands, in upper or lower case.
    pub flow_name: Option<String>,
    /// Only of this session.
    pub session_id: Option<String>,
    /// Only those that stand so.
    pub state: Option<ExecutionState>,
    /// Only those that were made from this moment on, in milliseconds since the Unix epoch.
    pub from_ms: Option<i64>,
    /// Only those that were made up to this moment.
    pub until_ms: Option<i64>,
    /// Only of flows within this reach.
    pub reach: Reach,
}

/// What became of the wish to remove an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionRemoval {
    /// It is gone.
    Removed,
    /// There is none, or not within the reach.
    NotFound,
    /// It stays: it goes on, or another run or an idempotency key needs it still.
    Needed,
}
