//! The compiler of the flow format: nodes of agentflows and chains of chatflows become steps, edges become queues, iterations
//! become composite steps. May not know what a node does. Promise: a flow that compiles goes on compiling in later versions,
//! and what compiles ends, since every loop has a cap.

mod node;

use self::node::{flow_step, plan_node};
use super::queue::{Awaited, Follow, Queue};
use super::{
    Block, BlockIndex, Composite, DefinitionProblem, Node, NodeIndex, OnInnerFailure, Order, Plan,
    problem, settings,
};
use crate::model::flow::chain::{Chain, chains};
use crate::model::flow::reference::Reference;
use crate::model::flow::structure::{Structure, structure};
use crate::model::flow::text::Text;
use crate::model::flow::{
    Drawing, FlowFacts, FlowKind, FlowNode, FlowStep, Known, NodeKind, StartKind, VariablesRead,
    catalogue, is_true, markdown, text_of,
};
use crate::model::trigger::Trigger;
use serde_json::Value;
use std::collections::BTreeMap;

/// The way that leads back.
pub const BACK: u32 = 0;

/// Compiles the body of a definition of the format `flow`.
pub fn compile(body: &Value, max_steps: usize) -> Result<Plan, Vec<DefinitionProblem>> {
    let mut found = Vec::new();
    let trigger = Trigger::read(body.get("trigger"), &mut found);
    let kind = body.get("flowType").and_then(Value::as_str);
    let Some(kind) = kind.and_then(FlowKind::parse) else {
        problem::add(
            &mut found,
            "flowType",
            "it must be `CHATFLOW` or `AGENTFLOW`",
        );
        return Err(found);
    };
    let flow_data = body.get("flowData").and_then(Value::as_str);
    let drawing = match flow_data {
        Some(flow_data) => Drawing::read(flow_data, &mut found),
        None => {
            let message = "it is missing: the flow as the editor saves it, as JSON text";
            problem::add(&mut found, "flowData", message);
            None
        }
    };
    let parts = drawing.and_then(|drawing| {
        if drawing.nodes.len() > max_steps {
            let message = format!(
                "it has {} nodes; at most {max_steps} are allowed",
                drawing.nodes.len()
            );
            problem::add(&mut found, "flowData", message);
            return None;
        }
        match kind {
            FlowKind::Agentflow => agentflow(&drawing, &mut found),
            FlowKind::Chatflow => chatflow(&drawing, &mut found),
        }
    });
    match (parts, trigger) {
        (Some(parts), Some(trigger)) if found.is_empty() => Ok(parts.plan(trigger)),
        _ => Err(problem::capped(found)),
    }
}

/// What a plan is made of.
struct Parts {
    nodes: Vec<Node>,
    blocks: Vec<Block>,
    places: Vec<(BlockIndex, usize)>,
    flow: FlowFacts,
}

impl Parts {
    fn plan(self, trigger: Trigger) -> Plan {
        Plan {
            trigger,
            by_id: self
                .nodes
                .iter()
                .enumerate()
                .map(|(index, node)| (node.id.clone(), index))
                .collect(),
            owned_by: vec![Vec::new(); self.nodes.len()],
            nodes: self.nodes,
            variables: Value::Null,
            blocks: self.blocks,
            places: self.places,
            settings: settings::Settings::default(),
            flow: Some(self.flow),
        }
    }
}

fn agentflow(drawing: &Drawing, found: &mut Vec<DefinitionProblem>) -> Option<Parts> {
    let structure = structure(drawing, found)?;
    let iterations = (0..drawing.nodes.len()).filter(|index| {
        let known = structure.known.get(*index);
        known.is_some_and(|known| known.kind == NodeKind::Iteration)
    });
    let inside: BTreeMap<usize, BlockIndex> = iterations.zip(1..).collect();
    let block_of = |node: usize| {
        let around = structure.around.get(node).copied().flatten();
        around
            .and_then(|around| inside.get(&around))
            .copied()
            .unwrap_or_default()
    };
    let mut steps: Vec<Vec<NodeIndex>> = vec![Vec::new(); inside.len() + 1];
    let mut places = Vec::new();
    for index in 0..drawing.nodes.len() {
        let block = block_of(index);
        let steps = steps.get_mut(block)?;
        places.push((block, steps.len()));
        steps.push(index);
    }
    let mut nodes = Vec::new();
    for (index, node) in drawing.nodes.iter().enumerate() {
        let composite = inside.get(&index).map(|block| iteration(*block));
        let step = flow_step(drawing, &structure, index)?;
        nodes.push(plan_node(node, step, composite, found)?);
    }
    let blocks = steps.into_iter().enumerate().map(|(block, steps)| Block {
        order: Order::Queue(queue(&structure, &steps, &places, block)),
        steps,
    });
    let flow = facts(drawing, &structure, &nodes)?;
    let blocks = blocks.collect();
    Some(Parts {
        nodes,
        blocks,
        places,
        flow,
    })
}

/// What holds for an agentflow as a whole.
fn facts(drawing: &Drawing, structure: &Structure<'_>, nodes: &[Node]) -> Option<FlowFacts> {
    let texts = || {
        nodes
            .iter()
            .filter_map(|node| node.flow.as_deref())
            .flat_map(texts)
    };
    let start = drawing.nodes.get(*structure.starts.get(&None)?)?;
    let is_set = |name: &str| is_true(start.inputs.get(name));
    let reads_past = drawing
        .nodes
        .iter()
        .zip(&structure.known)
        .any(|(node, known)| {
            let memory = format!("{}EnableMemory", known.prefix);
            known.kind.asks_model() && is_true(node.inputs.get(&memory))
        });
    Some(FlowFacts {
        kind: FlowKind::Agentflow,
        start: structure.start,
        default_question: default_question(start, structure.start),
        reads_past: !is_set("startEphemeralMemory")
            && (reads_past
                || texts().any(|text| text.names(&|name| *name == Reference::ChatHistory))),
        reads_variables: if code_reads_variables(drawing, &structure.known) {
            VariablesRead::All
        } else {
            VariablesRead::of(texts())
        },
        persists_state: is_set("startPersistState"),
        is_streamable: true,
        memory_type: None,
    })
}

