//! Workflows and their versions: the records and the life cycle.
//! May not know how a definition is compiled (see `plan`) or stored.

use crate::id::WorkflowId;
use crate::model::trigger::ScheduleStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// Where a workflow stands: draft → active ⇄ paused → archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkflowStatus {
    /// Can be edited, not run.
    Draft,
    /// Can be run and edited.
    Active,
    /// Can be edited, not run; unfinished runs go on.
    Paused,
    /// Can be read only.
    Archived,
}

impl WorkflowStatus {
    /// Every status.
    pub const ALL: [WorkflowStatus; 4] = [
        WorkflowStatus::Draft,
        WorkflowStatus::Active,
        WorkflowStatus::Paused,
        WorkflowStatus::Archived,
    ];

    /// The status as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            WorkflowStatus::Draft => "draft",
            WorkflowStatus::Active => "active",
            WorkflowStatus::Paused => "paused",
            WorkflowStatus::Archived => "archived",
        }
    }

    /// Reads a status as it is stored and sent.
    pub fn parse(text: &str) -> Option<WorkflowStatus> {
        WorkflowStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
    }

    /// Whether `next` may follow. Staying where one is, is allowed (activating twice is no mistake) but for the archive.
    pub fn may_become(self, next: WorkflowStatus) -> bool {
        use WorkflowStatus::{Active, Archived, Draft, Paused};
        match (self, next) {
            (Archived, _) => next == Archived,
            (_, Archived) | (Draft | Active | Paused, Active) | (Active | Paused, Paused) => true,
            (_, Draft) | (Draft, Paused) => self == next,
        }
    }
}

/// In which of the three formats a definition is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefinitionFormat {
    /// The native format: an ordered list of steps.
    Steps,
    /// Nodes and edges, as Wireflow's clients send them.
    Graph,
    /// A chatflow or an agentflow, as Flowise's editor saves it.
    Flow,
}

impl DefinitionFormat {
    /// The format as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            DefinitionFormat::Steps => "steps",
            DefinitionFormat::Graph => "graph",
            DefinitionFormat::Flow => "flow",
        }
    }

    /// Reads a format as it is stored.
    pub fn parse(text: &str) -> Option<DefinitionFormat> {
        use DefinitionFormat::{Flow, Graph, Steps};
        let mut formats = [Steps, Graph, Flow].into_iter();
        formats.find(|format| format.as_str() == text)
    }
}

/// What a workflow does, as it was written: `trigger`, `steps`, `inputSchema`, `outputSchema`, `settings`, `variables`; of a
/// graph `trigger`, `nodes`, `edges`, `settings`; of a flow `trigger`, `flowType`, `flowData`. Stored by its content: two equal definitions are one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// The format of `body`.
    pub format: DefinitionFormat,
    /// The fields named above, as one JSON object.
    pub body: Value,
}

/// A workflow with its current version.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Row number in the store.
    pub sequence: i64,
    /// The id that clients use.
    pub id: WorkflowId,
    /// 1 to 255 characters.
    pub name: String,
    /// What it is for, in the owner's words.
    pub description: Option<String>,
    /// Where it stands.
    pub status: WorkflowStatus,
    /// The current version, from 1.
    pub version: i64,
    /// Row number of the current definition.
    pub definition_sequence: i64,
    /// The current definition.
    pub definition: Definition,
    /// How an editor draws it: an object, as it was sent.
    pub canvas: Option<Arc<Value>>,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// What a list shows of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowSummary {
    /// The id that clients use.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Where it stands.
    pub status: WorkflowStatus,
    /// The current version.
    pub version: i64,
    /// The `trigger` of the current definition.
    pub trigger: Value,
    /// Where its schedule stands, if it has one and was ever active.
    pub schedule: Option<ScheduleStatus>,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub updated_at_ms: i64,
}

/// One version of a workflow; once used it never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkflowVersion {
    /// From 1, without gaps.
    pub version: i64,
    /// The workflow's name in this version.
    pub name: String,
    /// The workflow's description in this version.
    pub description: Option<String>,
    /// What changed, in the editor's words.
    pub change_summary: Option<String>,
    /// Who saved it: a key's id, or `control`.
    pub created_by: String,
    /// Milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// The definition; left out in lists.
    pub definition: Option<Definition>,
}

/// Which workflows a key may reach.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// All of them.
    #[default]
    All,
    /// This one only.
    Workflow(WorkflowId),
    /// Those whose name starts so.
    Prefix(String),
}

impl Reach {
    /// Whether a workflow with this id and name is within reach.
    pub fn covers(&self, id: &WorkflowId, name: &str) -> bool {
        match self {
            Reach::All => true,
            Reach::Workflow(only) => only == id,
            Reach::Prefix(prefix) => name.starts_with(prefix.as_str()),
        }
    }

    /// Whether everything that `other` reaches is within this reach.
    pub fn includes(&self, other: &Reach) -> bool {
        match (self, other) {
            (Reach::All, _) => true,
            (Reach::Prefix(wide), Reach::Prefix(narrow)) => narrow.starts_with(wide.as_str()),
            _ => self == other,
        }
    }
}

/// Which workflows a list should have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorkflowFilter {
    /// Only those in this status; without it everything but the archive.
    pub status: Option<WorkflowStatus>,
    /// Only those whose name contains this, whatever its letter case.
    pub search: Option<String>,
    /// Only those within this reach.
    pub reach: Reach,
    /// So many workflows are looked at for a page at most: where few of them fit, it has fewer than it may, and says where to
    /// go on. Without it as many as it takes.
    pub max_looked_at: Option<usize>,
}

#[cfg(test)]
mod tests {
    use super::WorkflowStatus::{self, Active, Archived, Draft, Paused};
    use super::*;

    #[test]
    fn the_life_cycle_is_the_contracts() {
        let allowed: Vec<(WorkflowStatus, WorkflowStatus)> = WorkflowStatus::ALL
            .into_iter()
            .flat_map(|from| WorkflowStatus::ALL.into_iter().map(move |to| (from, to)))
            .filter(|(from, to)| from != to && from.may_become(*to))
            .collect();
        assert_eq!(
            allowed,
            [
                (Draft, Active),
                (Draft, Archived),
                (Active, Paused),
                (Active, Archived),
                (Paused, Active),
                (Paused, Archived)
            ]
        );
    }

    #[test]
    fn a_reach_includes_only_what_is_narrower() {
        let prefix = |text: &str| Reach::Prefix(text.into());
        assert!(Reach::All.includes(&prefix("a")));
        assert!(prefix("a").includes(&prefix("ab")));
        assert!(!prefix("ab").includes(&prefix("a")));
        assert!(!prefix("a").includes(&Reach::All));
        assert!(!prefix("a").covers(&WorkflowId::generate(), "b"));
    }
}
