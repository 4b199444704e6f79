//! The compiler of the graph format: nodes become steps, edges become nets and wiring, iterators become parallel steps.
//! May not know handles beyond their names, nor what a node does. Promises: a graph whose structure is sound compiles, whatever
//! its nodes are set to, and goes on compiling in later versions; what compiles ends, since no edge leads back.
//!
//! A node that the catalogue does not list, or that does not say what it is, becomes a step of the type
//! [`BACKEND_STEP`](catalogue::BACKEND_STEP). Notes and groups are left out.

use super::problem::{self, DefinitionProblem};
use super::{
    Block, BlockIndex, Composite, Kind, Net, Node, NodeIndex, OnInnerFailure, OnUnknown, Order,
    Plan, Source, Wire, Wiring, fields, settings,
};
use crate::model::graph::catalogue::{self, NodeType, PortType, Role};
use crate::model::graph::inputs;
use crate::model::graph::lint::{Finding, Findings};
use crate::model::graph::structure::{Link, Structure, structure};
use crate::model::graph::{Graph, GraphLimits, GraphNode};
use crate::model::template::Template;
use crate::model::trigger::Trigger;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How many nodes of a block, and how many iterations, may be under way at once.
const WIDTH: u32 = 10;
/// The port of a node that does not list any, where an edge does not name one.
const ONLY_PORT: &str = "value";
/// The fields of a step's configuration, which are no templates.
const TAKEN_AS_THEY_ARE: &[&str] = &["nodeId", "nodeType", "label", "config", "outputs"];

/// Compiles the body of a definition of the format `graph`.
pub fn compile(body: &Value, limits: &GraphLimits) -> Result<Plan, Vec<DefinitionProblem>> {
    let mut found = Vec::new();
    let graph = Graph::of(body);
    let mut findings = Findings::default();
    let structure = structure(&graph, limits, &mut findings).unwrap_or_default();
    found.extend(findings.done().violations.into_iter().map(Into::into));
    let trigger = Trigger::of_graph(body.get("trigger"), &mut found);
    let settings = match body.as_object() {
        Some(fields) => settings::read(fields, &mut found),
        None => {
            let message = format!("it is {}; it must be an object", problem::shown(body));
            problem::add(&mut found, "definition", message);
            settings::Settings::default()
        }
    };
    let (Some(trigger), true) = (trigger, found.is_empty()) else {
        return Err(problem::capped(found));
    };
    let mut compiler = Compiler::new(&graph, &structure);
    let asked = inputs::describe(body).into_iter();
    compiler.asked = asked.map(|input| (input.node_id, input.label)).collect();
    let mut nodes = Vec::new();
    for index in compiler.steps.keys() {
        match compiler.node(*index) {
            Some(node) => nodes.push(node),
            None => problem::add(&mut found, format!("nodes[{index}]"), "it holds a template"),
        }
    }
    if !found.is_empty() {
        return Err(found);
    }
    Ok(Plan {
        trigger,
        by_id: nodes
            .iter()
            .enumerate()
            .map(|(index, node)| (node.id.clone(), index))
            .collect(),
        owned_by: vec![Vec::new(); nodes.len()],
        nodes,
        variables: Value::Null,
        blocks: compiler.blocks(),
        places: compiler.places,
        settings,
        flow: None,
    })
}

impl From<Finding> for DefinitionProblem {
    fn from(finding: Finding) -> DefinitionProblem {
        let place = match (&finding.node_id, &finding.edge_id) {
            (_, Some(edge)) => format!("edges.{edge}"),
            (Some(node), None) => format!("nodes.{node}"),
            (None, None) => "graph".to_owned(),
        };
        let fix = finding
            .fix
            .map_or_else(String::new, |fix| format!("; {fix}"));
        DefinitionProblem {
            place,
            message: format!("{}{fix}", finding.message),
        }
    }
}

