//! The outline of the native format: one step after another, branches of conditions, what is inside of loops and parallel
//! steps. May not know what steps do. Promise: every step is expanded once, however often branches name it.

use super::{MAX_NODES, Outline, OutlineEdge, OutlineNode, text};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;

const WAYS: [&str; 2] = ["then", "else"];

/// Reads `steps`.
pub(super) fn outline(body: &Value) -> Outline<'_> {
    let steps = body.get("steps").and_then(Value::as_array);
    let steps = steps.map_or(&[][..], Vec::as_slice);
    let drawn = steps.get(..MAX_NODES).unwrap_or(steps);
    let reader = Reader::of(drawn);
    let nodes = drawn.iter().enumerate();
    let nodes = nodes
        .map(|(index, step)| reader.node(index, step))
        .collect();
    Outline {
        nodes,
        edges: reader.edges(),
        left_out: steps.len() - drawn.len(),
    }
}

/// A list of steps that run one after another: inside of which step (none: the top), and which of its branches it is.
type Block = (Option<usize>, usize);

struct Reader<'a> {
    steps: &'a [Value],
    places: HashMap<&'a str, usize>,
    /// For each step the list that it stands in.
    blocks: Vec<Block>,
    /// Whether a condition names the step.
    is_owned: Vec<bool>,
}

impl<'a> Reader<'a> {
    fn of(steps: &'a [Value]) -> Reader<'a> {
        let ids = steps.iter().map(|step| text(step, "id")).zip(0..);
        let mut reader = Reader {
            steps,
            places: ids.collect(),
            blocks: vec![(None, 0); steps.len()],
            is_owned: vec![false; steps.len()],
        };
        let mut known: Vec<Option<Block>> = vec![None; steps.len()];
        for index in 0..steps.len() {
            let own = known.get(index).copied().flatten().unwrap_or((None, 0));
            reader.blocks[index] = own;
            let inside = reader.branches(index).into_iter().enumerate();
            let inside = inside.map(|(branch, ids)| ((Some(index), branch), ids));
            let beside = WAYS.map(|way| (own, reader.owned(index, way)));
            for (_, ids) in &beside {
                ids.iter().for_each(|step| reader.is_owned[*step] = true);
            }
            for (block, ids) in inside.chain(beside) {
                // Names only point forward; the first to name a step has it.
                for step in ids.into_iter().filter(|step| *step > index) {
                    known[step].get_or_insert(block);
                }
            }
        }
        reader
    }

    fn node(&self, index: usize, step: &'a Value) -> OutlineNode<'a> {
        let (id, name) = (text(step, "id"), text(step, "name"));
        let step_type = match text(step, "type") {
            "action" => text(step, "action"),
            other => other,
        };
        OutlineNode {
            id: Cow::Borrowed(id),
            name: Cow::Borrowed(if name.is_empty() { id } else { name }),
            step_type: Cow::Borrowed(step_type),
            around: self.blocks.get(index).and_then(|(around, _)| *around),
            configuration: Cow::Borrowed(step),
        }
    }

    fn config(&self, step: usize) -> Option<&'a Value> {
        self.steps.get(step)?.get("config")
    }

    /// The steps that an array of ids names.
    fn named(&self, ids: Option<&'a Value>) -> Vec<usize> {
        let ids = ids.and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(|id| self.places.get(id.as_str()?).copied())
            .collect()
    }

    /// The steps that a condition runs on one of its ways.
    fn owned(&self, step: usize, way: &str) -> Vec<usize> {
        match self.steps.get(step).map(|step| text(step, "type")) {
            Some("condition") => {
                let ids = self.config(step).and_then(|config| config.get(way));
                let mut owned = self.named(ids);
                owned.retain(|owned| *owned > step);
                owned.sort_unstable();
                owned
            }
            _ => Vec::new(),
        }
    }

    /// The lists of steps inside of a loop or a parallel step.
    fn branches(&self, step: usize) -> Vec<Vec<usize>> {
        let step_type = self.steps.get(step).map(|step| text(step, "type"));
        let Some(config) = self.config(step) else {
            return Vec::new();
        };
        let is_over_items = config
            .get("forEachSource")
            .is_some_and(|source| !source.is_null());
        match step_type {
            Some("loop") => vec![self.named(config.get("steps"))],
            Some("parallel") if is_over_items => vec![self.named(config.get("steps"))],
            Some("parallel") => {
                let branches = config.get("branches").or_else(|| config.get("steps"));
                let branches = branches.and_then(Value::as_array).into_iter().flatten();
                branches.map(|branch| self.branch(branch)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A branch of a parallel step: an id, an array of ids, or an object with such an array.
    fn branch(&self, branch: &'a Value) -> Vec<usize> {
        match branch {
            Value::String(id) => self.places.get(id.as_str()).copied().into_iter().collect(),
            Value::Object(fields) => self.named(fields.get("steps")),
            other => self.named(Some(other)),
        }
    }

    fn edges(&self) -> Vec<OutlineEdge> {
        let mut lists: HashMap<Block, Vec<usize>> = HashMap::new();
        for (step, block) in self.blocks.iter().enumerate() {
            if !self.is_owned.get(step).copied().unwrap_or_default() {
                lists.entry(*block).or_default().push(step);
            }
        }
        let mut walk = Walk {
            reader: self,
            ends: vec![None; self.steps.len()],
            edges: Vec::new(),
        };
        let mut lists: Vec<_> = lists.into_iter().collect();
        lists.sort_unstable();
        for (_, list) in lists {
            walk.list(&list, Vec::new());
        }
        walk.edges
    }
}

/// Where a step was left, and on which way.
type End = (usize, &'static str);

/// Goes along the steps as they run.
struct Walk<'a> {
    reader: &'a Reader<'a>,
    /// Where each step that was gone along ends.
    ends: Vec<Option<Vec<End>>>,
    edges: Vec<OutlineEdge>,
}

impl Walk<'_> {
    /// Goes along steps one after another, from where others were left; gives where the last of them ends.
    fn list(&mut self, steps: &[usize], mut from: Vec<End>) -> Vec<End> {
        for &step in steps {
            let edges = from.iter().map(|(from, way)| OutlineEdge {
                from: *from,
                to: step,
                way: (*way).to_owned(),
            });
            self.edges.extend(edges);
            from = self.ends_of(step);
        }
        from
    }

    fn ends_of(&mut self, step: usize) -> Vec<End> {
        if let Some(known) = self.ends.get(step).and_then(Option::as_ref) {
            return known.clone();
        }
        let ways = WAYS.map(|way| (way, self.reader.owned(step, way)));
        let is_condition = ways.iter().any(|(_, owned)| !owned.is_empty());
        let mut ends = Vec::new();
        for (way, owned) in ways.into_iter().filter(|_| is_condition) {
            ends.extend(self.list(&owned, vec![(step, way)]));
        }
        if !is_condition {
            ends.push((step, ""));
        }
        ends.sort_unstable();
        ends.dedup();
        if let Some(known) = self.ends.get_mut(step) {
            *known = Some(ends.clone());
        }
        ends
    }
}
