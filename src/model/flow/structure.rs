//! The structure of an agentflow: where it begins, what is inside of iterations, which nodes wait for which.
//! May not know plans. Promise: what is sound here has one beginning in every block, and edges that stay within theirs.

use super::catalogue::{self, Known, NodeKind};
use super::drawing::{Drawing, FlowEdge, FlowNode};
use super::refused::check;
use super::{StartKind, text_of};
use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem::{add, enough};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// How deep iterations may be nested.
const MAX_NESTING: usize = 8;

/// An agentflow whose nodes are known. Nodes are named by their place in the drawing.
pub struct Structure<'a> {
    /// The behaviours.
    pub known: Vec<&'static Known>,
    /// For each node the iteration around it.
    pub around: Vec<Option<usize>>,
    /// Where each block begins: `None` is the top.
    pub starts: BTreeMap<Option<usize>, usize>,
    /// The edges: from, to, and the edge.
    pub edges: Vec<(usize, usize, &'a FlowEdge)>,
    /// For each loop where it goes back to.
    pub back: BTreeMap<usize, usize>,
    /// How the flow begins.
    pub start: StartKind,
}

/// Reads the structure. `None` exactly when a problem was added.
pub fn structure<'a>(
    drawing: &'a Drawing,
    found: &mut Vec<DefinitionProblem>,
) -> Option<Structure<'a>> {
    let before = found.len();
    let places: HashMap<&str, usize> = drawing
        .nodes
        .iter()
        .map(|node| node.id.as_str())
        .zip(0..)
        .collect();
    let known = known(drawing, found);
    if drawing.nodes.is_empty() {
        add(
            found,
            "flowData",
            "it has no nodes: a flow begins with a `startAgentflow` node",
        );
    }
    if found.len() > before {
        return None;
    }
    let around = around(drawing, &known, &places, found);
    let edges = edges(drawing, &places, &around, found);
    let starts = starts(drawing, &around, &edges, found);
    let back = backs(drawing, &known, &around, found);
    let start = starts
        .get(&None)
        .and_then(|start| start_kind(&drawing.nodes[*start], known.get(*start)?, found));
    if found.len() > before {
        return None;
    }
    Some(Structure {
        known,
        around,
        starts,
        edges,
        back,
        start: start?,
    })
}

fn place(node: &FlowNode) -> String {
    format!("nodes.{}", node.id)
}

fn known(drawing: &Drawing, found: &mut Vec<DefinitionProblem>) -> Vec<&'static Known> {
    let mut all = Vec::new();
    for node in &drawing.nodes {
        match catalogue::agentflow(&node.name) {
            Some(known) => {
                check(node, known, found);
                all.push(known);
            }
            None if enough(found) => break,
            None => {
                let why = catalogue::why_not(&node.name);
                let message = format!(
                    "the node `{}` (`{}`) does not run here: {why}",
                    node.label, node.name
                );
                add(found, place(node), message);
            }
        }
    }
    all
}

fn around(
    drawing: &Drawing,
    known: &[&'static Known],
    places: &HashMap<&str, usize>,
    found: &mut Vec<DefinitionProblem>,
) -> Vec<Option<usize>> {
    let mut all: Vec<Option<usize>> = Vec::new();
    for (index, node) in drawing.nodes.iter().enumerate() {
        let parent = node.parent.as_deref();
        let around = parent.and_then(|parent| places.get(parent).copied());
        let is_iteration = |place: usize| {
            known
                .get(place)
                .is_some_and(|known| known.kind == NodeKind::Iteration)
        };
        match (parent, around) {
            (Some(parent), around) if !around.is_some_and(is_iteration) => {
                let message = format!("it is inside of `{parent}`, which is no iteration");
                add(found, place(node), message);
            }
            _ => {}
        }
        if around.is_some()
            && known
                .get(index)
                .is_some_and(|known| matches!(known.kind, NodeKind::HumanInput | NodeKind::Start))
        {
            let message = format!(
                "the node `{}` (`{}`) cannot stand inside of an iteration",
                node.label, node.name
            );
            add(found, place(node), message);
        }
        all.push(around);
    }
    for (index, node) in drawing.nodes.iter().enumerate() {
        let depth = std::iter::successors(Some(index), |at| all.get(*at).copied().flatten());
        if depth.take(MAX_NESTING + 2).count() > MAX_NESTING + 1 {
            add(
                found,
                place(node),
                format!("iterations are nested more than {MAX_NESTING} deep"),
            );
            break;
        }
    }
    all
}

fn edges<'a>(
    drawing: &'a Drawing,
    places: &HashMap<&str, usize>,
    around: &[Option<usize>],
    found: &mut Vec<DefinitionProblem>,
) -> Vec<(usize, usize, &'a FlowEdge)> {
    let mut all = Vec::new();
    for edge in &drawing.edges {
        let ends = places
            .get(edge.source.as_str())
            .zip(places.get(edge.target.as_str()));
        let Some((&from, &to)) = ends else { continue };
        if around.get(from) != around.get(to) {
            let message = format!(
                "the edge from `{}` to `{}` leads into or out of an iteration",
                edge.source, edge.target
            );
            add(found, format!("nodes.{}", edge.source), message);
            continue;
        }
        all.push((from, to, edge));
    }
    all
}

