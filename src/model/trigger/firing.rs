//! What has become of a schedule: where it stands, and its log. May not know when a schedule fires.

use crate::id::RunId;
use serde::{Deserialize, Serialize};

/// What became of a time of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FiringOutcome {
    /// It started a run.
    Started,
    /// It passed while the server was not running, and the schedule skips such times.
    SkippedMissed,
    /// No run could be started.
    Failed,
}

impl FiringOutcome {
    /// Every outcome.
    pub const ALL: [FiringOutcome; 3] = [
        FiringOutcome::Started,
        FiringOutcome::SkippedMissed,
        FiringOutcome::Failed,
    ];

    /// The outcome as it is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            FiringOutcome::Started => "started",
            FiringOutcome::SkippedMissed => "skipped_missed",
            FiringOutcome::Failed => "failed",
        }
    }

    /// Reads an outcome as it is stored and sent.
    pub fn parse(text: &str) -> Option<FiringOutcome> {
        FiringOutcome::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// Where a schedule stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScheduleStatus {
    /// When it fires next; `None` while it does not (paused, disabled, a draft).
    pub next_fire_ms: Option<i64>,
    /// When it last started a run.
    pub last_run_at_ms: Option<i64>,
    /// What became of the last time that came, or passed.
    pub last_outcome: Option<FiringOutcome>,
}

/// A row of a schedule's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firing {
    /// Row number.
    pub sequence: i64,
    /// The time of the schedule; of several that were missed, the last.
    pub scheduled_at_ms: i64,
    /// When this was decided.
    pub fired_at_ms: i64,
    /// What became of it.
    pub outcome: FiringOutcome,
    /// How many times of the schedule had passed unserved by then.
    pub missed: u32,
    /// The run that was started, if one was. It may be gone by now.
    pub run_id: Option<RunId>,
    /// Why none could be started.
    pub error: Option<String>,
}
