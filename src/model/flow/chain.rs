//! Chatflows: chains, each with its model, prompt, memory and parser, become steps.
//! May not know plans. Promise: every node of a chatflow belongs to a chain that runs here, or the flow is refused with the
//! node's name.

use super::drawing::{Drawing, FlowNode};
use super::reference::Reference;
use super::text::Text;
use crate::model::plan::DefinitionProblem;
use crate::model::plan::problem::add;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};

/// The chains that run here.
pub const CHAINS: [&str; 2] = ["conversationChain", "llmChain"];
/// For each input of a chain the nodes that may lead to it; none: any chat model.
const PARTS: [(&str, &str, &[&str]); 5] = [
    ("model", "model", &[]),
    (
        "memory",
        "memory",
        &[
            "bufferMemory",
            "bufferWindowMemory",
            "conversationSummaryMemory",
            "conversationSummaryBufferMemory",
        ],
    ),
    (
        "prompt",
        "prompt",
        &["promptTemplate", "chatPromptTemplate"],
    ),
    (
        "chatPromptTemplate",
        "prompt",
        &["promptTemplate", "chatPromptTemplate"],
    ),
    (
        "outputParser",
        "parser",
        &[
            "csvOutputParser",
            "customListOutputParser",
            "structuredOutputParser",
            "advancedStructuredOutputParser",
        ],
    ),
];
const MODERATIONS: [&str; 1] = ["inputModerationSimple"];

/// The names of the nodes that may be parts of a chain; beside them any chat model.
pub fn parts() -> BTreeSet<&'static str> {
    let listed = PARTS.iter().flat_map(|(_, _, nodes)| nodes.iter().copied());
    listed.chain(MODERATIONS).collect()
}

/// One chain.
pub struct Chain {
    /// Its place in the drawing.
    pub node: usize,
    /// Its inputs: `chain`, `model`, `memory`, `prompt`, `parser`, `moderation`; each `{"id", "name", "inputs"}`.
    pub inputs: Vec<(String, Text)>,
    /// The chains whose answers it uses, by their place in what [`chains`] gives.
    pub after: BTreeSet<usize>,
}

/// The chains of a chatflow, in the order in which they run. `None` exactly when a problem was added.
pub fn chains(drawing: &Drawing, found: &mut Vec<DefinitionProblem>) -> Option<Vec<Chain>> {
    let before = found.len();
    let mut places: Vec<usize> = (0..drawing.nodes.len())
        .filter(|place| is_chain(&drawing.nodes[*place]))
        .collect();
    if places.is_empty() {
        let names: Vec<&str> = drawing
            .nodes
            .iter()
            .map(|node| node.name.as_str())
            .take(10)
            .collect();
        let message = if names.is_empty() {
            "it has no nodes".to_owned()
        } else {
            format!(
                "none of its nodes ({}) is a chain that runs here: `{}`",
                names.join(", "),
                CHAINS.join("`, `")
            )
        };
        add(found, "flowData", message);
        return None;
    }
    let above = |place: usize| chains_above(drawing, place);
    // Fewer chains stand above what runs earlier; chains in a circle are told apart below.
    places.sort_by_key(|place| (above(*place).len(), *place));
    let mut used = HashSet::new();
    let mut chains = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let after: Option<BTreeSet<usize>> = above(*place)
            .iter()
            .map(|above| places.iter().position(|known| known == above))
            .collect();
        let after = after.filter(|after| after.iter().all(|earlier| *earlier < number));
        let node = &drawing.nodes[*place];
        let Some(after) = after else {
            let message = format!("the chain `{}` uses its own answer", node.label);
            add(found, format!("nodes.{}", node.id), message);
            continue;
        };
        let inputs = parts_of(drawing, node, &mut used, found);
        chains.push(Chain {
            node: *place,
            inputs,
            after,
        });
    }
    for node in &drawing.nodes {
        if !is_chain(node) && !used.contains(node.id.as_str()) && found.len() == before {
            let message = format!(
                "the node `{}` (`{}`) belongs to no chain that runs here",
                node.label, node.name
            );
            add(found, format!("nodes.{}", node.id), message);
        }
    }
    (found.len() == before).then_some(chains)
}

fn is_chain(node: &FlowNode) -> bool {
    CHAINS.contains(&node.name.as_str())
}

