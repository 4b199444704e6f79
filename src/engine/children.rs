//! Runs that wait for the end of other runs.
//! May not know what runs do. Promise: whoever registers before it looks is woken, however the other run ends.

use crate::id::RunId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A run that waits: its number and its id.
pub(super) type Waiter = (i64, RunId);

/// For each run that somebody waits for, who does. In memory only: a run that waits is looked at after a restart.
#[derive(Default)]
pub(super) struct Children(Mutex<HashMap<RunId, Vec<Waiter>>>);

impl Children {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Vec<Waiter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `parent` wants to be woken when `child` has ended.
    pub(super) fn wait_for(&self, child: &RunId, parent: Waiter) {
        let mut waiters = self.lock();
        let waiting = waiters.entry(child.clone()).or_default();
        if !waiting.contains(&parent) {
            waiting.push(parent);
        }
    }

    /// Who has waited for this run, which has ended.
    pub(super) fn take(&self, ended: &RunId) -> Vec<Waiter> {
        self.lock().remove(ended).unwrap_or_default()
    }
}
