//! Queues: blocks whose steps run one at a time, in the order in which they were called for, and may run again.
//! May not know events, records or what a step decides. Promise: what is called for follows from what has ended and which way
//! it took alone, so every fold of a journal calls for the same steps in the same order.
//!
//! A step calls for those that its edges lead to; of a branch only the edges of the way that was taken count. A step that
//! several edges lead to waits for all of them, but that of those which come from one decision one is enough. An edge back
//! calls for its step at once, whatever that waits for otherwise.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The edges of a block. Steps are named by their place in the block.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Queue {
    /// What runs first.
    pub(super) starts: Vec<usize>,
    /// For each step where it leads to.
    pub(super) follows: Vec<Vec<Follow>>,
    /// For each step what it waits for.
    pub(super) awaits: Vec<Awaited>,
}

/// One edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Follow {
    /// Where it leads to.
    pub(super) to: usize,
    /// The way that must have been taken; `None`: whichever.
    pub(super) way: Option<u32>,
    /// Whether it leads back.
    pub(super) is_back: bool,
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Awaited {
    /// All of these.
    pub(super) all: BTreeSet<usize>,
    /// Of each group one.
    pub(super) groups: Vec<BTreeSet<usize>>,
}

impl Awaited {
    fn is_met(&self, arrived: &BTreeSet<usize>) -> bool {
        self.all.is_subset(arrived) && self.groups.iter().all(|group| !group.is_disjoint(arrived))
    }
}

/// Where a queue stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// Steps that were called for; the first is the one whose turn it is.
    called: VecDeque<usize>,
    /// For steps that wait, from where they have been reached.
    arrived: BTreeMap<usize, BTreeSet<usize>>,
    /// For each step how often it has ended.
    visits: Vec<u32>,
    /// The last step that ended.
    pub(super) last: Option<usize>,
    /// Whether that one failed for good.
    pub(super) has_failed: bool,
}

impl Line {
    /// Nothing has begun but what is first.
    pub(super) fn new(queue: &Queue) -> Line {
        Line {
            called: queue.starts.iter().copied().collect(),
            arrived: BTreeMap::new(),
            visits: vec![0; queue.follows.len()],
            last: None,
            has_failed: false,
        }
    }

    /// The step whose turn it is.
    pub(super) fn current(&self) -> Option<usize> {
        self.called.front().copied().filter(|_| !self.has_failed)
    }

    /// How often a step has ended.
    pub(super) fn visits(&self, place: usize) -> u32 {
        self.visits.get(place).copied().unwrap_or_default()
    }

    /// The most often that one of these has ended.
    pub(super) fn most_visits(&self, places: impl Iterator<Item = usize>) -> u32 {
        places
            .map(|place| self.visits(place))
            .max()
            .unwrap_or_default()
    }

    /// The current step has ended and taken this way. Gives the step whose turn has come.
    pub(super) fn end(&mut self, queue: &Queue, place: usize, way: Option<u32>) -> Option<usize> {
        self.called.pop_front();
        self.last = Some(place);
        if let Some(visits) = self.visits.get_mut(place) {
            *visits = visits.saturating_add(1);
        }
        let follows = queue.follows.get(place).map_or(&[][..], Vec::as_slice);
        for follow in follows {
            if follow.way.is_some() && follow.way != way {
                continue;
            }
            if follow.is_back {
                self.called.push_back(follow.to);
                continue;
            }
            let arrived = self.arrived.entry(follow.to).or_default();
            arrived.insert(place);
            let is_met = queue
                .awaits
                .get(follow.to)
                .is_none_or(|awaited| awaited.is_met(arrived));
            if is_met {
                self.arrived.remove(&follow.to);
                self.called.push_back(follow.to);
            }
        }
        self.current()
    }

    /// The current step has failed for good.
    pub(super) fn fail(&mut self, place: usize) {
        self.last = Some(place);
        self.has_failed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(to: usize) -> Follow {
        Follow {
            to,
            way: None,
            is_back: false,
        }
    }

    fn on(way: u32, to: usize) -> Follow {
        Follow {
            way: Some(way),
            ..edge(to)
        }
    }

    fn awaited(all: &[usize], groups: &[&[usize]]) -> Awaited {
        Awaited {
            all: all.iter().copied().collect(),
            groups: groups
                .iter()
                .map(|group| group.iter().copied().collect())
                .collect(),
        }
    }

    /// The order in which steps run, each with the way that it takes.
    fn order(queue: &Queue, way: impl Fn(usize, u32) -> Option<u32>) -> Vec<usize> {
        let mut line = Line::new(queue);
        let mut order = Vec::new();
        while let Some(place) = line.current() {
            order.push(place);
            assert!(order.len() < 100, "it ends");
            let way = way(place, line.visits(place));
            line.end(queue, place, way);
        }
        order
    }

    #[test]
    fn a_join_waits_for_every_edge_but_one_of_each_decision_is_enough() {
        // 0 -> 1, 2; 1 and 2 -> 3.
        let mut queue = Queue {
            starts: vec![0],
            follows: vec![vec![edge(1), edge(2)], vec![edge(3)], vec![edge(3)], vec![]],
            awaits: vec![
                awaited(&[], &[]),
                awaited(&[0], &[]),
                awaited(&[0], &[]),
                awaited(&[1, 2], &[]),
            ],
        };
        assert_eq!(order(&queue, |_, _| None), [0, 1, 2, 3]);
        // The same where 0 decides: the way that is not taken is not waited for.
        queue.follows[0] = vec![on(0, 1), on(1, 2)];
        assert_eq!(order(&queue, |_, _| Some(1)), [0, 2]);
        queue.awaits[3] = awaited(&[], &[&[1, 2]]);
        assert_eq!(order(&queue, |_, _| Some(1)), [0, 2, 3]);
        assert_eq!(order(&queue, |_, _| Some(0)), [0, 1, 3]);
    }

    #[test]
    fn an_edge_back_runs_its_step_again_whatever_that_waits_for() {
        let back = Follow {
            is_back: true,
            ..on(0, 1)
        };
        let queue = Queue {
            starts: vec![0],
            follows: vec![vec![edge(1)], vec![edge(2)], vec![back, on(1, 3)], vec![]],
            awaits: vec![
                awaited(&[], &[]),
                awaited(&[0], &[]),
                awaited(&[1], &[]),
                awaited(&[2], &[]),
            ],
        };
        let twice = |place, visits| (place == 2).then_some(u32::from(visits >= 2));
        assert_eq!(order(&queue, twice), [0, 1, 2, 1, 2, 1, 2, 3]);
    }

    #[test]
    fn nothing_follows_a_failure() {
        let queue = Queue {
            starts: vec![0],
            follows: vec![vec![edge(1)], vec![]],
            awaits: vec![awaited(&[], &[]), awaited(&[0], &[])],
        };
        let mut line = Line::new(&queue);
        line.fail(0);
        assert_eq!((line.current(), line.last), (None, Some(0)));
    }
}
