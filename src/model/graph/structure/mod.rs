//! What a graph is made of, whatever its nodes do: ids, edges between them, no circles, and which nodes are inside of which
//! iteration.
//! May not know ports. Promise: a graph without a violation of these rules has a plan, now and in every later version; each
//! mistake is told once, in the order of the JSON.
//!
//! **Iterations.** What comes after an iterator is run once for each of its items: every node that its outputs lead to,
//! directly or not, up to a collector or to the end. A collector stands outside and waits for the whole iterator. A node
//! inside may use what stands outside; then that is waited for before the first item. Iterators nest. A node cannot be
//! inside two iterators of which neither is inside the other.

mod circles;
mod iterations;

use super::lint::{Findings, short};
use super::{Graph, GraphEdge, GraphLimits, GraphNode};
use circles::{circles, order};
pub use iterations::idle_collectors;
use iterations::{around, crossings};
use std::collections::{HashMap, HashSet};

/// A graph that is so many times over its limits is not looked into.
const LOOKED_INTO: usize = 10;
/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 128;

/// A graph whose edges are known to hold. Nodes and edges are named by their index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Structure {
    /// The edges between nodes that exist: from, to, and which edge it is. Those of notes are left out.
    pub links: Vec<Link>,
    /// All nodes, each after those that it needs; empty where there is a circle.
    pub order: Vec<usize>,
    /// For each node the iterators that it is inside of, the outermost first.
    pub around: Vec<Vec<usize>>,
}

/// One edge between nodes that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The node that it comes from.
    pub from: usize,
    /// The node that it leads to.
    pub to: usize,
    /// Its index in [`Graph::edges`].
    pub edge: usize,
}

/// Whether a text can be a node's id: it stands in paths and in the names of journals.
pub fn is_node_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.:@~+".contains(&byte))
}

/// Looks at the structure and adds every violation. `None` for a graph that is so large that it was not looked into.
pub fn structure(
    graph: &Graph<'_>,
    limits: &GraphLimits,
    found: &mut Findings,
) -> Option<Structure> {
    if !sizes(graph, limits, found) {
        return None;
    }
    let ids = node_ids(graph, found);
    let links = links(graph, &ids, found);
    let order = order(graph, &links);
    if order.len() < graph.nodes.len() {
        circles(graph, &links, &order, found);
        return Some(Structure {
            links,
            ..Structure::default()
        });
    }
    let around = around(graph, &links, &order, found);
    let structure = Structure {
        links,
        order,
        around,
    };
    crossings(graph, &structure, found);
    Some(structure)
}

/// False where there is so much that nothing more is looked at.
fn sizes(graph: &Graph<'_>, limits: &GraphLimits, found: &mut Findings) -> bool {
    let sizes = [
        (
            "too-many-nodes",
            "nodes",
            graph.nodes.len(),
            limits.max_nodes,
        ),
        (
            "too-many-edges",
            "edges",
            graph.edges.len(),
            limits.max_edges,
        ),
    ];
    let mut is_fit = true;
    for (rule, what, count, max) in sizes {
        if count > max {
            let message = format!("the graph has {count} {what}; at most {max} are allowed");
            let fix = format!(
                "remove {} {what}, or split the graph with `blueprint:invoke`",
                count - max
            );
            found.violation(rule, message).fix(fix);
        }
        is_fit &= count <= max.saturating_mul(LOOKED_INTO);
    }
    is_fit
}

/// The index of every id that is told once.
fn node_ids<'a>(graph: &Graph<'a>, found: &mut Findings) -> HashMap<&'a str, usize> {
    let mut ids = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if node.fields.is_none() {
            let message = format!("nodes[{index}] is no object");
            found
                .violation("bad-node", message)
                .fix("a node is an object with `id`, `type`, `position` and `data`");
            continue;
        }
        let Some(id) = node.id else {
            let message = format!("nodes[{index}] has no id");
            found
                .violation("missing-node-id", message)
                .fix("give it an `id` that no other node has");
            continue;
        };
        if !is_node_id(id) {
            let shown = short(id);
            let message = format!("`{shown}` cannot be the id of a node");
            let fix =
                format!("use 1 to {MAX_ID_BYTES} characters out of A-Z, a-z, 0-9 and `_-.:@~+`");
            found.violation("bad-node-id", message).node(id).fix(fix);
        }
        if let Some(first) = ids.get(id) {
            let shown = short(id);
            let message =
                format!("nodes[{index}] has the id `{shown}`, which nodes[{first}] has too");
            found
                .violation("duplicate-node-id", message)
                .node(id)
                .fix("give each node an id of its own");
        } else {
            ids.insert(id, index);
        }
    }
    ids
}

