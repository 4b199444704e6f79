//! Runs that wait for a moment. Of a parked run only its number and its due time are in memory; when the time has come it
//! is read back from its journal, as after a restart.

use super::Shared;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Every parked run.
#[derive(Default)]
pub(super) struct Timers {
    parked: Mutex<Parked>,
    changed: Notify,
}

#[derive(Default)]
struct Parked {
    by_due: BTreeSet<(i64, i64)>,
    due_of: HashMap<i64, i64>,
}

impl Parked {
    fn remove(&mut self, run_sequence: i64) {
        if let Some(due_ms) = self.due_of.remove(&run_sequence) {
            self.by_due.remove(&(due_ms, run_sequence));
        }
    }
}

impl Timers {
    fn lock(&self) -> MutexGuard<'_, Parked> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the run at `due_ms`.
    pub(super) fn park(&self, run_sequence: i64, due_ms: i64) {
        let mut parked = self.lock();
        parked.remove(run_sequence);
        parked.by_due.insert((due_ms, run_sequence));
        parked.due_of.insert(run_sequence, due_ms);
        let is_next = parked.by_due.first() == Some(&(due_ms, run_sequence));
        drop(parked);
        if is_next {
            self.changed.notify_one();
        }
    }

    /// The run needs no waking any more.
    pub(super) fn forget(&self, run_sequence: i64) {
        self.lock().remove(run_sequence);
    }

    fn next_due_ms(&self) -> Option<i64> {
        self.lock().by_due.first().map(|(due_ms, _)| *due_ms)
    }

    fn take_due(&self, now_ms: i64) -> Vec<i64> {
        let mut parked = self.lock();
        let mut due = Vec::new();
        while let Some(&(due_ms, run_sequence)) = parked.by_due.first() {
            if due_ms > now_ms {
                break;
            }
            parked.remove(run_sequence);
            due.push(run_sequence);
        }
        due
    }
}

/// Wakes parked runs when they are due, until the engine stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut stopping = shared.stopping.subscribe();
    loop {
        for run_sequence in shared.timers.take_due(shared.clock.now_ms()) {
            shared.clone().go_on(run_sequence);
        }
        let next_due_ms = shared.timers.next_due_ms();
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = shared.timers.changed.notified() => {}
            () = shared.clock.sleep_until(next_due_ms.unwrap_or(i64::MAX)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Timers;

    #[test]
    fn due_runs_come_in_the_order_of_their_time_and_forgotten_ones_never() {
        let timers = Timers::default();
        for (run, due) in [(1, 30), (2, 10), (3, 20), (4, 99)] {
            timers.park(run, due);
        }
        timers.park(1, 15);
        timers.forget(3);
        assert_eq!(timers.next_due_ms(), Some(10));
        assert_eq!(timers.take_due(30), [2, 1]);
        assert_eq!(timers.take_due(30), [] as [i64; 0]);
        assert_eq!(timers.next_due_ms(), Some(99));
    }
}
