//! What Wireflow's API keeps of a workflow beside its definition: labels, links, counts, and what its nodes came to last.
//! May not know HTTP or how it is stored. Promise: none of it changes what a run does.

use crate::id::{RunId, WorkflowId};
use crate::model::trigger::HookTrigger;
use crate::model::workflow::{Reach, WorkflowStatus};
use serde_json::Value;

/// What an editor says of a workflow when it saves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphDetails {
    /// For finding it again.
    pub tags: Vec<String>,
    /// The project that the client counts it to.
    pub media_id: Option<String>,
    /// The team that the client counts it to.
    pub team_id: Option<String>,
}

/// What a client has said of the link to a workflow. The server serves no page behind it; it is kept for clients.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum LinkPermission {
    /// For its owner.
    #[default]
    Private,
    /// For everybody to look at.
    View,
    /// For everybody to edit.
    Edit,
}

impl LinkPermission {
    /// As it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkPermission::Private => "PRIVATE",
            LinkPermission::View => "VIEW",
            LinkPermission::Edit => "EDIT",
        }
    }

    /// Reads it as it is stored and sent.
    pub fn parse(text: &str) -> Option<LinkPermission> {
        [
            LinkPermission::Private,
            LinkPermission::View,
            LinkPermission::Edit,
        ]
        .into_iter()
        .find(|permission| permission.as_str() == text)
    }
}

/// What is kept of one workflow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphRecord {
    /// What its editor has said.
    pub details: GraphDetails,
    /// Who may follow its link.
    pub link_permission: LinkPermission,
    /// The name under which it is published as an app.
    pub app_slug: Option<String>,
    /// How many executions have ended.
    pub execution_count: i64,
    /// When the last of them ended, in milliseconds since the Unix epoch.
    pub last_executed_at_ms: Option<i64>,
}

/// What a list shows of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct GraphSummary {
    /// The id that clients use.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it stands; never archived.
    pub status: WorkflowStatus,
    /// Its webhook id, where it has one.
    pub hook: Option<HookTrigger>,
    /// What is kept beside it.
    pub record: GraphRecord,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// Which workflows a list should have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphFilter {
    /// Only active ones, or only others.
    pub is_active: Option<bool>,
    /// Only those of this project.
    pub media_id: Option<String>,
    /// Only those of this team.
    pub team_id: Option<String>,
    /// Only those within this reach.
    pub reach: Reach,
}

/// What a node came to when it last ran.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeOutput {
    /// The node.
    pub node_id: String,
    /// Its parameters as they were then.
    pub params: Value,
    /// What it came to.
    pub output: Value,
    /// The run.
    pub run: RunId,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}
