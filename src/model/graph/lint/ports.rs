//! What the catalogue says of edges: handles that exist, types that fit, inputs that are fed once and not forgotten.
//! May not know circles or ids. Promise: a node type that is not listed, and a port that a node type makes up by itself, is
//! never found fault with.

use super::Findings;
use crate::model::graph::catalogue::{NodeType, Port, PortType, Role};
use crate::model::graph::structure::Structure;
use crate::model::graph::{Graph, GraphEdge, GraphNode};
use crate::model::plan::problem::short;
use serde_json::Value;
use std::collections::HashMap;

pub(super) fn check(graph: &Graph<'_>, structure: &Structure, found: &mut Findings) {
    let mut fed: HashMap<(usize, String), usize> = HashMap::new();
    for link in &structure.links {
        let (Some(edge), Some(from), Some(to)) = (
            graph.edges.get(link.edge),
            graph.nodes.get(link.from),
            graph.nodes.get(link.to),
        ) else {
            continue;
        };
        let gives = end(End::Source, from, edge, found);
        let takes = end(End::Target, to, edge, found);
        if let (Some(gives), Some(takes)) = (gives, &takes)
            && !gives.port_type.feeds(takes.port_type)
        {
            let message = format!(
                "`{}` of `{}` gives {}, `{}` of `{}` takes {}",
                gives.handle,
                short(from.id.unwrap_or_default()),
                gives.port_type.as_str(),
                takes.handle,
                short(to.id.unwrap_or_default()),
                takes.port_type.as_str(),
            );
            let fix = "connect handles of the same type";
            found
                .violation("incompatible-ports", message)
                .edge(edge.id)
                .node_of(&graph.nodes, link.to)
                .fix(fix);
        }
        let Some(takes) = takes else { continue };
        let count = fed.entry((link.to, takes.id.clone())).or_default();
        *count += 1;
        if *count == 2 && !takes.is_list {
            let message = format!(
                "several edges lead to `{}` of `{}`, which takes one value",
                takes.handle,
                short(to.id.unwrap_or_default())
            );
            let fix = "keep one of them, or join the values before";
            found
                .violation("port-taken", message)
                .edge(edge.id)
                .node_of(&graph.nodes, link.to)
                .fix(fix);
        }
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        forgotten(node, index, &fed, found);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Source,
    Target,
}

impl End {
    fn prefix(self) -> &'static str {
        match self {
            End::Source => "out-",
            End::Target => "in-",
        }
    }

    fn field(self) -> &'static str {
        match self {
            End::Source => "sourceHandle",
            End::Target => "targetHandle",
        }
    }

    fn rule(self) -> &'static str {
        match self {
            End::Source => "bad-source-handle",
            End::Target => "bad-target-handle",
        }
    }

    fn ports(self, known: &NodeType) -> &'static [Port] {
        match self {
            End::Source => known.outputs,
            End::Target => known.inputs,
        }
    }

    fn port(self, known: &NodeType, id: &str) -> Option<Port> {
        match self {
            End::Source => known.output(id),
            End::Target => known.input(id),
        }
    }

    fn is_dynamic(self, known: &NodeType) -> bool {
        match self {
            End::Source => known.has_dynamic_outputs,
            End::Target => known.has_dynamic_inputs,
        }
    }
}

/// A port that an edge names.
struct Named {
    id: String,
    handle: String,
    port_type: PortType,
    is_list: bool,
}

/// The port at one end of an edge; `None` where nothing can be said of it, or it was found fault with.
fn end(
    end: End,
    node: &GraphNode<'_>,
    edge: &GraphEdge<'_>,
    found: &mut Findings,
) -> Option<Named> {
    let known = node.known?;
    let handle = match end {
        End::Source => edge.source_handle,
        End::Target => edge.target_handle,
    };
    let Some(handle) = handle else {
        return unnamed(end, node, known, edge, found);
    };
    let port_id = handle.strip_prefix(end.prefix());
    let port = port_id.and_then(|id| end.port(known, id));
    match (port, port_id) {
        (Some(port), Some(id)) => return Some(named(end, node, port, id)),
        (None, Some(id)) if end.is_dynamic(known) => return declared(node, end, id),
        _ if end.is_dynamic(known) => return None,
        _ => {}
    }
    let word = port_id.unwrap_or(handle);
    let ids = || end.ports(known).iter().map(|port| port.id);
    let meant = ids().find(|id| *id == word);
    let meant = meant.or_else(|| found.meant(word, ids()));
    let id = short(node.id.unwrap_or_default());
    let message = format!(
        "`{}` is no handle of `{id}` ({})",
        short(handle),
        known.node_type
    );
    let fix = meant.map_or_else(
        || choice(end, known),
        |meant| format!("did you mean `{}{meant}`?", end.prefix()),
    );
    found
        .violation(end.rule(), message)
        .edge(edge.id)
        .node(&id)
        .fix(fix);
    None
}

