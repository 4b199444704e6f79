//! Nets: blocks whose steps run side by side, each as soon as every edge that leads to it has been walked.
//! May not know events, records or the frames around it. Promise: a step is let in once, after everything that it needs;
//! which steps are let in follows from what has ended alone, so every fold of a journal lets in the same ones.
//!
//! An edge is walked when the step that it comes from has ended well. A step waits for all of its edges: one join over all.
//! Edges only lead forward; compilers refuse circles.

use std::collections::BTreeSet;

/// The edges of a block. Steps are named by their place in the block.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Net {
    /// For each step those that wait for it, each once.
    follows: Vec<Vec<usize>>,
    /// For each step how many it waits for.
    awaits: Vec<usize>,
    /// How many steps may be under way at once; at least 1.
    width: usize,
    /// The steps whose outputs make up the output of the block, under their ids.
    pub(super) results: Vec<usize>,
}

impl Net {
    /// The net of a block of `steps` steps with these edges, which hold no circle. An edge that is there twice counts once.
    pub(super) fn new(
        steps: usize,
        edges: &BTreeSet<(usize, usize)>,
        width: usize,
        results: Vec<usize>,
    ) -> Net {
        let mut net = Net {
            follows: vec![Vec::new(); steps],
            awaits: vec![0; steps],
            width: width.max(1),
            results,
        };
        for &(from, to) in edges {
            if let (Some(follows), Some(awaits)) =
                (net.follows.get_mut(from), net.awaits.get_mut(to))
            {
                follows.push(to);
                *awaits += 1;
            }
        }
        net
    }

    fn follows(&self, place: usize) -> &[usize] {
        self.follows.get(place).map_or(&[], Vec::as_slice)
    }
}

/// Where a net stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    /// For each step how many of its edges have not been walked; none for one that will never run.
    missing: Vec<Option<usize>>,
    /// Steps with all edges walked for which there is no room yet.
    queued: BTreeSet<usize>,
    /// Steps that were let in and have not ended.
    open: BTreeSet<usize>,
    /// How many steps have neither ended nor been skipped.
    left: usize,
    /// The first step that failed.
    failed: Option<usize>,
}

impl Standing {
    /// Nothing has begun but what waits for nothing.
    pub(super) fn new(net: &Net) -> Standing {
        let free = net.awaits.iter().enumerate();
        let mut standing = Standing {
            missing: net.awaits.iter().copied().map(Some).collect(),
            queued: free
                .filter(|(_, awaits)| **awaits == 0)
                .map(|(place, _)| place)
                .collect(),
            open: BTreeSet::new(),
            left: net.awaits.len(),
            failed: None,
        };
        standing.let_in(net);
        standing
    }

    /// The steps that were let in and have not ended.
    pub(super) fn open(&self) -> impl Iterator<Item = usize> + '_ {
        self.open.iter().copied()
    }

    pub(super) fn is_open(&self, place: usize) -> bool {
        self.open.contains(&place)
    }

    /// Whether an event of the step fits: it is open, or would be if there were room. A journal that was written with more
    /// room is folded as it is.
    pub(super) fn may_begin(&self, place: usize) -> bool {
        self.open.contains(&place) || self.queued.contains(&place)
    }

    /// The step has begun, whether there was room for it or not.
    pub(super) fn begin(&mut self, place: usize) {
        if self.queued.remove(&place) {
            self.open.insert(place);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    pub(super) fn failed(&self) -> Option<usize> {
        self.failed
    }

    /// The step has ended well. Gives the steps that are let in now.
    pub(super) fn end(&mut self, net: &Net, place: usize) -> Vec<usize> {
        self.close(place);
        for &next in net.follows(place) {
            if let Some(Some(missing)) = self.missing.get_mut(next) {
                *missing = missing.saturating_sub(1);
                if *missing == 0 {
                    self.queued.insert(next);
                }
            }
        }
        self.let_in(net)
    }

    /// The step has failed. Gives the steps that will never run for it, and those that are let in now.
    pub(super) fn fail(&mut self, net: &Net, place: usize) -> (Vec<usize>, Vec<usize>) {
        self.close(place);
        self.failed.get_or_insert(place);
        let mut lost = Vec::new();
        let mut from = vec![place];
        while let Some(at) = from.pop() {
            for &next in net.follows(at) {
                let is_new = self.missing.get_mut(next).and_then(Option::take).is_some();
                if is_new {
                    self.left = self.left.saturating_sub(1);
                    lost.push(next);
                    from.push(next);
                }
            }
        }
        lost.sort_unstable();
        (lost, self.let_in(net))
    }

    fn close(&mut self, place: usize) {
        self.queued.remove(&place);
        self.open.remove(&place);
        self.left = self.left.saturating_sub(1);
    }

    /// Lets in as many as there is room for, the first in the block first.
    fn let_in(&mut self, net: &Net) -> Vec<usize> {
        let mut new = Vec::new();
        while self.open.len() < net.width
            && let Some(place) = self.queued.pop_first()
        {
            self.open.insert(place);
            new.push(place);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(steps: usize, edges: &[(usize, usize)], width: usize) -> (Net, Standing) {
        let net = Net::new(steps, &edges.iter().copied().collect(), width, Vec::new());
        let standing = Standing::new(&net);
        (net, standing)
    }

    fn open(standing: &Standing) -> Vec<usize> {
        standing.open().collect()
    }

    #[test]
    fn a_step_is_let_in_when_all_of_its_edges_are_walked() {
        let (net, mut standing) = net(4, &[(0, 2), (1, 2), (2, 3), (0, 3)], 10);
        assert_eq!(open(&standing), [0, 1]);
        assert_eq!(standing.end(&net, 0), [0_usize; 0]);
        assert_eq!(standing.end(&net, 1), [2]);
        assert_eq!(standing.end(&net, 2), [3]);
        assert!(!standing.is_over());
        assert_eq!(standing.end(&net, 3), [0_usize; 0]);
        assert!(standing.is_over() && standing.failed().is_none());
    }

    #[test]
    fn no_more_than_the_width_are_open_and_the_first_come_first() {
        let (net, mut standing) = net(4, &[], 2);
        assert_eq!(open(&standing), [0, 1]);
        assert!(standing.may_begin(3) && !standing.is_open(3));
        assert_eq!(standing.end(&net, 1), [2]);
        assert_eq!(open(&standing), [0, 2]);
        // A journal that was written with more room.
        standing.begin(3);
        assert_eq!(open(&standing), [0, 2, 3]);
        assert_eq!(standing.end(&net, 0), [0_usize; 0]);
    }

    #[test]
    fn a_failure_takes_what_needs_it_and_leaves_the_others() {
        let (net, mut standing) = net(6, &[(0, 1), (1, 2), (3, 2), (3, 4), (5, 2)], 10);
        let (lost, new) = standing.fail(&net, 0);
        assert_eq!((lost, new), (vec![1, 2], vec![]));
        assert_eq!(standing.end(&net, 3), [4]);
        assert!(!standing.may_begin(2));
        assert!(!standing.is_over());
        assert_eq!(standing.end(&net, 4), [0_usize; 0]);
        // What is lost is lost once, whoever else fails.
        assert_eq!(standing.fail(&net, 5), (vec![], vec![]));
        assert!(standing.is_over());
        assert_eq!(standing.failed(), Some(0));
    }
}
