//! Where to draw the nodes of a graph: in layers from left to right, each node after those that it needs, and nodes of one
//! layer in an order in which few edges cross.
//! May not know editors. Promise: the same graph gives the same layout, no two nodes overlap, and it costs no more than a
//! few passes over nodes and edges.
//!
//! Layers are longest paths; the order within them is what a few sweeps of barycentres come to. A library with the whole
//! method of Sugiyama takes seconds for the largest graphs that are allowed.

use super::lint::Findings;
use super::structure::{Structure, structure};
use super::{Graph, GraphLimits, GraphNode};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};

/// How large a node is that does not say it.
const NODE_SIZE: (f64, f64) = (320.0, 200.0);
/// How often the order within the layers is gone over, to and fro.
const SWEEPS: usize = 8;

/// How far apart nodes stand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gaps {
    /// Between layers.
    pub x: f64,
    /// Between nodes of one layer.
    pub y: f64,
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, schemars::JsonSchema)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

/// The smallest rectangle around all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize, schemars::JsonSchema)]
pub struct Bounds {
    /// Its left edge.
    pub x: f64,
    /// Its upper edge.
    pub y: f64,
    /// How wide it is.
    pub width: f64,
    /// How high it is.
    pub height: f64,
}

/// A layout.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layout {
    /// By node id: every node that was laid out.
    pub positions: BTreeMap<String, Point>,
    /// Around those nodes.
    pub bounds: Bounds,
}

/// Lays out the nodes of a graph, or those of them that `scope` names. Notes and groups are left where they are. The upper
/// left corner stays where it was.
pub fn arrange(body: &Value, gaps: Gaps, scope: Option<&HashSet<String>>) -> Layout {
    let graph = Graph::of(body);
    let found = structure(&graph, &GraphLimits::NONE, &mut Findings::default());
    let structure = found.unwrap_or_default();
    let is_meant = |node: usize| {
        let node = graph.nodes.get(node);
        node.is_some_and(|node| {
            let id = node.id.unwrap_or_default();
            !node.is_note() && !id.is_empty() && scope.is_none_or(|scope| scope.contains(id))
        })
    };
    let links: Vec<(usize, usize)> = structure
        .links
        .iter()
        .map(|link| (link.from, link.to))
        .filter(|(from, to)| is_meant(*from) && is_meant(*to))
        .collect();
    let order: Vec<usize> = in_order(&structure, &graph)
        .filter(|node| is_meant(*node))
        .collect();
    let layers = sorted(layers(&order, &links, graph.nodes.len()), &links);
    placed(&graph, &layers, gaps, corner(&graph, &order))
}

/// The nodes, each after those that it needs; in a circle there is no such order, and theirs is as good as any.
fn in_order(structure: &Structure, graph: &Graph<'_>) -> impl Iterator<Item = usize> {
    if structure.order.is_empty() {
        (0..graph.nodes.len()).collect::<Vec<_>>().into_iter()
    } else {
        structure.order.clone().into_iter()
    }
}

/// Each node one layer after the last of those that it needs.
fn layers(order: &[usize], links: &[(usize, usize)], count: usize) -> Vec<Vec<usize>> {
    let mut into: Vec<Vec<usize>> = vec![Vec::new(); count];
    links.iter().for_each(|(from, to)| into[*to].push(*from));
    let mut layer = vec![0_usize; count];
    let mut layers: Vec<Vec<usize>> = Vec::new();
    for &node in order {
        let after = into[node].iter().map(|from| layer[*from] + 1).max();
        layer[node] = after.unwrap_or_default().min(order.len());
        let at = layer[node];
        layers.resize_with(layers.len().max(at + 1), Vec::new);
        layers[at].push(node);
    }
    layers.retain(|layer| !layer.is_empty());
    layers
}

/// The layers with their nodes in an order in which few edges cross: each at the mean place of its neighbours, to and fro.
fn sorted(mut layers: Vec<Vec<usize>>, links: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let count = layers.iter().flatten().max().map_or(0, |most| most + 1);
    let mut place = vec![0.0_f64; count];
    let (mut into, mut out) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for (from, to) in links {
        into[*to].push(*from);
        out[*from].push(*to);
    }
    let number = |layer: &[usize], place: &mut [f64]| {
        for (at, node) in layer.iter().enumerate() {
            place[*node] = (at as f64 + 0.5) / layer.len() as f64;
        }
    };
    layers.iter().for_each(|layer| number(layer, &mut place));
    for sweep in 0..SWEEPS {
        let forth = sweep % 2 == 0;
        let neighbours = if forth { &into } else { &out };
        let last = layers.len();
        for step in 0..last {
            let layer = &mut layers[if forth { step } else { last - 1 - step }];
            let wanted = |node: &usize| {
                let near = &neighbours[*node];
                if near.is_empty() {
                    return place[*node];
                }
                near.iter().map(|other| place[*other]).sum::<f64>() / near.len() as f64
            };
            let mut keyed: Vec<(f64, usize)> =
                layer.iter().map(|node| (wanted(node), *node)).collect();
            // Stable: what has no reason to move stays.
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
            *layer = keyed.into_iter().map(|(_, node)| node).collect();
            number(layer, &mut place);
        }
    }
    layers
}