/// A graph whose structure is sound, and where its nodes stand in the plan.
struct Compiler<'a> {
    graph: &'a Graph<'a>,
    structure: &'a Structure,
    /// For each node that is a step, which one.
    steps: BTreeMap<usize, NodeIndex>,
    /// For each iterator its block.
    inside: BTreeMap<usize, BlockIndex>,
    /// For each step its block, and its place there.
    places: Vec<(BlockIndex, usize)>,
    /// The nodes that a run may give a value to, by their ids, and under which name it may.
    asked: HashMap<String, String>,
}

impl<'a> Compiler<'a> {
    fn new(graph: &'a Graph<'a>, structure: &'a Structure) -> Compiler<'a> {
        let nodes = graph.nodes.iter().enumerate();
        let steps = nodes.clone().filter(|(_, node)| !node.is_note());
        let steps: BTreeMap<usize, NodeIndex> = steps.map(|(index, _)| index).zip(0..).collect();
        let iterators = nodes.filter(|(_, node)| role(node) == Some(Role::Iterator));
        let inside: BTreeMap<usize, BlockIndex> =
            iterators.map(|(index, _)| index).zip(1..).collect();
        let mut compiler = Compiler {
            graph,
            structure,
            steps,
            inside,
            places: Vec::new(),
            asked: HashMap::new(),
        };
        let mut sizes = vec![0; compiler.inside.len() + 1];
        for node in compiler.steps.keys() {
            let block = compiler.block_of(*node);
            if let Some(size) = sizes.get_mut(block) {
                compiler.places.push((block, *size));
                *size += 1;
            }
        }
        compiler
    }

    fn block_of(&self, node: usize) -> BlockIndex {
        let head = self.structure.around(node).last();
        head.and_then(|head| self.inside.get(head))
            .copied()
            .unwrap_or_default()
    }

    fn place_of(&self, node: usize) -> Option<(BlockIndex, usize)> {
        self.places.get(*self.steps.get(&node)?).copied()
    }

    fn blocks(&self) -> Vec<Block> {
        let count = self.inside.len() + 1;
        let mut steps: Vec<Vec<NodeIndex>> = vec![Vec::new(); count];
        for (step, (block, _)) in self.places.iter().enumerate() {
            if let Some(steps) = steps.get_mut(*block) {
                steps.push(step);
            }
        }
        let mut edges: Vec<BTreeSet<(usize, usize)>> = vec![BTreeSet::new(); count];
        let mut collected: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); count];
        for link in &self.structure.links {
            let Some((from, to)) = self.structure.lifted(*link) else {
                continue;
            };
            let (Some((block, from)), Some((_, to))) = (self.place_of(from), self.place_of(to))
            else {
                continue;
            };
            if let Some(edges) = edges.get_mut(block) {
                edges.insert((from, to));
            }
            if self.collecting_head(*link).is_some()
                && let Some((block, place)) = self.place_of(link.from)
                && let Some(collected) = collected.get_mut(block)
            {
                collected.insert(place);
            }
        }
        let nets = steps.into_iter().zip(edges).zip(collected);
        nets.map(|((steps, edges), collected)| {
            let has_followers: BTreeSet<usize> = edges.iter().map(|(from, _)| *from).collect();
            let results = (0..steps.len())
                .filter(|place| !has_followers.contains(place) || collected.contains(place));
            let net = Net::new(steps.len(), &edges, WIDTH as usize, results.collect());
            Block {
                steps,
                order: Order::Net(net),
            }
        })
        .collect()
    }

    /// The iterator that a link leads out of.
    fn collecting_head(&self, link: Link) -> Option<usize> {
        let around = self.structure.around(link.from);
        around.get(self.structure.around(link.to).len()).copied()
    }

    fn node(&self, index: usize) -> Option<Node> {
        let node = self.graph.nodes.get(index)?;
        let known = node.known;
        let config = json!({
            "nodeId": node.id,
            "nodeType": node.node_type,
            "label": node.label(),
            "config": node.params(),
            "outputs": self.outputs_of(index),
        });
        let composite = self.inside.get(&index).map(|block| Composite {
            blocks: vec![*block],
            is_over_items: true,
            width: WIDTH,
            on_failure: OnInnerFailure::FailAtEnd,
            item_name: "item".to_owned(),
            index_name: "index".to_owned(),
            conditions: None,
            is_asked_first: false,
        });
        Some(Node {
            id: node.id.unwrap_or_default().to_owned(),
            name: Some(node.label().to_owned()),
            step_type: known.map_or(catalogue::BACKEND_STEP, NodeType::step_type),
            kind: known.and_then(NodeType::kind).unwrap_or(Kind::Effect),
            config: Template::compile(&config, TAKEN_AS_THEY_ARE).ok()?,
            retry: fields::ONE_ATTEMPT,
            timeout_ms: None,
            fallback: None,
            on_unknown: OnUnknown::Retry,
            composite,
            wiring: Some(self.wiring(index)),
            flow: None,
        })
    }

    /// The ports of a node that edges take, each once, in the order of the edges.
    fn outputs_of(&self, index: usize) -> Vec<&'a str> {
        let mut ports = Vec::new();
        for link in self
            .structure
            .links
            .iter()
            .filter(|link| link.from == index)
        {
            let port = self.source_port(*link);
            if !ports.contains(&port) {
                ports.push(port);
            }
        }
        ports
    }

    fn wiring(&self, index: usize) -> Wiring {
        let mut inputs: Vec<Wire> = Vec::new();
        for link in self.structure.links.iter().filter(|link| link.to == index) {
            let Some(source) = self.source(*link) else {
                continue;
            };
            let (port, port_type) = self.target_port(*link);
            match inputs.iter_mut().find(|wire| wire.port == port) {
                Some(wire) => wire.from.push(source),
                None => inputs.push(Wire {
                    port: port.to_owned(),
                    port_type,
                    from: vec![source],
                }),
            }
        }
        let id = self.graph.nodes.get(index).and_then(|node| node.id);
        Wiring {
            inputs,
            asked_as: id.and_then(|id| self.asked.get(id)).cloned(),
        }
    }

    fn source(&self, link: Link) -> Option<Source> {
        let node = *self.steps.get(&link.from)?;
        let port = self.source_port(link);
        if self.structure.around(link.to).contains(&link.from) {
            return Some(match port {
                "index" => Source::Index { head: node },
                _ => Source::Item { head: node },
            });
        }
        let port = port.to_owned();
        Some(match self.collecting_head(link) {
            Some(head) => Source::Each {
                head: *self.steps.get(&head)?,
                node,
                port,
            },
            None => Source::Output { node, port },
        })
    }

    fn source_port(&self, link: Link) -> &'a str {
        let edge = self.graph.edges.get(link.edge);
        let known = self.graph.nodes.get(link.from).and_then(|node| node.known);
        let first = || {
            known
                .and_then(|known| known.outputs.first())
                .map(|port| port.id)
        };
        edge.and_then(|edge| edge.source_port())
            .or_else(first)
            .unwrap_or(ONLY_PORT)
    }

    fn target_port(&self, link: Link) -> (&'a str, PortType) {
        let edge = self.graph.edges.get(link.edge);
        let known = self.graph.nodes.get(link.to).and_then(|node| node.known);
        let first = || {
            known
                .and_then(|known| known.inputs.first())
                .map(|port| port.id)
        };
        let port = edge
            .and_then(|edge| edge.target_port())
            .or_else(first)
            .unwrap_or(ONLY_PORT);
        let listed = known.and_then(|known| known.input(port));
        (
            port,
            listed.map_or(PortType::Any, |listed| listed.port_type),
        )
    }
}

fn role(node: &GraphNode<'_>) -> Option<Role> {
    node.known.map(|known| known.role)
}