/// The chains that a chain's answer depends on, by their place in the drawing.
fn chains_above(drawing: &Drawing, place: usize) -> BTreeSet<usize> {
    let mut above = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut from = vec![place];
    while let Some(at) = from.pop() {
        let Some(node) = drawing.nodes.get(at) else {
            continue;
        };
        for edge in drawing.into(&node.id) {
            let source = drawing
                .nodes
                .iter()
                .position(|other| other.id == edge.source);
            if let Some(source) = source.filter(|source| seen.insert(*source)) {
                if is_chain(&drawing.nodes[source]) {
                    above.insert(source);
                }
                from.push(source);
            }
        }
    }
    above
}

fn parts_of<'a>(
    drawing: &'a Drawing,
    chain: &FlowNode,
    used: &mut HashSet<&'a str>,
    found: &mut Vec<DefinitionProblem>,
) -> Vec<(String, Text)> {
    let mut inputs = vec![("chain".to_owned(), part(chain))];
    for edge in drawing.edges.iter().filter(|edge| edge.target == chain.id) {
        let Some(node) = drawing.node(&edge.source).filter(|node| !is_chain(node)) else {
            continue;
        };
        used.insert(&node.id);
        let input = edge.input();
        let known = PARTS.iter().find(|(name, _, _)| *name == input);
        match known {
            Some((_, _, nodes)) if !nodes.is_empty() && !nodes.contains(&node.name.as_str()) => {
                refuse(node, found);
            }
            Some((_, part_name, _)) => {
                inputs.push(((*part_name).to_owned(), part(node)));
                // What leads to a prompt is the answer of another chain.
                for above in drawing.edges.iter().filter(|edge| edge.target == node.id) {
                    if let Some(other) =
                        drawing.node(&above.source).filter(|other| !is_chain(other))
                    {
                        used.insert(&other.id);
                        refuse(other, found);
                    }
                }
            }
            None if input == "inputModeration" && MODERATIONS.contains(&node.name.as_str()) => {
                inputs.push(("moderation".to_owned(), part(node)));
                for above in drawing.edges.iter().filter(|edge| edge.target == node.id) {
                    used.insert(&above.source);
                }
            }
            None => refuse(node, found),
        }
    }
    inputs
}

fn refuse(node: &FlowNode, found: &mut Vec<DefinitionProblem>) {
    let message = format!(
        "the node `{}` (`{}`) does not run here: it needs a product outside of this server, or is none of the parts of a chain",
        node.label, node.name
    );
    add(found, format!("nodes.{}", node.id), message);
}

/// A node as a part of a chain. Only what the editor fills in with variables is read for them: prompts have braces of their
/// own.
fn part(node: &FlowNode) -> Text {
    let fields = node.inputs.iter().map(|(name, value)| {
        let text = match (name.as_str(), value) {
            ("promptValues", Value::String(written)) => {
                // Read before anything is put into it, so that no quote in an answer breaks it.
                let values: Value = serde_json::from_str(written).unwrap_or_default();
                Text::compile(&values)
            }
            ("promptValues" | "systemMessagePrompt", value) => Text::compile(value),
            _ => Text::Plain(value.clone()),
        };
        (name.clone(), text)
    });
    Text::Object(vec![
        ("id".to_owned(), Text::Plain(json!(node.id))),
        (
            "name".to_owned(),
            Text::Plain(Value::String(node.name.clone())),
        ),
        ("inputs".to_owned(), Text::Object(fields.collect())),
    ])
}

impl Chain {
    /// What its memory is called, as clients are told; `None`: it has none.
    pub fn memory_type(&self) -> Option<&'static str> {
        let text = self.inputs.iter().find(|(name, _)| name == "memory");
        let rendered = text?.1.render(&|_: &Reference| None).ok()?;
        Some(match rendered.get("name")?.as_str()? {
            "bufferMemory" => "Buffer Memory",
            "bufferWindowMemory" => "Buffer Window Memory",
            "conversationSummaryMemory" => "Conversation Summary Memory",
            _ => "Conversation Summary Buffer Memory",
        })
    }

    /// Whether its answer is parsed, and so cannot be told as it comes.
    pub fn has_parser(&self) -> bool {
        self.inputs.iter().any(|(name, _)| name == "parser")
    }
}
