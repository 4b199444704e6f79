//! Generated graphs, the world around their runs, and JSON that comes near a graph.

use super::net_driver::World;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The types that generated nodes have, with the handles that generated edges may use.
pub(crate) const TYPES: [(&str, &[&str], &[&str]); 8] = [
    ("input:text", &[], &["prompt", "text"]),
    ("logic:router", &["a", "b"], &["a", "b"]),
    ("llm:any", &["prompt", "more"], &["text", "more"]),
    ("generate:any", &["x", "y"], &["z"]),
    ("output:preview", &["value", "other"], &["value"]),
    ("iterator:list", &["list"], &["item", "index"]),
    ("iterator:collect", &["item"], &["list"]),
    ("utility:sticky_note", &["none"], &["none"]),
];

/// Nodes by type, and edges between them with handles by number.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) types: Vec<usize>,
    pub(crate) edges: Vec<(usize, usize, usize, usize)>,
}

/// `types` is how many of [`TYPES`] are used.
pub(crate) fn generated(types: usize) -> impl Strategy<Value = Generated> {
    let nodes = prop::collection::vec(0..types, 1..14);
    let edges = prop::collection::vec((0..14_usize, 0..14_usize, 0..4_usize, 0..4_usize), 0..24);
    (nodes, edges).prop_map(|(types, edges)| {
        let count = types.len();
        let edges = edges
            .into_iter()
            .map(|(from, to, out, into)| (from % count, to % count, out, into));
        Generated {
            edges: edges.collect(),
            types,
        }
    })
}

/// The same without most of what would be refused: edges lead forward, each once, none to a note; iterations do not cross
/// and are nested at most two deep, and what would collect nothing passes on.
pub(crate) fn sound(types: usize) -> impl Strategy<Value = Generated> {
    generated(types).prop_map(|Generated { mut types, edges }| {
        let mut kept: Vec<(usize, usize, usize, usize)> = Vec::new();
        let mut around: Vec<Vec<usize>> = Vec::new();
        for node in 0..types.len() {
            let is = |node: usize, name: &str| TYPES[types[node]].0 == name;
            let mut inside: Vec<usize> = Vec::new();
            for &(from, to, out, into) in &edges {
                let (from, to) = (from.min(to), from.max(to));
                let is_twice = kept.iter().any(|edge| (edge.0, edge.1) == (from, to));
                if to != node
                    || from == to
                    || is_twice
                    || [from, to].iter().any(|end| is(*end, "utility:sticky_note"))
                {
                    continue;
                }
                let mut theirs = around[from].clone();
                if is(from, "iterator:list") {
                    if is(node, "iterator:collect") {
                        continue;
                    }
                    theirs.push(from);
                }
                if theirs.starts_with(&inside) || inside.starts_with(&theirs) {
                    inside = if theirs.len() > inside.len() {
                        theirs
                    } else {
                        inside
                    };
                    kept.push((from, to, out, into));
                }
            }
            let is_deep = is(node, "iterator:list") && inside.len() >= 2;
            if is_deep || (is(node, "iterator:collect") && inside.pop().is_none()) {
                types[node] = 1;
            }
            around.push(inside);
        }
        Generated { types, edges: kept }
    })
}

pub(crate) fn body(generated: &Generated) -> Value {
    let nodes = generated.types.iter().enumerate();
    let nodes: Vec<Value> = nodes
        .map(|(at, of)| json!({"id": format!("n{at}"), "type": "basedNode", "data": {"nodeType": TYPES[*of].0, "config": {"at": at}}}))
        .collect();
    let edges = generated.edges.iter().enumerate();
    let edges: Vec<Value> = edges
        .map(|(at, (from, to, out, into))| {
            let handle = |prefix: &str, ports: &[&str], which: usize| match ports
                .get(which % ports.len().max(1))
            {
                Some(port) => format!("{prefix}{port}"),
                None => format!("{prefix}none"),
            };
            json!({
                "id": format!("e{at}"), "source": format!("n{from}"), "target": format!("n{to}"),
                "sourceHandle": handle("out-", TYPES[generated.types[*from]].2, *out),
                "targetHandle": handle("in-", TYPES[generated.types[*to]].1, *into),
            })
        })
        .collect();
    json!({ "nodes": nodes, "edges": edges })
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    (
        prop::collection::hash_set((0..14_usize).prop_map(|at| format!("n{at}")), 0..4),
        0..4_u32,
        prop::collection::vec(0..1_000_usize, 1..40),
        prop::option::weighted(0.2, 0..60_usize),
    )
        .prop_map(|(failing, items, choices, cancels_after)| World {
            failing,
            items,
            choices,
            cancels_after,
        })
}

/// Words that graphs are made of, so that generated JSON comes near one.
pub(crate) fn near_graph() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "",
        "a",
        "b",
        "out-text",
        "in-prompt",
        "input:text",
        "input:txt",
        "iterator:list",
        "iterator:collect",
        "stickyNote",
        "model",
        "llm:x",
        "\u{0}[]é",
    ]);
    let leaf = prop_oneof![
        3 => words.prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "nodes",
        "edges",
        "id",
        "type",
        "data",
        "nodeType",
        "config",
        "params",
        "source",
        "target",
        "sourceHandle",
        "targetHandle",
        "inputs",
        "outputs",
        "output",
        "label",
        "position",
        "model",
        "name",
        "exposedInputs",
        "trigger",
        "settings",
        "items",
        "list",
        "inputType",
    ]);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(keys.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
