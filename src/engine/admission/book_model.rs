//! The book against a model that knows only who is where, and what is allowed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::book::Book;
use super::book_tests::workflow;
use super::{Demand, Entry};
use crate::id::RunId;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What may happen to a run next.
#[derive(Debug, Clone)]
enum Move {
    Enter {
        workflow: i64,
        key: Option<u8>,
        waiting_above: u32,
    },
    /// The oldest that entered and is not recorded is recorded …
    Commit,
    /// … and one of those is told of it, not always in order.
    Tell(usize),
    End(usize),
    Park(usize),
    Wake(usize),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let index = any::<usize>;
    let one = prop_oneof![
        4 => (1..4_i64, prop::option::of(0..2_u8), 0..2_u32)
            .prop_map(|(workflow, key, waiting_above)| Move::Enter { workflow, key, waiting_above }),
        3 => Just(Move::Commit),
        3 => index().prop_map(Move::Tell),
        2 => index().prop_map(Move::End),
        2 => index().prop_map(Move::Park),
        2 => index().prop_map(Move::Wake),
    ];
    prop::collection::vec(one, 1..120)
}

const SLOTS: usize = 3;
const PER_KEY: usize = 2;

/// Workflow 1 takes one run, 2 two, 3 any number.
fn limit_of(workflow: i64) -> usize {
    if workflow == 3 {
        usize::MAX
    } else {
        workflow as usize
    }
}

/// What the plainest bookkeeping would say: only who is where.
#[derive(Default)]
struct Model {
    /// Workflow, key, and how many wait above.
    demands: BTreeMap<RunId, (i64, Option<u8>, u32)>,
    /// Entered and not recorded, in order.
    unrecorded: Vec<RunId>,
    /// Recorded, but the book does not know that it may drive them.
    untold: Vec<RunId>,
    number: BTreeMap<RunId, i64>,
    waiting: BTreeSet<RunId>,
    driven: BTreeSet<RunId>,
    parked: BTreeSet<RunId>,
}

impl Model {
    fn check_limits(&self) {
        for above in 0..2 {
            let driven = self.driven.iter().map(|id| self.demands[id].2);
            let count = driven.filter(|of| *of == above).count();
            assert!(count <= SLOTS, "slots below {above}");
        }
        let begun = || self.driven.union(&self.parked).map(|id| self.demands[id]);
        for workflow in 1..3 {
            let count = begun().filter(|(of, ..)| *of == workflow).count();
            assert!(count <= limit_of(workflow), "workflow {workflow}");
        }
        for key in 0..2 {
            let count = begun().filter(|(_, of, _)| *of == Some(key)).count();
            assert!(count <= PER_KEY, "key {key}");
        }
    }

    /// Whether the run has to wait for the workflow that takes one, and for no key.
    fn waits_at_one_alone(&self, id: &RunId) -> bool {
        matches!(self.demands[id], (1, None, _))
    }

    /// Whoever begins is the oldest of those that wait for the same.
    fn begin(&mut self, id: &RunId, number: i64) {
        assert_eq!(self.number[id], number);
        if self.waiting.remove(id) {
            let same = |other: &&RunId| self.demands[*other] == self.demands[id];
            let waiting = self.waiting.iter().chain(&self.untold).filter(same);
            let older = waiting.filter(|other| self.number[*other] < number);
            // Two may begin at once where there are places for both; one of them is told first.
            let room = older.count() < SLOTS;
            assert!(room, "number {number} overtakes");
        } else {
            assert!(self.parked.remove(id), "nobody begins twice");
        }
        self.driven.insert(id.clone());
    }
}

fn pick(set: &BTreeSet<RunId>, index: usize) -> Option<RunId> {
    let at = index.checked_rem(set.len())?;
    set.iter().nth(at).cloned()
}

fn play(book: &mut Book, model: &mut Model, next: &mut i64, step: &Move) {
    match step {
        Move::Enter {
            workflow: of,
            key,
            waiting_above,
        } => {
            let id = RunId::generate();
            let key_demand = key.map(|key| (Arc::from(key.to_string()), PER_KEY));
            let demand = Demand {
                key: key_demand,
                waiting_above: *waiting_above,
                ..workflow(*of, limit_of(*of))
            };
            model
                .demands
                .insert(id.clone(), (*of, *key, *waiting_above));
            if book.enter(&id, &demand) == Entry::Admitted {
                let mut others = model.waiting.iter().chain(&model.untold);
                let overtaken = others.any(|other| model.waits_at_one_alone(other));
                assert!(!(overtaken && *of == 1), "somebody is overtaken");
                model.number.insert(id.clone(), *next);
                book.recorded(&id, *next);
                *next += 1;
                model.driven.insert(id);
            } else {
                model.unrecorded.push(id);
            }
        }
        Move::Commit if !model.unrecorded.is_empty() => {
            let id = model.unrecorded.remove(0);
            model.number.insert(id.clone(), *next);
            *next += 1;
            model.untold.push(id);
        }
        Move::Tell(index) if !model.untold.is_empty() => {
            let id = model.untold.remove(index % model.untold.len());
            book.recorded(&id, model.number[&id]);
            model.waiting.insert(id.clone());
            book.arrived(&id);
        }
        Move::End(index) => {
            if let Some(id) = pick(&model.driven, *index) {
                model.driven.remove(&id);
                book.leave(&id);
            }
        }
        Move::Park(index) => {
            if let Some(id) = pick(&model.driven, *index) {
                model.driven.remove(&id);
                model.parked.insert(id.clone());
                book.park(&id);
            }
        }
        Move::Wake(index) => {
            if let Some(id) = pick(&model.parked, *index) {
                assert!(book.wake(model.number[&id]));
            }
        }
        Move::Commit | Move::Tell(_) => {}
    }
    for (id, number) in book.take_granted() {
        model.begin(&id, number);
    }
    model.check_limits();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn limits_hold_order_holds_and_everybody_begins(moves in moves()) {
        let (mut book, mut model, mut next) = (Book::new(SLOTS), Model::default(), 1);
        for step in &moves {
            play(&mut book, &mut model, &mut next, step);
        }
        // From here on nothing new: whoever was started begins, and in the order of recording at a workflow of one.
        let first = 0;
        while !model.unrecorded.is_empty() || !model.untold.is_empty() {
            play(&mut book, &mut model, &mut next, &Move::Commit);
            play(&mut book, &mut model, &mut next, &Move::Tell(first));
        }
        let mut last = 0;
        while !(model.waiting.is_empty() && model.driven.is_empty() && model.parked.is_empty()) {
            let before = model.waiting.len() + model.driven.len() + model.parked.len();
            for id in model.parked.clone() {
                assert!(book.wake(model.number[&id]));
            }
            let at_one: BTreeSet<RunId> = model.waiting.clone();
            play(&mut book, &mut model, &mut next, &Move::End(first));
            for id in at_one.difference(&model.waiting) {
                if model.waits_at_one_alone(id) {
                    prop_assert!(model.number[id] > last);
                    last = model.number[id];
                }
            }
            let now = model.waiting.len() + model.driven.len() + model.parked.len();
            prop_assert!(now < before || !model.driven.is_empty(), "somebody waits for ever");
        }
        prop_assert!(book.is_empty());
    }
}