/// The port of an edge that names none: the only one, or the first of a node that makes up others.
fn unnamed(
    end: End,
    node: &GraphNode<'_>,
    known: &NodeType,
    edge: &GraphEdge<'_>,
    found: &mut Findings,
) -> Option<Named> {
    let id = short(node.id.unwrap_or_default());
    let message = format!("the edge does not say which handle of `{id}` it means");
    if let ([port], _) | ([port, ..], true) = (end.ports(known), end.is_dynamic(known)) {
        let handle = format!("{}{}", end.prefix(), port.id);
        let message = format!("{message}; `{handle}` is taken");
        let fix = format!("set `{}` to `{handle}`", end.field());
        found
            .warning("missing-handle", message)
            .edge(edge.id)
            .node(&id)
            .fix(fix);
        return Some(named(end, node, *port, port.id));
    }
    if !end.is_dynamic(known) {
        found
            .violation(end.rule(), message)
            .edge(edge.id)
            .node(&id)
            .fix(choice(end, known));
    }
    None
}

fn named(end: End, node: &GraphNode<'_>, port: Port, id: &str) -> Named {
    Named {
        id: id.to_owned(),
        handle: format!("{}{id}", end.prefix()),
        port_type: imported(node, port.port_type),
        is_list: port.is_list,
    }
}

fn choice(end: End, known: &NodeType) -> String {
    let ports = end.ports(known);
    if ports.is_empty() {
        return "remove the edge; the node has no such handles".to_owned();
    }
    let handles = ports
        .iter()
        .map(|port| format!("`{}{}`", end.prefix(), port.id));
    let all: Vec<String> = handles.collect();
    format!("set `{}` to one of {}", end.field(), all.join(", "))
}

/// An import node gives what it is set to.
fn imported(node: &GraphNode<'_>, port_type: PortType) -> PortType {
    let is_import = node.node_type == Some("input:image") && port_type == PortType::Image;
    let what = node.param("inputType").or_else(|| node.param("mediaType"));
    let what = what.and_then(Value::as_str).filter(|_| is_import);
    match what.map(str::to_ascii_lowercase).as_deref() {
        Some("video") => PortType::Video,
        Some("audio") => PortType::Audio,
        _ => port_type,
    }
}

/// A port that the node itself lists in `data.inputs` or `data.outputs`.
fn declared(node: &GraphNode<'_>, end: End, id: &str) -> Option<Named> {
    let place = if end == End::Source {
        "outputs"
    } else {
        "inputs"
    };
    let ports = node.data?.get(place)?.as_array()?;
    let port = ports
        .iter()
        .find(|port| port.get("id").and_then(Value::as_str) == Some(id))?;
    let port_type = match port.get("type")?.as_str()?.to_ascii_uppercase().as_str() {
        "TEXT" => PortType::Text,
        "IMAGE" => PortType::Image,
        "VIDEO" => PortType::Video,
        "AUDIO" => PortType::Audio,
        "JSON" => PortType::Json,
        _ => return None,
    };
    Some(Named {
        id: id.to_owned(),
        handle: format!("{}{id}", end.prefix()),
        port_type,
        is_list: true,
    })
}

/// Required inputs that neither an edge nor a parameter feeds.
fn forgotten(
    node: &GraphNode<'_>,
    index: usize,
    fed: &HashMap<(usize, String), usize>,
    found: &mut Findings,
) {
    let (Some(known), Some(id)) = (node.known, node.id) else {
        return;
    };
    let is_set = |name: &str| {
        node.param(name)
            .is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    };
    for port in known.inputs.iter().filter(|port| port.is_required) {
        let is_fed = fed.contains_key(&(index, port.id.to_owned()));
        let has_items = known.role == Role::Iterator && is_set("items");
        if !is_fed && !is_set(port.id) && !has_items {
            let message = format!("nothing feeds `in-{}` of `{}`", port.id, short(id));
            let fix = if known.params.contains(&port.id) {
                format!("connect an edge to it, or set `data.config.{}`", port.id)
            } else {
                "connect an edge to it".to_owned()
            };
            found.warning("missing-input", message).node(id).fix(fix);
        }
    }
}
