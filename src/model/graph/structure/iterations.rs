//! Iterations: which nodes are inside of which iterator, and where iterations get into each other's way.
//! May not know ports.

use super::circles::{a_circle, order};
use super::{Link, Structure};
use crate::model::graph::Graph;
use crate::model::graph::catalogue::Role;
use crate::model::graph::lint::Findings;
use std::collections::BTreeSet;

/// How deep iterators may be nested.
const MAX_NESTING: usize = 8;

fn role(graph: &Graph<'_>, node: usize) -> Option<Role> {
    graph.nodes.get(node)?.known.map(|known| known.role)
}

/// For each node the iterators around it.
pub(super) fn around(
    graph: &Graph<'_>,
    links: &[Link],
    order: &[usize],
    found: &mut Findings,
) -> Vec<Vec<usize>> {
    let mut into: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    links.iter().for_each(|link| into[link.to].push(link.from));
    let mut around: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for &node in order {
        let mut inside: Vec<usize> = Vec::new();
        let mut mixed = None;
        for &from in &into[node] {
            let mut theirs = around[from].clone();
            if role(graph, from) == Some(Role::Iterator) {
                theirs.push(from);
            }
            let (shorter, longer) = if theirs.len() < inside.len() {
                (theirs, inside)
            } else {
                (inside, theirs)
            };
            if !longer.starts_with(&shorter) {
                mixed = shorter.last().copied().zip(longer.last().copied());
            }
            inside = longer;
        }
        if let Some((one, other)) = mixed {
            let id = |node: usize| {
                graph
                    .nodes
                    .get(node)
                    .and_then(|node| node.id)
                    .unwrap_or_default()
            };
            let message = format!(
                "`{}` would be run for each item of `{}` and of `{}`, which are not inside of each other",
                id(node),
                id(one.min(other)),
                id(one.max(other))
            );
            let fix = "end one of the iterations with `iterator:collect` before";
            found
                .violation("crossed-iterations", message)
                .node_of(&graph.nodes, node)
                .fix(fix);
        }
        if role(graph, node) == Some(Role::Collector) {
            inside.pop();
        }
        if role(graph, node) == Some(Role::Iterator) && inside.len() >= MAX_NESTING {
            let message = format!("iterators are nested more than {MAX_NESTING} deep");
            found
                .violation("iterations-too-deep", message)
                .node_of(&graph.nodes, node)
                .fix("collect the items of one before the next");
        }
        around[node] = inside;
    }
    around
}

/// Collectors to which no iterator leads. They have a plan all the same: of a part of a graph in which their results are used
/// again.
pub fn idle_collectors(graph: &Graph<'_>, structure: &Structure, found: &mut Findings) {
    for &node in &structure.order {
        let mut into = structure.links.iter().filter(|link| link.to == node);
        let is_inside = |from: usize| {
            role(graph, from) == Some(Role::Iterator) || !structure.around(from).is_empty()
        };
        if role(graph, node) != Some(Role::Collector) || into.any(|link| is_inside(link.from)) {
            continue;
        }
        let message = format!(
            "`{}` collects items, but no iterator leads to it",
            graph.nodes[node].label()
        );
        let fix = "connect it to what comes after an `iterator:list`, or remove it";
        found
            .violation("nothing-to-collect", message)
            .node_of(&graph.nodes, node)
            .fix(fix);
    }
}

/// Iterations that need what comes after themselves, and iterations of nothing that are collected.
pub(super) fn crossings(graph: &Graph<'_>, structure: &Structure, found: &mut Findings) {
    let lifted = structure.links.iter().filter_map(|link| {
        let (from, to) = structure.lifted(*link)?;
        Some(Link {
            from,
            to,
            edge: link.edge,
        })
    });
    let lifted: Vec<Link> = lifted.collect();
    let order = order(graph, &lifted);
    if order.len() < graph.nodes.len() {
        let mut left: BTreeSet<usize> = (0..graph.nodes.len()).collect();
        left.retain(|node| !order.contains(node));
        while let Some(circle) = a_circle(&lifted, &mut left) {
            let iterator = circle
                .iter()
                .find(|node| role(graph, **node) == Some(Role::Iterator));
            let iterator = iterator.or(circle.first()).copied().unwrap_or_default();
            let message = format!(
                "what comes after `{}` needs what is collected from it",
                graph
                    .nodes
                    .get(iterator)
                    .and_then(|node| node.id)
                    .unwrap_or_default()
            );
            let fix = "feed what was collected into nodes after `iterator:collect` only";
            found
                .violation("crossed-iterations", message)
                .node_of(&graph.nodes, iterator)
                .fix(fix);
            left.retain(|node| !circle.contains(node));
        }
    }
    for link in &structure.links {
        let is_empty = role(graph, link.from) == Some(Role::Iterator)
            && role(graph, link.to) == Some(Role::Collector)
            && structure.around(link.from) == structure.around(link.to);
        if is_empty {
            let message = "nothing stands between the iterator and the collector";
            let edge = graph.edges.get(link.edge).and_then(|edge| edge.id);
            let fix = "put the nodes that are to be run for each item between them, or connect the list itself";
            found
                .violation("empty-iteration", message)
                .edge(edge)
                .node_of(&graph.nodes, link.to)
                .fix(fix);
        }
    }
}
