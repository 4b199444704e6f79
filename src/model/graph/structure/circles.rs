//! Circles: the order of what has none, and which nodes make one.
//! May not know what nodes do. Promise: circles that are told have no node in common.

use super::Link;
use crate::model::graph::Graph;
use crate::model::graph::lint::{Findings, short};
use std::collections::{BTreeSet, HashMap};

/// The nodes, each after those that it needs; of equal ones the first in the JSON first. Those in circles are left out.
pub(super) fn order(graph: &Graph<'_>, links: &[Link]) -> Vec<usize> {
    let count = graph.nodes.len();
    let mut missing = vec![0_usize; count];
    let mut follows = vec![Vec::new(); count];
    for link in links {
        missing[link.to] += 1;
        follows[link.from].push(link.to);
    }
    let mut free: BTreeSet<usize> = (0..count).filter(|node| missing[*node] == 0).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(node) = free.pop_first() {
        order.push(node);
        for &next in &follows[node] {
            missing[next] -= 1;
            if missing[next] == 0 {
                free.insert(next);
            }
        }
    }
    order
}

/// Tells circles that have no node in common.
pub(super) fn circles(graph: &Graph<'_>, links: &[Link], order: &[usize], found: &mut Findings) {
    let mut left: BTreeSet<usize> = (0..graph.nodes.len()).collect();
    left.retain(|node| !order.contains(node));
    while let Some(circle) = a_circle(links, &mut left) {
        let names = circle
            .iter()
            .chain(circle.first())
            .filter_map(|node| graph.nodes.get(*node)?.id);
        let path: Vec<String> = names.map(|id| format!("`{}`", short(id))).collect();
        let message = format!("the edges go round in a circle: {}", path.join(" → "));
        let fix = "remove one of these edges; no node can need its own output";
        let first = circle.first().copied().unwrap_or_default();
        found
            .violation("cycle", message)
            .node_of(&graph.nodes, first)
            .fix(fix);
        left.retain(|node| !circle.contains(node));
    }
}

/// A circle within the nodes that are left; takes those out of them that are in none.
pub(super) fn a_circle(links: &[Link], left: &mut BTreeSet<usize>) -> Option<Vec<usize>> {
    loop {
        let mut next: HashMap<usize, usize> = HashMap::new();
        for link in links
            .iter()
            .filter(|link| left.contains(&link.from) && left.contains(&link.to))
        {
            let to = next.entry(link.from).or_insert(link.to);
            *to = link.to.min(*to);
        }
        let before = left.len();
        left.retain(|node| next.contains_key(node));
        if left.len() < before {
            continue;
        }
        let mut at = *left.first()?;
        let mut path: Vec<usize> = Vec::new();
        let mut places: HashMap<usize, usize> = HashMap::new();
        loop {
            if let Some(place) = places.insert(at, path.len()) {
                return path.get(place..).map(<[usize]>::to_vec);
            }
            path.push(at);
            at = *next.get(&at)?;
        }
    }
}