fn links(graph: &Graph<'_>, ids: &HashMap<&str, usize>, found: &mut Findings) -> Vec<Link> {
    let mut links = Vec::new();
    let (mut seen_ids, mut seen) = (HashSet::new(), HashSet::new());
    for (index, edge) in graph.edges.iter().enumerate() {
        let name = edge.id.map_or_else(
            || format!("edges[{index}]"),
            |id| format!("edge `{}`", short(id)),
        );
        if edge.id.is_some_and(|id| !seen_ids.insert(id)) {
            let message = format!("{name} stands there more than once");
            let fix = "give each edge an id of its own";
            found
                .violation("duplicate-edge-id", message)
                .edge(edge.id)
                .fix(fix);
        }
        // Both ends, so that both are told.
        let from = end("source", edge.source, edge, &name, ids, found);
        let to = end("target", edge.target, edge, &name, ids, found);
        let (Some(from), Some(to)) = (from, to) else {
            continue;
        };
        let is_new = seen.insert((from, to, edge.source_port(), edge.target_port()));
        let is_note = |end: &usize| graph.nodes.get(*end).is_some_and(GraphNode::is_note);
        let note = [from, to].into_iter().find(is_note);
        let (rule, node, what, fix) = match note {
            _ if from == to => (
                "self-edge",
                Some(from),
                "leads from a node to itself",
                "remove the edge",
            ),
            _ if !is_new => (
                "duplicate-edge",
                None,
                "connects the same handles as an edge before it",
                "remove one of them",
            ),
            Some(note) => (
                "edge-of-note",
                Some(note),
                "leads to or from a note or a group, which has no handles",
                "remove the edge",
            ),
            None => {
                links.push(Link {
                    from,
                    to,
                    edge: index,
                });
                continue;
            }
        };
        let violation = found
            .violation(rule, format!("{name} {what}"))
            .edge(edge.id);
        match node {
            Some(node) => violation.node_of(&graph.nodes, node).fix(fix),
            None => violation.fix(fix),
        }
    }
    links
}

/// The node at one end of an edge.
fn end(
    field: &str,
    id: Option<&str>,
    edge: &GraphEdge<'_>,
    name: &str,
    ids: &HashMap<&str, usize>,
    found: &mut Findings,
) -> Option<usize> {
    let node = id.and_then(|id| ids.get(id).copied());
    if node.is_some() {
        return node;
    }
    let (message, meant) = match id {
        None => (format!("{name} has no {field}"), None),
        Some(id) => (
            format!("the {field} of {name} is `{}`, which is no node", short(id)),
            found.meant(id, ids.keys().copied()),
        ),
    };
    let fix = meant.map_or_else(
        || format!("set `{field}` to the id of a node, or remove the edge"),
        |meant| format!("did you mean `{meant}`?"),
    );
    found
        .violation("dangling-edge", message)
        .edge(edge.id)
        .fix(fix);
    None
}

impl Structure {
    /// A link as the planner sees it: between two nodes of one block, which are what it leads from and to, or the iterators
    /// that those are inside of. `None` where it leads from an iterator to what is inside of it.
    pub fn lifted(&self, link: Link) -> Option<(usize, usize)> {
        let (from, to) = (self.around(link.from), self.around(link.to));
        let shared = from
            .iter()
            .zip(to)
            .take_while(|(one, other)| one == other)
            .count();
        let from = from.get(shared).copied().unwrap_or(link.from);
        let to = to.get(shared).copied().unwrap_or(link.to);
        (from != to).then_some((from, to))
    }

    /// The iterators around a node, the outermost first.
    pub fn around(&self, node: usize) -> &[usize] {
        self.around.get(node).map_or(&[], Vec::as_slice)
    }
}
