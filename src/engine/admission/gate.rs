//! One limit and the runs that wait at it, oldest first. May not know what it limits.
//! Promise: never more than the limit hold a place, and nobody gets one before a run that was recorded earlier and waits
//! here too, or is about to.

use crate::id::RunId;
use std::collections::{BTreeMap, BTreeSet};

/// A limit with its places and its queue.
#[derive(Debug)]
pub(super) struct Gate {
    /// How many places there are.
    pub(super) limit: usize,
    used: usize,
    /// Who waits, by the run's number.
    waiting: BTreeMap<i64, Waiting>,
    /// The tickets of runs that are being recorded: their numbers are not known yet.
    arriving: BTreeSet<u64>,
}

#[derive(Debug)]
struct Waiting {
    run: RunId,
    /// Whoever got a later ticket than this has a higher number for sure.
    after: u64,
}

impl Gate {
    pub(super) fn new(limit: usize) -> Gate {
        Gate {
            limit,
            used: 0,
            waiting: BTreeMap::new(),
            arriving: BTreeSet::new(),
        }
    }

    /// Whether there is a place for one more after all who wait and all who are about to.
    pub(super) fn has_room(&self) -> bool {
        self.used + self.waiting.len() + self.arriving.len() < self.limit
    }

    /// Takes a place, also above the limit: what has begun before a restart has its place.
    pub(super) fn take(&mut self) {
        self.used += 1;
    }

    pub(super) fn give_back(&mut self) {
        self.used = self.used.saturating_sub(1);
    }

    pub(super) fn announce(&mut self, ticket: u64) {
        self.arriving.insert(ticket);
    }

    pub(super) fn arrived(&mut self, ticket: u64) {
        self.arriving.remove(&ticket);
    }

    pub(super) fn queue(&mut self, sequence: i64, run: RunId, after: u64) {
        self.waiting.insert(sequence, Waiting { run, after });
    }

    pub(super) fn unqueue(&mut self, sequence: i64) {
        self.waiting.remove(&sequence);
    }

    /// Gives the oldest waiting run a place, if there is one that nobody older may still want.
    pub(super) fn admit(&mut self) -> Option<RunId> {
        let free = self.limit.checked_sub(self.used).filter(|free| *free > 0)?;
        let first = self.waiting.first_entry()?;
        let older = self.arriving.range(..first.get().after);
        if older.take(free).count() == free {
            return None;
        }
        self.used += 1;
        Some(first.remove().run)
    }

    /// How many hold a place.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Whether nobody is here.
    pub(super) fn is_empty(&self) -> bool {
        self.used == 0 && self.waiting.is_empty() && self.arriving.is_empty()
    }
}