/// Columns side by side, each centred on the highest.
fn placed(graph: &Graph<'_>, layers: &[Vec<usize>], gaps: Gaps, corner: Point) -> Layout {
    let size_of = |node: &usize| graph.nodes.get(*node).map_or(NODE_SIZE, size);
    let height_of = |layer: &[usize]| {
        let nodes: f64 = layer.iter().map(|node| size_of(node).1).sum();
        nodes + gaps.y * layer.len().saturating_sub(1) as f64
    };
    let height = layers
        .iter()
        .map(|layer| height_of(layer))
        .fold(0.0, f64::max);
    let mut positions = BTreeMap::new();
    let mut x = corner.x;
    for layer in layers {
        let mut y = corner.y + (height - height_of(layer)) / 2.0;
        let mut width: f64 = 0.0;
        for node in layer {
            let (wide, high) = size_of(node);
            let id = graph.nodes.get(*node).and_then(|node| node.id);
            positions.insert(id.unwrap_or_default().to_owned(), Point { x, y });
            y += high + gaps.y;
            width = width.max(wide);
        }
        x += width + gaps.x;
    }
    let width = if layers.is_empty() {
        0.0
    } else {
        x - gaps.x - corner.x
    };
    Layout {
        positions,
        bounds: Bounds {
            x: corner.x,
            y: corner.y,
            width,
            height,
        },
    }
}

/// The upper left corner of nodes as they stand.
fn corner(graph: &Graph<'_>, nodes: &[usize]) -> Point {
    let stands = nodes
        .iter()
        .filter_map(|node| position(graph.nodes.get(*node)?));
    let least = |one: Point, other: Point| Point {
        x: one.x.min(other.x),
        y: one.y.min(other.y),
    };
    stands.reduce(least).unwrap_or_default()
}

/// Where a node stands, if it says so.
pub fn position(node: &GraphNode<'_>) -> Option<Point> {
    let position = node.fields?.get("position")?;
    let axis = |name: &str| position.get(name)?.as_f64();
    Some(Point {
        x: axis("x")?,
        y: axis("y")?,
    })
}

fn size(node: &GraphNode<'_>) -> (f64, f64) {
    let side = |name: &str, default: f64| {
        let of = |place: Option<&Map<String, Value>>| place?.get(name)?.as_f64();
        let within = |place: &str| node.fields?.get(place)?.as_object();
        let said = of(node.fields)
            .or_else(|| of(within("measured")))
            .or_else(|| of(within("style")));
        said.filter(|side| (1.0..=10_000.0).contains(side))
            .unwrap_or(default)
    };
    (side("width", NODE_SIZE.0), side("height", NODE_SIZE.1))
}

/// The graph with its nodes at these places.
pub fn moved(body: &Value, positions: &BTreeMap<String, Point>) -> Value {
    let mut body = body.clone();
    let nodes = body.get_mut("nodes").and_then(Value::as_array_mut);
    for node in nodes.into_iter().flatten() {
        let point = node
            .get("id")
            .and_then(Value::as_str)
            .and_then(|id| positions.get(id));
        if let (Some(point), Some(fields)) = (point.copied(), node.as_object_mut()) {
            let place = serde_json::json!({ "x": point.x, "y": point.y });
            fields.insert("position".to_owned(), place);
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(id: &str) -> Value {
        json!({ "id": id, "position": { "x": 7, "y": 9 }, "data": { "nodeType": "logic:router" } })
    }

    fn edge(from: &str, to: &str) -> Value {
        json!({ "id": format!("{from}-{to}"), "source": from, "target": to })
    }

    const GAPS: Gaps = Gaps { x: 80.0, y: 40.0 };

    #[test]
    fn layers_follow_the_edges_and_nothing_overlaps() {
        let body = json!({
            "nodes": [node("d"), node("c"), node("b"), node("a"), { "id": "n", "type": "stickyNote", "data": {} }],
            "edges": [edge("a", "b"), edge("a", "c"), edge("b", "d"), edge("c", "d")],
        });
        let layout = arrange(&body, GAPS, None);
        let at = |id: &str| layout.positions[id];
        assert_eq!(layout.positions.len(), 4, "the note stays");
        assert_eq!(at("a"), Point { x: 7.0, y: 129.0 });
        assert_eq!(at("b").x, 407.0);
        assert_eq!(at("c").x, 407.0);
        assert_eq!((at("b").y - at("c").y).abs(), 240.0);
        assert_eq!(at("d"), Point { x: 807.0, y: 129.0 });
        let bounds = Bounds {
            x: 7.0,
            y: 9.0,
            width: 1_120.0,
            height: 440.0,
        };
        assert_eq!(layout.bounds, bounds);
        assert_eq!(
            arrange(&moved(&body, &layout.positions), GAPS, None),
            layout
        );
    }

    #[test]
    fn crossings_are_undone() {
        let body = json!({
            "nodes": [node("a"), node("b"), node("c"), node("x"), node("y"), node("z")],
            "edges": [edge("a", "z"), edge("b", "y"), edge("c", "x")],
        });
        let layout = arrange(&body, GAPS, None);
        let y = |id: &str| layout.positions[id].y;
        assert_eq!((y("a"), y("b"), y("c")), (y("z"), y("y"), y("x")));
    }

    #[test]
    fn a_scope_moves_nobody_else_and_odd_graphs_are_laid_out_too() {
        let body = json!({
            "nodes": [node("a"), node("b"), 7, { "id": "w", "width": 1e300, "data": {} }],
            "edges": [edge("a", "b"), edge("b", "a"), edge("a", "gone")],
        });
        let scope = HashSet::from(["b".to_owned(), "nobody".to_owned()]);
        let some = arrange(&body, GAPS, Some(&scope));
        assert_eq!(some.positions.keys().collect::<Vec<_>>(), ["b"]);
        let all = arrange(&body, GAPS, None);
        assert_eq!(all.positions.len(), 3);
        assert!(
            all.positions
                .values()
                .all(|point| point.x.is_finite() && point.y.is_finite())
        );
        assert_eq!(arrange(&json!({}), GAPS, None), Layout::default());
    }
}
