//! The book, case by case.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::book::Book;
use super::{Demand, Entry, Found, WorkflowDemand};
use crate::id::RunId;
use std::sync::Arc;

pub(super) fn workflow(workflow: i64, limit: usize) -> Demand {
    Demand {
        key: None,
        workflow: Some(WorkflowDemand {
            workflow,
            limit,
            skips: false,
            cancels: false,
        }),
        waiting_above: 0,
    }
}

fn with(demand: &Demand, change: impl FnOnce(&mut WorkflowDemand)) -> Demand {
    let mut demand = demand.clone();
    demand.workflow.as_mut().map(change);
    demand
}

/// A book, with the numbers that its runs get.
struct Scene {
    book: Book,
    next: i64,
}

impl Scene {
    fn new(slots: usize) -> Scene {
        Scene {
            book: Book::new(slots),
            next: 1,
        }
    }

    /// Enters and records a run.
    fn start(&mut self, demand: &Demand) -> (RunId, Entry) {
        let id = RunId::generate();
        let entry = self.book.enter(&id, demand);
        if entry != Entry::Skipped {
            self.book.recorded(&id, self.next);
            self.book.arrived(&id);
            self.next += 1;
        }
        (id, entry)
    }

    fn granted(&mut self) -> Vec<i64> {
        let granted = self.book.take_granted();
        granted.into_iter().map(|(_, number)| number).collect()
    }
}

#[test]
fn a_workflows_queue_goes_in_order_and_a_parked_run_keeps_its_place() {
    let mut scene = Scene::new(10);
    let one = workflow(1, 1);
    let (first, entry) = scene.start(&one);
    assert_eq!(entry, Entry::Admitted);
    let (second, entry) = scene.start(&one);
    assert_eq!(entry, Entry::Queued);
    scene.start(&one);
    let (_, other) = scene.start(&workflow(2, 1));
    assert_eq!(other, Entry::Admitted, "the queue is the workflow's own");
    scene.book.park(&first);
    assert_eq!(scene.granted(), [0; 0]);
    scene.book.leave(&first);
    assert_eq!(scene.granted(), [2]);
    scene.book.leave(&second);
    assert_eq!(scene.granted(), [3]);
}

#[test]
fn a_parked_run_gives_its_slot_back_and_comes_before_younger_ones() {
    let mut scene = Scene::new(1);
    let any = workflow(1, usize::MAX);
    let (first, _) = scene.start(&any);
    let (second, _) = scene.start(&any);
    scene.start(&any);
    scene.book.park(&first);
    assert_eq!(scene.granted(), [2]);
    assert!(scene.book.wake(1));
    assert_eq!(scene.granted(), [0; 0]);
    scene.book.leave(&second);
    assert_eq!(scene.granted(), [1]);
    // Woken while it is driven: it is driven once more.
    assert!(scene.book.wake(1));
    scene.book.park(&first);
    assert_eq!(scene.granted(), [1]);
    scene.book.leave(&first);
    assert!(!scene.book.wake(1), "it is over");
    assert_eq!(scene.granted(), [3]);
}

/// Whoever waits for a tool keeps its slot, and what the tool comes to needs none that somebody above it can hold.
#[test]
fn whatever_a_tool_starts_has_slots_of_its_own() {
    let mut scene = Scene::new(1);
    let below = |waiting_above| Demand {
        waiting_above,
        ..workflow(1, usize::MAX)
    };
    let (asker, entry) = scene.start(&below(0));
    assert_eq!(entry, Entry::Admitted);
    let (_, entry) = scene.start(&below(0));
    assert_eq!(entry, Entry::Queued, "it waits for the asker");
    let (tool, entry) = scene.start(&below(1));
    assert_eq!(entry, Entry::Admitted);
    assert_eq!(scene.book.waiting_above(&tool), 1);
    let (child, entry) = scene.start(&below(1));
    assert_eq!(entry, Entry::Queued, "one of a kind at a time");
    scene.book.park(&tool);
    assert_eq!(scene.granted(), [4]);
    let (deeper, entry) = scene.start(&below(2));
    assert_eq!(entry, Entry::Admitted);
    assert_eq!(scene.book.driven(), 3);
    assert!(scene.book.wake(3));
    assert_eq!(scene.granted(), [0; 0]);
    for ended in [deeper, child] {
        scene.book.leave(&ended);
    }
    assert_eq!(scene.granted(), [3]);
    for ended in [tool, asker] {
        scene.book.leave(&ended);
    }
    assert_eq!(scene.granted(), [2]);
}

