//! Where a run stands: the gates that it passes, and how far it has come.
//! May not know who else is there.

use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Key(Arc<str>),
    Workflow(i64),
    /// Those for runs with so many above that keep their slot while they wait.
    Slots(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is being recorded.
    Arriving,
    /// It waits at the gate with this place in its `gates`.
    At(usize),
    /// It has its slot; `again` when it was woken meanwhile.
    Driven { again: bool },
    /// It has begun and waits for something that is not the book's.
    Parked,
}

#[derive(Debug)]
pub(super) struct Run {
    /// The order of entering.
    pub(super) ticket: u64,
    /// Its number, once it is recorded.
    pub(super) sequence: Option<i64>,
    pub(super) after: u64,
    pub(super) gates: Vec<Name>,
    pub(super) stage: Stage,
    pub(super) cancels: bool,
    /// It is to be cancelled as soon as it is recorded.
    pub(super) is_doomed: bool,
}

impl Run {
    pub(super) fn waiting_above(&self) -> u32 {
        match self.gates.last() {
            Some(Name::Slots(waiting_above)) => *waiting_above,
            _ => 0,
        }
    }
}
