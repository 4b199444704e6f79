//! What a definition's picture has in it: its steps, which of them are inside of others, and what leads from one to another.
//! The one place where the three formats differ. May not know how it is laid out. Promise: reading never fails, and what is
//! given is bounded; how much was left out is said.

mod flow;
mod graph;
mod steps;

use super::super::written::written_bytes;
use crate::model::workflow::{Definition, DefinitionFormat};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashSet;

/// So many steps are drawn.
pub(super) const MAX_NODES: usize = 150;
/// So many edges are drawn.
const MAX_EDGES: usize = 300;
/// So many bytes of HTML are taken by what is written on steps.
const MAX_TEXT_BYTES: usize = 12 << 10;
/// So many characters of a name or a type are ever written.
pub(super) const MAX_TEXT_CHARS: usize = 80;
/// How deep boxes are drawn within boxes; what is deeper stands beside the innermost.
const MAX_DEPTH: usize = 8;

/// The steps of a definition and what is between them.
#[derive(Default)]
pub(in crate::http::dashboard) struct Outline<'a> {
    /// In the order of the definition.
    pub(in crate::http::dashboard) nodes: Vec<OutlineNode<'a>>,
    /// Each once; both ends are inside of the same step, or at the top.
    pub(super) edges: Vec<OutlineEdge>,
    /// How many steps more the definition has.
    pub(in crate::http::dashboard) left_out: usize,
}

/// A step.
pub(in crate::http::dashboard) struct OutlineNode<'a> {
    /// As the definition and its runs name it.
    pub(in crate::http::dashboard) id: Cow<'a, str>,
    /// What people call it; where it has no name its id.
    pub(in crate::http::dashboard) name: Cow<'a, str>,
    /// Its type.
    pub(in crate::http::dashboard) step_type: Cow<'a, str>,
    /// The step that it is inside of.
    pub(super) around: Option<usize>,
    /// What it is told to do.
    pub(in crate::http::dashboard) configuration: Cow<'a, Value>,
}

/// What leads from one step to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct OutlineEdge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Which way of the step it is: `then`; empty where there is one only.
    pub(super) way: String,
}

impl OutlineNode<'_> {
    /// The id of the element that shows its configuration; `place` is its place in the outline.
    pub(in crate::http::dashboard) fn anchor(&self, place: usize) -> String {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:@~+".contains(&byte);
        if !self.id.is_empty() && self.id.len() <= 128 && self.id.bytes().all(is_plain) {
            format!("step-{}", self.id)
        } else {
            format!("step-{place}")
        }
    }
}

impl<'a> Outline<'a> {
    /// Reads a definition.
    pub(in crate::http::dashboard) fn of(definition: &'a Definition) -> Outline<'a> {
        let mut outline = match definition.format {
            DefinitionFormat::Steps => steps::outline(&definition.body),
            DefinitionFormat::Graph => graph::outline(&definition.body),
            DefinitionFormat::Flow => flow::outline(definition),
        };
        outline.keep_within_room();
        outline.make_sound();
        outline
    }

    /// Takes away the steps whose texts have no more room.
    fn keep_within_room(&mut self) {
        let mut left_bytes = MAX_TEXT_BYTES;
        let fitting = self.nodes.iter().take_while(|node| {
            let names = [&node.id, &node.name, &node.step_type];
            let bytes: usize = names.iter().map(|text| beginning_bytes(text)).sum();
            let is_fitting = bytes <= left_bytes;
            left_bytes = left_bytes.saturating_sub(bytes);
            is_fitting
        });
        let count = fitting.count();
        self.left_out += self.nodes.len() - count;
        self.nodes.truncate(count);
    }

    /// Takes away what cannot be drawn: circles of boxes, edges out of a box, edges from a step to itself, repeated edges.
    fn make_sound(&mut self) {
        let count = self.nodes.len();
        let depths: Vec<usize> = (0..count).map(|node| self.depth_of(node)).collect();
        for (node, depth) in self.nodes.iter_mut().zip(depths) {
            if depth > MAX_DEPTH || node.around >= Some(count) {
                node.around = None;
            }
        }
        let mut seen = HashSet::new();
        let nodes = &self.nodes;
        let around = |node: usize| nodes.get(node).map(|node| node.around);
        self.edges.retain(|edge| {
            let (from, to) = (around(edge.from), around(edge.to));
            edge.from != edge.to && from.is_some() && from == to && seen.insert(edge.clone())
        });
        self.edges.truncate(MAX_EDGES);
    }

    /// How many boxes are around a node; more than are drawn where they are in a circle.
    fn depth_of(&self, node: usize) -> usize {
        let around = |at: &usize| self.nodes.get(*at).and_then(|node| node.around);
        std::iter::successors(Some(node), around)
            .take(MAX_DEPTH + 2)
            .count()
            - 1
    }
}

/// How many bytes of HTML the beginning of a text takes, which is all that is written of it.
fn beginning_bytes(text: &str) -> usize {
    let end = text.char_indices().nth(MAX_TEXT_CHARS);
    written_bytes(end.and_then(|(end, _)| text.get(..end)).unwrap_or(text))
}

/// A text of an object; empty where there is none.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
