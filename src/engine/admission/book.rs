//! Who may begin now, who waits for what: pure bookkeeping, without clock, store or tasks.
//! May not know what runs do. Promises: no limit is ever exceeded by a run that begins; who waits at the same limit begins
//! in the order of recording; a place that gets free is given to somebody at once.
//!
//! A run passes its gates in one order: its key's, its workflow's, then a slot. It keeps the places of the first two until it
//! has ended; its slot it gives back whenever it only waits. Since the order is the same for all, nobody waits in a circle.
//! But whoever asks a tool keeps its slot until that has answered: so the tool, and what it starts, gets one of others, which
//! nobody above it can hold.

use super::gate::Gate;
use super::place::{Name, Run, Stage};
use super::{Demand, Entry, Found};
use crate::id::RunId;
use std::collections::{BTreeMap, HashMap};

/// Every unfinished run that this process knows.
pub(super) struct Book {
    runs: HashMap<RunId, Run>,
    by_sequence: HashMap<i64, RunId>,
    /// By how many wait above.
    slots: Vec<Gate>,
    slots_limit: usize,
    others: HashMap<Name, Gate>,
    /// The unfinished runs of each workflow, in the order of entering.
    members: HashMap<i64, BTreeMap<u64, RunId>>,
    next_ticket: u64,
    /// Runs that got their slot and have to be driven.
    granted: Vec<(RunId, i64)>,
    is_closed: bool,
}

impl Book {
    pub(super) fn new(slots: usize) -> Book {
        Book {
            runs: HashMap::new(),
            by_sequence: HashMap::new(),
            slots: vec![Gate::new(slots)],
            slots_limit: slots,
            others: HashMap::new(),
            members: HashMap::new(),
            next_ticket: 0,
            granted: Vec::new(),
            is_closed: false,
        }
    }

    /// A run that is not recorded yet.
    pub(super) fn enter(&mut self, id: &RunId, demand: &Demand) -> Entry {
        if let Some(wanted) = demand.workflow {
            let members = self.members.get(&wanted.workflow).map_or(0, BTreeMap::len);
            if wanted.skips && members >= wanted.limit {
                return Entry::Skipped;
            }
        }
        let mut run = self.register(id, demand);
        let mut fits = !self.is_closed;
        for name in &run.gates {
            fits &= self.gate(name).has_room();
        }
        let entry = if fits {
            for name in &run.gates {
                self.gate(name).take();
            }
            run.stage = Stage::Driven { again: false };
            Entry::Admitted
        } else {
            for name in &run.gates {
                self.gate(name).announce(run.ticket);
            }
            Entry::Queued
        };
        // A new limit may be higher than the one that somebody waits at.
        self.settle(run.gates.clone());
        self.runs.insert(id.clone(), run);
        entry
    }

    /// The run is recorded under this number. Gives the runs that have to end for it.
    pub(super) fn recorded(&mut self, id: &RunId, sequence: i64) -> Vec<RunId> {
        let Some(run) = self.runs.get_mut(id) else {
            return Vec::new();
        };
        run.sequence = Some(sequence);
        run.after = self.next_ticket;
        let is_doomed = run.is_doomed;
        self.by_sequence.insert(sequence, id.clone());
        if is_doomed {
            return vec![id.clone()];
        }
        self.superseded(id)
    }

    /// The queued run is recorded, and whoever gets it its slot may drive it.
    pub(super) fn arrived(&mut self, id: &RunId) {
        let run = self.runs.get(id);
        let Some(run) = run.filter(|run| run.stage == Stage::Arriving) else {
            return;
        };
        let (ticket, gates) = (run.ticket, run.gates.clone());
        for name in &gates {
            self.gate(name).arrived(ticket);
        }
        self.queue_at(id, 0);
        self.settle(gates);
    }

