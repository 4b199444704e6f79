//! Tasks: what the planner says to do with one step now. May not know how it came to that.

use super::NodeIndex;

/// One opened block of a run: the top is 0, every iteration and branch gets a number of its own, never given out again.
pub type FrameId = u32;

/// One step in one frame. Only in memory: journals name it `loop[17].charge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Activation {
    /// The iteration or branch it belongs to.
    pub frame: FrameId,
    /// The step.
    pub node: NodeIndex,
}

/// What to do with one step now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Start this attempt, not before its moment.
    Attempt {
        /// The step.
        step: Activation,
        /// From 1.
        attempt: u32,
        /// `None`: now.
        not_before_ms: Option<i64>,
    },
    /// The step waits; when the moment has come, it is done.
    Wake {
        /// The step.
        step: Activation,
        /// Milliseconds since the Unix epoch.
        due_ms: i64,
    },
    /// When the moment has come, the step has taken too long.
    Expire {
        /// An approval, a child, a loop or a parallel step.
        step: Activation,
        /// Milliseconds since the Unix epoch.
        due_ms: i64,
    },
    /// Ask the conditions of a loop whether this iteration follows.
    Decide {
        /// The loop.
        step: Activation,
        /// Which iteration, from 0.
        index: u32,
    },
    /// Everything inside has ended: the step ends with what it came to.
    Collect {
        /// A loop or a parallel step.
        step: Activation,
    },
    /// When the moment has come, the run has taken too long.
    ExpireRun {
        /// Milliseconds since the Unix epoch.
        due_ms: i64,
    },
}

impl Task {
    /// The step that it is about; none for the run as a whole.
    pub fn step(&self) -> Option<Activation> {
        match self {
            Task::Attempt { step, .. }
            | Task::Wake { step, .. }
            | Task::Expire { step, .. }
            | Task::Decide { step, .. }
            | Task::Collect { step } => Some(*step),
            Task::ExpireRun { .. } => None,
        }
    }

    /// The moment before which there is nothing to do.
    pub fn due_ms(&self) -> Option<i64> {
        match self {
            Task::Attempt { not_before_ms, .. } => *not_before_ms,
            Task::Wake { due_ms, .. }
            | Task::Expire { due_ms, .. }
            | Task::ExpireRun { due_ms } => Some(*due_ms),
            Task::Decide { .. } | Task::Collect { .. } => None,
        }
    }
}
