//! What a graph is made of, whatever its nodes do: ids, edges between them, no circles, and which nodes are inside of which
//! iteration.
//! May not know ports. Promise: a graph without a violation of these rules has a plan, now and in every later version; each
//! mistake is told once, in the order of the JSON.
//!
//! **Iterations.** What comes after an iterator is run once for each of its items: every node that its outputs lead to,
//! directly or not, up to a collector or to the end. A collector stands outside and waits for the whole iterator. A node
//! inside may use what stands outside; then that is waited for before the first item. Iterators nest. A node cannot be
//! inside two iterators of which neither is inside the other.

use super::catalogue::Role;
use super::lint::Findings;
use super::{Graph, GraphLimits, GraphNode};
use std::collections::{BTreeSet, HashMap, HashSet};

/// How deep iterators may be nested.
const MAX_NESTING: usize = 8;
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

/// Looks at the structure and adds every violation.
pub fn structure(graph: &Graph<'_>, limits: &GraphLimits, found: &mut Findings) -> Structure {
    if !sizes(graph, limits, found) {
        return Structure::default();
    }
    let ids = node_ids(graph, found);
    let links = links(graph, &ids, found);
    let order = order(graph, &links);
    if order.len() < graph.nodes.len() {
        circles(graph, &links, &order, found);
        return Structure {
            links,
            ..Structure::default()
        };
    }
    let around = around(graph, &links, &order, found);
    let structure = Structure {
        links,
        order,
        around,
    };
    crossings(graph, &structure, found);
    structure
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
            let shown = super::lint::short(id);
            let message = format!("`{shown}` cannot be the id of a node");
            let fix =
                format!("use 1 to {MAX_ID_BYTES} characters out of A-Z, a-z, 0-9 and `_-.:@~+`");
            found.violation("bad-node-id", message).node(id).fix(fix);
        }
        if let Some(first) = ids.get(id) {
            let shown = super::lint::short(id);
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
    let mut seen_ids = HashSet::new();
    let mut seen = HashSet::new();
    for (index, edge) in graph.edges.iter().enumerate() {
        let name = edge.id.map_or_else(
            || format!("edges[{index}]"),
            |id| format!("edge `{}`", super::lint::short(id)),
        );
        if edge.id.is_some_and(|id| !seen_ids.insert(id)) {
            let message = format!("{name} stands there more than once");
            found
                .violation("duplicate-edge-id", message)
                .edge(edge.id)
                .fix("give each edge an id of its own");
        }
        let mut ends = [None; 2];
        for (end, (field, id)) in ends
            .iter_mut()
            .zip([("source", edge.source), ("target", edge.target)])
        {
            *end = id.and_then(|id| ids.get(id).copied());
            if end.is_some() {
                continue;
            }
            let (message, meant) = match id {
                None => (format!("{name} has no {field}"), None),
                Some(id) => (
                    format!(
                        "the {field} of {name} is `{}`, which is no node",
                        super::lint::short(id)
                    ),
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
        }
        let [Some(from), Some(to)] = ends else {
            continue;
        };
        if from == to {
            let message = format!(
                "{name} leads from `{}` to itself",
                edge.source.unwrap_or_default()
            );
            found
                .violation("self-edge", message)
                .edge(edge.id)
                .node_of(&graph.nodes, from)
                .fix("remove the edge");
            continue;
        }
        if !seen.insert((from, to, edge.source_port(), edge.target_port())) {
            let message = format!("{name} connects the same handles as an edge before it");
            found
                .violation("duplicate-edge", message)
                .edge(edge.id)
                .fix("remove one of them");
            continue;
        }
        let mut notes = [from, to]
            .into_iter()
            .filter(|end| graph.nodes.get(*end).is_some_and(GraphNode::is_note));
        match notes.next() {
            None => links.push(Link {
                from,
                to,
                edge: index,
            }),
            Some(note) => {
                let message =
                    format!("{name} leads to or from a note or a group, which has no handles");
                found
                    .violation("edge-of-note", message)
                    .edge(edge.id)
                    .node_of(&graph.nodes, note)
                    .fix("remove the edge");
            }
        }
    }
    links
}

/// The nodes, each after those that it needs; of equal ones the first in the JSON first. Those in circles are left out.
fn order(graph: &Graph<'_>, links: &[Link]) -> Vec<usize> {
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
fn circles(graph: &Graph<'_>, links: &[Link], order: &[usize], found: &mut Findings) {
    let mut left: BTreeSet<usize> = (0..graph.nodes.len()).collect();
    left.retain(|node| !order.contains(node));
    while let Some(circle) = a_circle(links, &mut left) {
        let names = circle
            .iter()
            .chain(circle.first())
            .filter_map(|node| graph.nodes.get(*node)?.id);
        let path: Vec<String> = names
            .map(|id| format!("`{}`", super::lint::short(id)))
            .collect();
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
fn a_circle(links: &[Link], left: &mut BTreeSet<usize>) -> Option<Vec<usize>> {
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

fn role(graph: &Graph<'_>, node: usize) -> Option<Role> {
    graph.nodes.get(node)?.known.map(|known| known.role)
}

/// For each node the iterators around it.
fn around(
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
        if role(graph, node) == Some(Role::Collector) && inside.pop().is_none() {
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

/// Iterations that need what comes after themselves, and iterations of nothing that are collected.
fn crossings(graph: &Graph<'_>, structure: &Structure, found: &mut Findings) {
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