    /// The run has ended, or came to nothing: all that it had is free.
    pub(super) fn leave(&mut self, id: &RunId) {
        let Some(run) = self.runs.remove(id) else {
            return;
        };
        if let Some(sequence) = run.sequence {
            self.by_sequence.remove(&sequence);
        }
        let held = match run.stage {
            Stage::Arriving => 0,
            Stage::At(place) => place,
            Stage::Driven { .. } => run.gates.len(),
            Stage::Parked => run.gates.len() - 1,
        };
        for (place, name) in run.gates.iter().enumerate() {
            let gate = self.gate(name);
            if place < held {
                gate.give_back();
            }
            gate.arrived(run.ticket);
            if let Some(sequence) = run.sequence.filter(|_| run.stage == Stage::At(place)) {
                gate.unqueue(sequence);
            }
            if let Name::Workflow(workflow) = name
                && let Some(members) = self.members.get_mut(workflow)
            {
                members.remove(&run.ticket);
            }
        }
        self.settle(run.gates);
    }

    /// The run gives its slot back and keeps its other places.
    pub(super) fn park(&mut self, id: &RunId) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        let Stage::Driven { again } = run.stage else {
            return;
        };
        run.stage = Stage::Parked;
        let slots = Name::Slots(run.waiting_above());
        self.gate(&slots).give_back();
        if again {
            self.queue_at_slots(id);
        }
        self.settle(vec![slots]);
    }

    /// The run wants a slot again. False when the book does not know it.
    pub(super) fn wake(&mut self, sequence: i64) -> bool {
        let Some(id) = self.by_sequence.get(&sequence).cloned() else {
            return false;
        };
        let slots = Name::Slots(self.waiting_above(&id));
        match self.runs.get_mut(&id).map(|run| &mut run.stage) {
            Some(Stage::Driven { again }) => *again = true,
            Some(Stage::Parked) => {
                self.queue_at_slots(&id);
                self.settle(vec![slots]);
            }
            _ => {}
        }
        true
    }

    /// Takes in runs that were found in the store. Gives those that have to end for others.
    pub(super) fn restore(&mut self, found: &[Found]) -> Vec<RunId> {
        let mut all = Vec::new();
        for one in found {
            if self.runs.contains_key(&one.run) {
                continue;
            }
            let mut run = self.register(&one.run, &one.demand);
            run.sequence = Some(one.sequence);
            self.by_sequence.insert(one.sequence, one.run.clone());
            all.extend(run.gates.iter().cloned());
            if one.has_begun {
                let slots = run.gates.len() - 1;
                for name in run.gates.iter().take(slots) {
                    self.gate(name).take();
                }
                run.stage = Stage::Parked;
            }
            self.runs.insert(one.run.clone(), run);
            match (one.has_begun, one.wants_slot) {
                (false, _) => self.queue_at(&one.run, 0),
                (true, true) => self.queue_at_slots(&one.run),
                (true, false) => {}
            }
        }
        // Not before all that has begun has its places.
        self.settle(all);
        let mut ending = Vec::new();
        for one in found.iter().filter(|one| !one.has_begun) {
            ending.extend(self.superseded(&one.run));
        }
        ending.sort_unstable();
        ending.dedup();
        ending
    }

    /// The runs that got their slot since this was last asked, each to be driven once.
    pub(super) fn take_granted(&mut self) -> Vec<(RunId, i64)> {
        std::mem::take(&mut self.granted)
    }

    /// Whether somebody has to be told that he has his slot.
    pub(super) fn has_granted(&self) -> bool {
        !self.granted.is_empty()
    }

    /// Nobody gets a slot any more, also not who has got one and has not been told.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        for (run, _) in self.take_granted() {
            self.park(&run);
        }
    }

    /// How many runs have a slot.
    pub(super) fn driven(&self) -> usize {
        self.slots.iter().map(Gate::used).sum()
    }

    /// How many runs above this one keep their slot while they wait for it.
    pub(super) fn waiting_above(&self, id: &RunId) -> u32 {
        self.runs.get(id).map_or(0, Run::waiting_above)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
            && self.by_sequence.is_empty()
            && self.others.is_empty()
            && self.members.is_empty()
            && self.slots.iter().all(Gate::is_empty)
    }

    fn register(&mut self, id: &RunId, demand: &Demand) -> Run {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let mut gates = Vec::with_capacity(3);
        if let Some((key, limit)) = &demand.key {
            let name = Name::Key(key.clone());
            self.gate(&name).limit = *limit;
            gates.push(name);
        }
        if let Some(wanted) = demand.workflow {
            let name = Name::Workflow(wanted.workflow);
            self.gate(&name).limit = wanted.limit;
            gates.push(name);
            let members = self.members.entry(wanted.workflow).or_default();
            members.insert(ticket, id.clone());
        }
        gates.push(Name::Slots(demand.waiting_above));
        Run {
            ticket,
            sequence: None,
            after: 0,
            gates,
            stage: Stage::Arriving,
            cancels: demand.workflow.is_some_and(|wanted| wanted.cancels),
            is_doomed: false,
        }
    }

    fn gate(&mut self, name: &Name) -> &mut Gate {
        match name {
            Name::Slots(waiting_above) => {
                let place = *waiting_above as usize;
                while self.slots.len() <= place {
                    self.slots.push(Gate::new(self.slots_limit));
                }
                &mut self.slots[place]
            }
            other => {
                let gate = self.others.entry(other.clone());
                gate.or_insert_with(|| Gate::new(usize::MAX))
            }
        }
    }

    fn queue_at(&mut self, id: &RunId, place: usize) {
        let Some(run) = self.runs.get_mut(id) else {
            return;
        };
        run.stage = Stage::At(place);
        let (Some(sequence), Some(name)) = (run.sequence, run.gates.get(place).cloned()) else {
            return;
        };
        let after = run.after;
        self.gate(&name).queue(sequence, id.clone(), after);
    }

    fn queue_at_slots(&mut self, id: &RunId) {
        let last = self.runs.get(id).map_or(0, |run| run.gates.len() - 1);
        self.queue_at(id, last);
    }

    /// Gives every place that is free at these gates, and at those that whoever got one comes to.
    fn settle(&mut self, mut names: Vec<Name>) {
        while let Some(name) = names.pop() {
            while let Some(id) = self.admit(&name) {
                let Some(run) = self.runs.get_mut(&id) else {
                    continue;
                };
                let next = match run.stage {
                    Stage::At(place) => place + 1,
                    _ => continue,
                };
                if let Some(next_name) = run.gates.get(next).cloned() {
                    self.queue_at(&id, next);
                    names.push(next_name);
                } else {
                    run.stage = Stage::Driven { again: false };
                    self.granted.extend(run.sequence.map(|number| (id, number)));
                }
            }
            self.forget(&name);
        }
    }

    /// Forgets a gate that nobody needs. A workflow's limit is also that of runs which wait for their key first.
    fn forget(&mut self, name: &Name) {
        if let Name::Workflow(workflow) = name {
            if self
                .members
                .get(workflow)
                .is_some_and(|all| !all.is_empty())
            {
                return;
            }
            self.members.remove(workflow);
        }
        if self.others.get(name).is_some_and(Gate::is_empty) {
            self.others.remove(name);
        }
    }

    fn admit(&mut self, name: &Name) -> Option<RunId> {
        match name {
            Name::Slots(_) if self.is_closed => None,
            Name::Slots(waiting_above) => self.slots.get_mut(*waiting_above as usize)?.admit(),
            other => self.others.get_mut(other)?.admit(),
        }
    }

    /// The runs of the workflow that this one takes the place of: all that entered before it, but for the newest that
    /// there is room for. One that is not recorded yet ends when it is.
    fn superseded(&mut self, id: &RunId) -> Vec<RunId> {
        let Some(run) = self.runs.get(id).filter(|run| run.cancels) else {
            return Vec::new();
        };
        let ticket = run.ticket;
        let workflow = run.gates.iter().find_map(|name| match name {
            Name::Workflow(workflow) => Some((*workflow, self.others.get(name)?.limit)),
            _ => None,
        });
        let before = workflow.and_then(|(workflow, limit)| {
            let members = self.members.get(&workflow)?.range(..ticket).rev();
            Some(members.skip(limit.saturating_sub(1)))
        });
        let olds = before.into_iter().flatten().map(|(_, old)| old.clone());
        let mut ending = Vec::new();
        for old in olds.collect::<Vec<RunId>>() {
            let Some(run) = self.runs.get_mut(&old) else {
                continue;
            };
            if run.sequence.is_some() {
                ending.push(old);
            } else {
                run.is_doomed = true;
            }
        }
        ending
    }
}
