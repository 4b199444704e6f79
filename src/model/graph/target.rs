//! The part of a graph that one node needs: the node, what it depends on, and which results of earlier runs are used again.
//! May not know runs or where results are kept: they come with the graph, as `data.output`. Promise: what was selected is a
//! graph of its own, in which a reused node waits for nothing; the target itself, input nodes, iterators and what is inside
//! of iterations always run afresh.
//!
//! A result is used again although its node was changed since; that is told as a stale dependency, and `force` runs
//! everything afresh.

use super::catalogue::Role;
use super::difference::changed_keys;
use super::lint::Findings;
use super::structure::{Structure, structure};
use super::{Graph, GraphLimits, outputs};
use crate::model::run::Event;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A part of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    /// `nodes` and `edges`, without what runs have left in them: the body of a definition.
    pub graph: Value,
    /// The nodes whose earlier results are used, with their outputs, each after those that it came from.
    pub reused: Vec<(String, Value)>,
    /// The nodes that were changed since their results were made.
    pub stale: Vec<StaleDependency>,
}

/// A node that was changed since the results that are used again were made: one of those reused, or one that they came from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaleDependency {
    /// The node.
    pub node_id: String,
    /// The parameters that were changed.
    pub changed_keys: Vec<String>,
}

impl Selected {
    /// What a run of the selected graph begins with, after `run.started`: the reused results.
    pub fn events(&self) -> Vec<Event> {
        let completed = |(step, output): &(String, Value)| Event::StepCompleted {
            step: step.clone(),
            output: Arc::new(output.clone()),
            way: None,
            logs: None,
            reused: true,
        };
        self.reused.iter().map(completed).collect()
    }
}

/// Selects what `target` needs; `None` where the graph has no such node. `ran` is the graph that made the results which
/// `body` brings, where it is known. With `force` nothing is reused.
pub fn select(body: &Value, target: &str, force: bool, ran: Option<&Value>) -> Option<Selected> {
    let graph = Graph::of(body);
    let at = graph
        .nodes
        .iter()
        .position(|node| node.id == Some(target))?;
    let structure = structure(&graph, &GraphLimits::NONE, &mut Findings::default())?;
    let is_reusable = |node: usize| !force && node != at && is_reusable(&graph, &structure, node);
    let (mut needed, mut reused) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![at];
    while let Some(node) = open.pop() {
        if !needed.insert(node) {
            continue;
        }
        for from in structure
            .links
            .iter()
            .filter(|link| link.to == node)
            .map(|link| link.from)
        {
            if is_reusable(from) {
                reused.insert(from);
            } else {
                open.push(from);
            }
        }
    }
    let order = structure.order.iter().filter(|node| reused.contains(node));
    let reused_in_order = order.filter_map(|node| {
        let node = graph.nodes.get(*node)?;
        Some((node.id?.to_owned(), node.output()?.clone()))
    });
    Some(Selected {
        reused: reused_in_order.collect(),
        stale: ran.map_or_else(Vec::new, |ran| {
            stale(&graph, &structure, &reused, &Graph::of(ran))
        }),
        graph: part(body, &structure, &needed, &reused),
    })
}

fn is_reusable(graph: &Graph<'_>, structure: &Structure, node: usize) -> bool {
    let Some(found) = graph.nodes.get(node) else {
        return false;
    };
    let role = found.known.map(|known| known.role);
    let is_fresh = matches!(role, Some(Role::Input(_) | Role::Iterator));
    found.output().is_some() && !is_fresh && structure.around(node).is_empty()
}

/// The nodes that run or are reused, and the edges that lead to those that run.
fn part(
    body: &Value,
    structure: &Structure,
    needed: &BTreeSet<usize>,
    reused: &BTreeSet<usize>,
) -> Value {
    let pick = |name: &str, wanted: &BTreeSet<usize>| -> Vec<Value> {
        let all = body
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .enumerate();
        all.filter(|(at, _)| wanted.contains(at))
            .map(|(_, value)| value.clone())
            .collect()
    };
    let nodes: BTreeSet<usize> = needed.union(reused).copied().collect();
    let links = structure
        .links
        .iter()
        .filter(|link| needed.contains(&link.to));
    let edges: BTreeSet<usize> = links.map(|link| link.edge).collect();
    outputs::without(&json!({ "nodes": pick("nodes", &nodes), "edges": pick("edges", &edges) }))
}