/// Whether there is code that reads variables, which may be any of them.
fn code_reads_variables(drawing: &Drawing, known: &[&Known]) -> bool {
    let mut nodes = drawing.nodes.iter().zip(known);
    nodes.any(|(node, known)| {
        let code = text_of(&node.inputs, "customFunctionJavascriptFunction");
        known.kind == NodeKind::CustomFunction && !VariablesRead::of_code(code).is_empty()
    })
}

/// What the clock asks.
fn default_question(start: &FlowNode, kind: StartKind) -> Option<String> {
    let text = markdown(text_of(&start.inputs, "scheduleDefaultInput"));
    Some(text).filter(|text| kind == StartKind::Schedule && !text.is_empty())
}

fn iteration(block: BlockIndex) -> Composite {
    Composite {
        blocks: vec![block],
        is_over_items: true,
        width: 1,
        on_failure: OnInnerFailure::Collect,
        item_name: "item".to_owned(),
        index_name: "index".to_owned(),
        conditions: None,
        is_asked_first: false,
    }
}

fn queue(
    structure: &Structure<'_>,
    steps: &[NodeIndex],
    places: &[(BlockIndex, usize)],
    block: BlockIndex,
) -> Queue {
    let place = |node: usize| places.get(node).map_or(0, |(_, place)| *place);
    let mut queue = Queue {
        starts: Vec::new(),
        follows: vec![Vec::new(); steps.len()],
        awaits: vec![Awaited::default(); steps.len()],
    };
    let in_block = |node: &usize| places.get(*node).is_some_and(|(of, _)| *of == block);
    queue.starts = structure
        .starts
        .values()
        .copied()
        .filter(in_block)
        .map(place)
        .collect();
    for (at, node) in steps.iter().enumerate() {
        let known = structure.known.get(*node);
        let has_ways = known.is_some_and(|known| known.kind.has_ways());
        let edges = structure.edges.iter().filter(|(from, _, _)| from == node);
        let mut follows: Vec<Follow> = edges
            .map(|(_, to, edge)| Follow {
                to: place(*to),
                way: has_ways.then(|| edge.way()),
                is_back: false,
            })
            .collect();
        follows.extend(structure.back.get(node).map(|to| Follow {
            to: place(*to),
            way: Some(BACK),
            is_back: true,
        }));
        let (all, groups) = structure.awaits(*node);
        if let (Some(own), Some(awaits)) = (queue.follows.get_mut(at), queue.awaits.get_mut(at)) {
            *own = follows;
            awaits.all = all.into_iter().map(place).collect();
            awaits.groups = groups
                .into_iter()
                .map(|group| group.into_iter().map(place).collect())
                .collect();
        }
    }
    queue
}

fn chatflow(drawing: &Drawing, found: &mut Vec<DefinitionProblem>) -> Option<Parts> {
    let chains = chains(drawing, found)?;
    let last = chains.len().checked_sub(1)?;
    let mut nodes = Vec::new();
    for (index, chain) in chains.iter().enumerate() {
        let before = chain.after.iter().filter_map(|above| chains.get(*above));
        let before = before.filter_map(|above| Some(drawing.nodes.get(above.node)?.id.clone()));
        let step = FlowStep {
            known: &catalogue::CHAIN,
            inputs: chain.inputs.clone(),
            updates: None,
            is_last: index == last,
            before: before.collect(),
        };
        nodes.push(plan_node(
            drawing.nodes.get(chain.node)?,
            step,
            None,
            found,
        )?);
    }
    let texts = || {
        nodes
            .iter()
            .filter_map(|node| node.flow.as_deref())
            .flat_map(texts)
    };
    let memory_type = chains.iter().find_map(Chain::memory_type);
    let flow = FlowFacts {
        kind: FlowKind::Chatflow,
        start: StartKind::Chat,
        default_question: None,
        reads_past: memory_type.is_some()
            || texts().any(|text| text.names(&|name| *name == Reference::ChatHistory)),
        reads_variables: VariablesRead::of(texts()),
        persists_state: false,
        is_streamable: chains.last().is_some_and(|chain| !chain.has_parser()),
        memory_type,
    };
    // One after another: each stands behind those whose answers it uses.
    let queue = Queue {
        starts: vec![0],
        follows: (0..chains.len())
            .map(|place| {
                let next = (place < last).then_some(Follow {
                    to: place + 1,
                    way: None,
                    is_back: false,
                });
                next.into_iter().collect()
            })
            .collect(),
        awaits: vec![Awaited::default(); chains.len()],
    };
    Some(Parts {
        places: (0..nodes.len()).map(|place| (0, place)).collect(),
        blocks: vec![Block {
            steps: (0..nodes.len()).collect(),
            order: Order::Queue(queue),
        }],
        nodes,
        flow,
    })
}

fn texts(step: &FlowStep) -> impl Iterator<Item = &Text> {
    let inputs = step.inputs.iter().map(|(_, text)| text);
    inputs.chain(&step.updates)
}
