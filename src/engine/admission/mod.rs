//! Which runs may begin: limits on the whole server, on a workflow and on a key, with queues in the order of recording.
//! May not know what runs do, nor the store. Promise: [`book::Book`]'s, and that whoever may begin is told.
//!
//! The queues are memory only: what waits is recorded as pending, and a restart takes it in again in the same order.

mod book;
#[cfg(test)]
mod book_model;
#[cfg(test)]
mod book_tests;
mod gate;
mod place;

use crate::id::RunId;
use book::Book;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What a run needs beside a slot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// The key that started it, and how many runs of one key there may be.
    pub key: Option<(Arc<str>, usize)>,
    /// Its workflow. `None` for a run below another one of the same workflow, which has the place.
    pub workflow: Option<WorkflowDemand>,
    /// How many runs above it keep their slot while they wait for what comes of it.
    pub waiting_above: u32,
}

/// What a run needs of its workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WorkflowDemand {
    /// Row number of the workflow.
    pub workflow: i64,
    /// How many of its runs there may be.
    pub limit: usize,
    /// Beyond the limit: do not begin at all.
    pub skips: bool,
    /// Beyond the limit: the oldest ones end.
    pub cancels: bool,
}

/// What came of entering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// The run has all its places and may be driven.
    Admitted,
    /// It is to be recorded, and waits in its turn from then on.
    Queued,
    /// It shall not begin; the book knows nothing of it.
    Skipped,
}

/// A run that was found recorded and unfinished.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub run: RunId,
    pub sequence: i64,
    pub demand: Demand,
    /// Whether it has begun.
    pub has_begun: bool,
    /// Whether it wants a slot now; else the timers wake it.
    pub wants_slot: bool,
}

/// The book, and who has to be told of its answers.
pub(super) struct Admission {
    book: Mutex<Book>,
    granted: Notify,
    idle: Notify,
}

impl Admission {
    /// With so many slots, and as many for each number of runs that may wait above a run.
    pub(super) fn new(slots: usize) -> Admission {
        Admission {
            book: Mutex::new(Book::new(slots)),
            granted: Notify::new(),
            idle: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the book and tells who waits for what came of it.
    fn turn<T>(&self, page: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.lock();
        let answer = page(&mut book);
        let (granted, idle) = (book.has_granted(), book.driven() == 0);
        drop(book);
        if granted {
            self.granted.notify_one();
        }
        if idle {
            self.idle.notify_one();
        }
        answer
    }

    /// A run that is about to be recorded.
    pub(super) fn enter(&self, run: &RunId, demand: &Demand) -> Entry {
        self.turn(|book| book.enter(run, demand))
    }

    /// The run is recorded under this number. Gives the runs that have to be cancelled for it.
    pub(super) fn recorded(&self, run: &RunId, sequence: i64) -> Vec<RunId> {
        self.turn(|book| book.recorded(run, sequence))
    }

    /// The queued run is recorded and nobody drives it.
    pub(super) fn arrived(&self, run: &RunId) {
        self.turn(|book| book.arrived(run));
    }

    /// The run has ended, or came to nothing.
    pub(super) fn leave(&self, run: &RunId) {
        self.turn(|book| book.leave(run));
    }

    /// How many runs above this one keep their slot while they wait for it; 0 where nobody knows it.
    pub(super) fn waiting_above(&self, run: &RunId) -> u32 {
        self.lock().waiting_above(run)
    }

    /// The run waits for something, without a slot.
    pub(super) fn park(&self, run: &RunId) {
        self.turn(|book| book.park(run));
    }

    /// The run wants a slot again. False when nobody knows it.
    pub(super) fn wake(&self, sequence: i64) -> bool {
        self.turn(|book| book.wake(sequence))
    }

    /// Takes in runs that were found in the store, oldest first. Gives the runs that have to be cancelled for others.
    pub(super) fn restore(&self, found: &[Found]) -> Vec<RunId> {
        self.turn(|book| book.restore(found))
    }

    /// Waits until runs have got their slot; gives them with their numbers, each to be driven once.
    pub(super) async fn granted(&self) -> Vec<(RunId, i64)> {
        loop {
            let granted = self.lock().take_granted();
            if !granted.is_empty() {
                return granted;
            }
            self.granted.notified().await;
        }
    }

    /// From now on nobody gets a slot; returns when nobody has one.
    pub(super) async fn drain(&self) {
        self.turn(Book::close);
        while self.lock().driven() > 0 {
            self.idle.notified().await;
        }
    }
}