/// The reused nodes, and all that they came from, whose parameters are not those that ran.
fn stale(
    graph: &Graph<'_>,
    structure: &Structure,
    reused: &BTreeSet<usize>,
    ran: &Graph<'_>,
) -> Vec<StaleDependency> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = reused.iter().copied().collect();
    while let Some(node) = open.pop() {
        if seen.insert(node) {
            open.extend(
                structure
                    .links
                    .iter()
                    .filter(|link| link.to == node)
                    .map(|link| link.from),
            );
        }
    }
    let changed = seen.into_iter().filter_map(|node| {
        let node = graph.nodes.get(node)?;
        let id = node.id?;
        let changed_keys = changed_keys(node, ran.node(id)?);
        (!changed_keys.is_empty()).then(|| StaleDependency {
            node_id: id.to_owned(),
            changed_keys,
        })
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::model::graph::tests::graph;
    use crate::model::plan::graph::compile;

    /// a → b → c → d, x → c, and y beside.
    fn body() -> Value {
        let mut body = graph(
            &[
                "a input:text",
                "b llm:openrouter_router",
                "x llm:openrouter_router",
                "c utility:prompt_concat",
                "d output:preview",
                "y logic:router",
            ],
            &[
                "a.text>b.prompt",
                "b.text>c.prompt1",
                "x.text>c.prompt2",
                "c.prompt>d.value",
                "y.value>d.value",
            ],
        );
        for (at, output) in [(0, json!({"text": "stale"})), (1, json!({"text": "b"}))] {
            body["nodes"][at]["data"]["output"] = output;
        }
        body
    }

    fn names(graph: &Value, list: &str) -> Vec<String> {
        let ids = graph[list].as_array().unwrap().iter();
        ids.map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_target_runs_with_what_it_needs_and_results_are_used_again() {
        let selected = select(&body(), "c", false, None).unwrap();
        // `b` has a result, so `a` is not needed; `x` has none.
        assert_eq!(names(&selected.graph, "nodes"), ["b", "x", "c"]);
        assert_eq!(
            names(&selected.graph, "edges"),
            ["b.text>c.prompt1", "x.text>c.prompt2"]
        );
        assert_eq!(selected.reused, [("b".to_owned(), json!({"text": "b"}))]);
        assert!(selected.graph["nodes"][0]["data"].get("output").is_none());
        let event = serde_json::to_value(&selected.events()[0]).unwrap();
        assert_eq!(
            event,
            json!({"type": "step.completed", "step": "b", "output": {"text": "b"}, "reused": true})
        );

        let forced = select(&body(), "c", true, None).unwrap();
        assert_eq!(names(&forced.graph, "nodes"), ["a", "b", "x", "c"]);
        assert_eq!(forced.reused, []);
        assert_eq!(select(&body(), "nobody", false, None), None);
    }

    #[test]
    fn input_nodes_and_the_target_itself_are_never_reused() {
        let selected = select(&body(), "b", false, None).unwrap();
        assert_eq!(names(&selected.graph, "nodes"), ["a", "b"]);
        assert_eq!(selected.reused, []);
    }

    #[test]
    fn what_was_changed_since_is_told() {
        let ran = body();
        let mut now = body();
        now["nodes"][0]["data"]["config"]["prompt"] = json!("new");
        now["nodes"][1]["data"]["config"] = json!({"model": "m", "temperature": 1});
        now["nodes"][2]["data"]["config"]["model"] = json!("not reused");
        let stale = select(&now, "c", false, Some(&ran)).unwrap().stale;
        assert_eq!(
            serde_json::to_value(&stale).unwrap(),
            json!([
                {"nodeId": "a", "changedKeys": ["prompt"]},
                {"nodeId": "b", "changedKeys": ["model", "temperature"]},
            ])
        );
        assert_eq!(select(&now, "c", false, Some(&now)).unwrap().stale, []);
    }

    #[test]
    fn what_is_inside_of_an_iteration_runs_afresh() {
        let mut body = graph(
            &[
                "i iterator:list",
                "a utility:prompt_concat",
                "c iterator:collect",
                "d output:preview",
            ],
            &["i.item>a.prompt1", "a.prompt>c.item", "c.list>d.value"],
        );
        for node in body["nodes"].as_array_mut().unwrap() {
            node["data"]["output"] = json!({"list": [1]});
        }
        let selected = select(&body, "c", false, None).unwrap();
        assert_eq!(
            (names(&selected.graph, "nodes").len(), selected.reused.len()),
            (3, 0)
        );
        let selected = select(&body, "d", false, None).unwrap();
        assert_eq!(names(&selected.graph, "nodes"), ["c", "d"]);
        assert_eq!(selected.reused[0].0, "c");
        compile(&selected.graph, &GraphLimits::DEFAULT).expect("the collector needs no iterator");
    }
}
