//! Events that other services sent: the records of webhooks and of what became of them.
//! May not know how they are stored or verified.

use crate::id::{EventId, RunId, WorkflowId};
use crate::model::workflow::Reach;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What became of an event at one workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryOutcome {
    /// It started a run.
    Started,
    /// It had started a run before, and started none.
    Duplicate,
    /// The workflow's `events` leave it out.
    Filtered,
    /// The body does not fit the workflow's `inputSchema`.
    InputInvalid,
    /// Steps of the workflow name secrets that are not set.
    SecretMissing,
}

impl DeliveryOutcome {
    const ALL: [DeliveryOutcome; 5] = [
        DeliveryOutcome::Started,
        DeliveryOutcome::Duplicate,
        DeliveryOutcome::Filtered,
        DeliveryOutcome::InputInvalid,
        DeliveryOutcome::SecretMissing,
    ];

    /// The outcome as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryOutcome::Started => "started",
            DeliveryOutcome::Duplicate => "duplicate",
            DeliveryOutcome::Filtered => "filtered",
            DeliveryOutcome::InputInvalid => "input_invalid",
            DeliveryOutcome::SecretMissing => "secret_missing",
        }
    }

    /// Reads an outcome as it is stored and sent.
    pub fn parse(text: &str) -> Option<DeliveryOutcome> {
        DeliveryOutcome::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// What became of an event at one workflow.
#[derive(Debug, Clone, PartialEq)]
pub struct EventDelivery {
    /// The workflow.
    pub workflow_id: WorkflowId,
    /// Its name now.
    pub workflow_name: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What.
    pub outcome: DeliveryOutcome,
    /// The run that it started, now or the first time.
    pub run_id: Option<RunId>,
    /// Why it started none.
    pub detail: Option<String>,
}

/// An event without its body.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSummary {
    /// Row number in the store.
    pub sequence: i64,
    /// The id that clients use.
    pub id: EventId,
    /// Who sent it, as the URL said.
    pub provider: String,
    /// The last segment of the URL.
    pub path: String,
    /// Milliseconds since the Unix epoch.
    pub received_at_ms: i64,
    /// The sender's word for its type.
    pub event_type: Option<String>,
    /// The sender's id of it.
    pub external_id: Option<String>,
    /// Whether a signature was checked.
    pub verified: bool,
    /// Selected headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How long the body is.
    pub body_bytes: i64,
    /// What became of it, oldest first.
    pub deliveries: Vec<EventDelivery>,
}

/// Which events a list should have.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventFilter {
    /// Only of this provider.
    pub provider: Option<String>,
    /// Only of this path.
    pub path: Option<String>,
    /// Only those that were meant for this workflow.
    pub workflow_id: Option<WorkflowId>,
    /// Only those that were meant for workflows within this reach.
    pub reach: Reach,
}

/// How many events are kept: those that are within all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRetention {
    /// Not older than so many milliseconds.
    pub age_ms: i64,
    /// The newest so many.
    pub count: u64,
    /// The newest with so many bytes of bodies together.
    pub bytes: u64,
}