fn starts(
    drawing: &Drawing,
    around: &[Option<usize>],
    edges: &[(usize, usize, &FlowEdge)],
    found: &mut Vec<DefinitionProblem>,
) -> BTreeMap<Option<usize>, usize> {
    let reached: HashSet<usize> = edges.iter().map(|(_, to, _)| *to).collect();
    let mut starts: BTreeMap<Option<usize>, usize> = BTreeMap::new();
    for (index, node) in drawing.nodes.iter().enumerate() {
        if reached.contains(&index) {
            continue;
        }
        let block = around.get(index).copied().flatten();
        if let Some(first) = starts
            .get(&block)
            .and_then(|first| drawing.nodes.get(*first))
        {
            let message = format!(
                "Multiple starting nodes are not allowed: nothing leads to `{}` and nothing to `{}`",
                first.id, node.id
            );
            add(found, place(node), message);
        } else {
            starts.insert(block, index);
        }
    }
    if !starts.contains_key(&None) && found.is_empty() {
        add(
            found,
            "flowData",
            "it has no beginning: every node has an edge that leads to it",
        );
    }
    starts
}

fn backs(
    drawing: &Drawing,
    known: &[&'static Known],
    around: &[Option<usize>],
    found: &mut Vec<DefinitionProblem>,
) -> BTreeMap<usize, usize> {
    let mut backs = BTreeMap::new();
    let loops = drawing.nodes.iter().zip(known).enumerate();
    for (index, (node, _)) in loops.filter(|(_, (_, known))| known.kind == NodeKind::Loop) {
        let named = text_of(&node.inputs, "loopBackToNode");
        let fits = |known: &str| {
            let after = named.strip_prefix(known);
            after.is_some_and(|after| after.is_empty() || after.starts_with('-'))
        };
        let nodes = drawing.nodes.iter().enumerate();
        let target = nodes
            .filter(|(_, other)| fits(&other.id))
            .max_by_key(|(_, other)| other.id.len());
        match target {
            Some((target, _)) if around.get(target) == around.get(index) => {
                backs.insert(index, target);
            }
            Some((_, other)) => {
                let message = format!(
                    "the loop `{}` goes back to `{}`, which is not inside of the same iteration",
                    node.label, other.id
                );
                add(found, place(node), message);
            }
            None => {
                let message = format!(
                    "the loop `{}` goes back to `{named}`, which is no node of this flow",
                    node.label
                );
                add(found, place(node), message);
            }
        }
    }
    backs
}

fn start_kind(
    node: &FlowNode,
    known: &Known,
    found: &mut Vec<DefinitionProblem>,
) -> Option<StartKind> {
    if known.kind != NodeKind::Start {
        let message = format!(
            "the flow begins with `{}` (`{}`); it must begin with a `startAgentflow` node",
            node.label, node.name
        );
        add(found, place(node), message);
        return None;
    }
    match text_of(&node.inputs, "startInputType") {
        "chatInput" => Some(StartKind::Chat),
        "formInput" => Some(StartKind::Form),
        "webhookTrigger" => Some(StartKind::Webhook),
        "scheduleInput" => Some(StartKind::Schedule),
        "" => {
            add(
                found,
                place(node),
                "Start input type not found: set `startInputType`",
            );
            None
        }
        other => {
            let message = format!(
                "`startInputType` is `{other}`; there are `chatInput`, `formInput`, `webhookTrigger` and `scheduleInput`"
            );
            add(found, place(node), message);
            None
        }
    }
}

/// The trigger that the start node asks for, as definitions write it; `None`: requests.
pub fn trigger(drawing: &Drawing) -> Option<Value> {
    let mut nodes = drawing.nodes.iter();
    let start = nodes.find(|node| node.name == "startAgentflow")?;
    if text_of(&start.inputs, "startInputType") != "scheduleInput" {
        return None;
    }
    let cron = text_of(&start.inputs, "scheduleCronExpression");
    let zone = text_of(&start.inputs, "scheduleTimezone");
    let mut trigger = json!({ "type": "schedule", "cron": cron });
    if let (false, Some(fields)) = (zone.is_empty(), trigger.as_object_mut()) {
        fields.insert("timezone".to_owned(), json!(zone));
    }
    Some(trigger)
}

impl Structure<'_> {
    /// What a node waits for: the nodes that must all have ended, and the groups of which one is enough: those that come from
    /// one decision.
    pub fn awaits(&self, node: usize) -> (BTreeSet<usize>, Vec<BTreeSet<usize>>) {
        let mut all = BTreeSet::new();
        let mut groups: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (from, _, _) in self.edges.iter().filter(|(_, to, _)| *to == node) {
            match self.decision_of(*from) {
                Some(decision) => drop(groups.entry(decision).or_default().insert(*from)),
                None => drop(all.insert(*from)),
            }
        }
        (all, groups.into_values().collect())
    }

    /// The decision that a node comes from, itself among them: up its first edges.
    fn decision_of(&self, node: usize) -> Option<usize> {
        let mut seen = HashSet::new();
        let mut at = node;
        while seen.insert(at) {
            if self.known.get(at)?.kind.decides() {
                return Some(at);
            }
            at = self.edges.iter().find(|(_, to, _)| *to == at)?.0;
        }
        None
    }
}