#[test]
fn nobody_overtakes_a_run_that_is_being_recorded() {
    let mut scene = Scene::new(10);
    let one = workflow(1, 1);
    let (first, _) = scene.start(&one);
    let (older, younger) = (RunId::generate(), RunId::generate());
    assert_eq!(scene.book.enter(&older, &one), Entry::Queued);
    assert_eq!(scene.book.enter(&younger, &one), Entry::Queued);
    scene.book.recorded(&younger, 3);
    scene.book.arrived(&younger);
    scene.book.leave(&first);
    assert_eq!(scene.granted(), [0; 0], "number 2 may still come");
    scene.book.recorded(&older, 2);
    assert_eq!(scene.book.enter(&RunId::generate(), &one), Entry::Queued);
    scene.book.arrived(&older);
    assert_eq!(scene.granted(), [2]);
    scene.book.leave(&older);
    assert_eq!(
        scene.granted(),
        [3],
        "who entered later has a higher number"
    );
}

#[test]
fn a_key_waits_for_itself_and_holds_no_place_of_a_workflow_meanwhile() {
    let mut scene = Scene::new(10);
    let of_key = |key: &str, workflow_sequence| Demand {
        key: Some((Arc::from(key), 1)),
        ..workflow(workflow_sequence, 1)
    };
    let (first, _) = scene.start(&of_key("a", 1));
    let (_, entry) = scene.start(&of_key("a", 2));
    assert_eq!(entry, Entry::Queued);
    let (other, entry) = scene.start(&of_key("b", 2));
    assert_eq!(entry, Entry::Admitted);
    scene.book.leave(&first);
    assert_eq!(
        scene.granted(),
        [0; 0],
        "number 2 waits for the workflow now"
    );
    scene.book.leave(&other);
    assert_eq!(scene.granted(), [2]);
}

#[test]
fn beyond_the_limit_one_is_skipped_or_takes_the_place_of_the_oldest() {
    let mut scene = Scene::new(10);
    let two = workflow(1, 2);
    let skipping = with(&two, |wanted| wanted.skips = true);
    let (first, _) = scene.start(&skipping);
    scene.start(&skipping);
    assert_eq!(scene.start(&skipping).1, Entry::Skipped);
    scene.book.leave(&first);
    assert_eq!(scene.start(&skipping).1, Entry::Admitted);

    let mut scene = Scene::new(10);
    let cancelling = with(&two, |wanted| wanted.cancels = true);
    let ids: Vec<RunId> = (0..3).map(|_| RunId::generate()).collect();
    for id in &ids {
        scene.book.enter(id, &cancelling);
    }
    assert_eq!(scene.book.recorded(&ids[1], 1), []);
    // The first one is not recorded yet: it ends as soon as it is.
    assert_eq!(scene.book.recorded(&ids[2], 2), []);
    assert_eq!(scene.book.recorded(&ids[0], 3), [ids[0].clone()]);
    scene.book.arrived(&ids[2]);
    scene.book.leave(&ids[0]);
    assert_eq!(scene.granted(), [2]);
}

#[test]
fn a_higher_limit_lets_waiting_runs_begin() {
    let mut scene = Scene::new(10);
    scene.start(&workflow(1, 1));
    scene.start(&workflow(1, 1));
    scene.start(&workflow(1, 1));
    let (_, entry) = scene.start(&workflow(1, 4));
    assert_eq!(entry, Entry::Admitted);
    assert_eq!(scene.granted(), [2, 3]);
}

#[test]
fn a_restart_takes_in_what_has_begun_before_what_waits() {
    let found = |sequence, has_begun, wants_slot| Found {
        run: RunId::generate(),
        sequence,
        demand: workflow(1, 1),
        has_begun,
        wants_slot,
    };
    let runs = vec![
        found(1, false, true),
        found(2, true, false),
        found(3, false, true),
    ];
    let mut scene = Scene::new(10);
    assert_eq!(scene.book.restore(&runs), []);
    assert_eq!(scene.granted(), [0; 0]);
    assert!(scene.book.wake(2));
    assert_eq!(scene.granted(), [2]);
    scene.book.leave(&runs[1].run);
    assert_eq!(scene.granted(), [1]);
    scene.book.restore(&runs);
    assert_eq!(
        scene.granted(),
        [0; 0],
        "what is known is not taken in twice"
    );

    // The newest of those that wait takes the place of all before it.
    let mut runs = runs;
    for run in &mut runs {
        run.demand = with(&run.demand, |wanted| wanted.cancels = true);
    }
    let mut ending = Book::new(10).restore(&runs);
    ending.sort_unstable();
    assert_eq!(ending, [runs[0].run.clone(), runs[1].run.clone()]);
}

#[test]
fn after_the_close_nobody_gets_a_slot() {
    let mut scene = Scene::new(1);
    let any = workflow(1, usize::MAX);
    let (first, _) = scene.start(&any);
    scene.start(&any);
    scene.book.leave(&first);
    scene.book.close();
    assert_eq!(scene.granted(), [0; 0]);
    assert_eq!(scene.book.driven(), 0);
    assert_eq!(scene.start(&any).1, Entry::Queued);
    assert_eq!(scene.granted(), [0; 0]);
}
