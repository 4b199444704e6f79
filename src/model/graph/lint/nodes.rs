//! What the catalogue says of each node by itself: its type, and where its parameters stand.
//! May not know edges.

use super::Findings;
use crate::model::graph::{Graph, GraphNode, catalogue};
use crate::model::plan::problem::{short, shown};
use serde_json::Value;

pub(super) fn check(graph: &Graph<'_>, found: &mut Findings) {
    for (index, node) in graph.nodes.iter().enumerate() {
        let name = node.id.map_or_else(
            || format!("nodes[{index}]"),
            |id| format!("node `{}`", short(id)),
        );
        let id = node.id.unwrap_or_default();
        if node.fields.is_none() {
            continue;
        }
        if node.data.is_none() && !node.is_note() {
            let message = format!("{name} has no `data`");
            let fix = "add `\"data\": {\"nodeType\": \"…\", \"config\": {…}}`";
            found.violation("missing-data", message).node(id).fix(fix);
            continue;
        }
        match node.node_type {
            None => no_type(node, &name, found),
            Some(node_type) => typed(node, node_type, &name, found),
        }
        for place in ["config", "params"] {
            let wrong = node.data.and_then(|data| data.get(place));
            let wrong = wrong.filter(|value| !value.is_object() && !value.is_null());
            if let Some(value) = wrong {
                let message = format!("`data.{place}` of {name} is {}", shown(value));
                found
                    .violation("bad-config", message)
                    .node(id)
                    .fix("it must be an object");
            }
        }
        misplaced(node, &name, found);
    }
}

fn no_type(node: &GraphNode<'_>, name: &str, found: &mut Findings) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let at_node = |field: &str| text(node.fields.and_then(|fields| fields.get(field)));
    let guess = at_node("nodeType")
        .or_else(|| at_node("type"))
        .or_else(|| text(node.data.and_then(|data| data.get("type"))))
        .filter(|word| catalogue::find(word).is_some());
    let fix = guess.map_or_else(
        || "set `data.nodeType`, for example to `input:text`; `GET /nodes` lists all".to_owned(),
        |guess| format!("set `data.nodeType` to `{}`", short(&guess)),
    );
    let message = format!("{name} does not say what it does");
    found
        .violation("missing-node-type", message)
        .node(node.id.unwrap_or_default())
        .fix(fix);
}

fn typed(node: &GraphNode<'_>, node_type: &str, name: &str, found: &mut Findings) {
    let id = node.id.unwrap_or_default();
    let shown = short(node_type);
    match node.known {
        Some(known) if known.is_deprecated => {
            let message = format!("{name}: `{shown}` is accepted for older graphs");
            let kind = node_type.rsplit(':').next().unwrap_or_default();
            let fix = format!("use `input:image` with `\"inputType\": \"{kind}\"`");
            found
                .warning("deprecated-import-node", message)
                .node(id)
                .fix(fix);
        }
        Some(_) => {}
        None => {
            let meant = found.meant(
                node_type,
                catalogue::NODE_TYPES.iter().map(|known| known.node_type),
            );
            match meant {
                Some(meant) if catalogue::is_of_known_family(node_type) => {
                    let message = format!("{name} has the unknown type `{shown}`");
                    let fix = format!("did you mean `{meant}`?");
                    found
                        .violation("unknown-node-type", message)
                        .node(id)
                        .fix(fix);
                }
                meant => {
                    let message = format!(
                        "{name}: the server does not run `{shown}` itself, so its handles are not checked"
                    );
                    let family = node_type
                        .split_once(':')
                        .map_or(node_type, |(family, _)| family);
                    let fix = meant.map_or_else(
                        || format!("map it in `node_backends`, for example `\"{}:*\"`, or its runs fail", short(family)),
                        |meant| format!("did you mean `{meant}`?"),
                    );
                    found
                        .warning("unlisted-node-type", message)
                        .node(id)
                        .fix(fix);
                }
            }
        }
    }
}

/// Parameters that are read, but not where an editor keeps them.
fn misplaced(node: &GraphNode<'_>, name: &str, found: &mut Findings) {
    let (Some(known), Some(data)) = (node.known, node.data) else {
        return;
    };
    let within = |place: &str, param: &str| {
        data.get(place)
            .is_some_and(|fields| fields.get(param).is_some())
    };
    for param in known.params {
        // An import node says beside its parameters what it imports; a note keeps its text there.
        let belongs_there = node.is_note() || *param == "inputType";
        if within("config", param) || belongs_there {
            continue;
        }
        let place = if within("params", param) {
            "data.params"
        } else if data.contains_key(*param) {
            "data"
        } else {
            continue;
        };
        let message = format!("{name} has its parameter `{param}` in `{place}`");
        let fix = format!("move it to `data.config.{param}`, where editors keep it");
        found
            .warning("misplaced-parameter", message)
            .node(node.id.unwrap_or_default())
            .fix(fix);
    }
    for field in ["config", "params"] {
        if node.fields.is_some_and(|fields| fields.contains_key(field)) {
            let message = format!("{name} has `{field}` beside `data`, where nothing reads it");
            let fix = format!("move it to `data.{field}`");
            found
                .warning("misplaced-parameter", message)
                .node(node.id.unwrap_or_default())
                .fix(fix);
        }
    }
}
