//! The schemas of a JSON Schema and which of them apply where: at the same place of a value, or below it.
//! May not know how large values are. Promise: every loop here is bounded by the size of the schema.

use super::Load;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Schemas that apply at the same place.
const SAME_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];
/// By name, schemas that apply at the same place.
const SAME_PLACE_BY_NAME: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Schemas that apply to elements or fields.
const BELOW: [&str; 9] = [
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// One schema.
#[derive(Default)]
struct Node {
    own: Load,
    /// Whether what applies below is compared twice, to find out what no other keyword has seen.
    twice: bool,
    same: Vec<usize>,
    /// Of these, one applies to each field.
    one_of_below: Vec<usize>,
    below: Vec<usize>,
}

/// All schemas that can be reached from the root, which is the first.
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// How many regular expressions there are, reached or not.
    pub(super) patterns: usize,
    /// How many JSON levels the root and every target of a reference have, together.
    pub(super) levels: usize,
}

struct Builder<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, &'a Value>,
    numbers: HashMap<*const Value, usize>,
    found: Vec<&'a Value>,
    targets: HashMap<*const Value, usize>,
}

impl Graph {
    pub(super) fn of(root: &Value) -> Result<Graph, String> {
        let mut anchors = HashMap::new();
        let mut patterns = 0;
        let ids = if root["$schema"]
            .as_str()
            .is_some_and(|draft| draft.contains("draft-04"))
        {
            &["$id", "id"][..]
        } else {
            &["$id"]
        };
        survey(root, true, ids, &mut anchors, &mut patterns)?;
        let mut builder = Builder {
            root,
            anchors,
            numbers: HashMap::new(),
            found: Vec::new(),
            targets: HashMap::new(),
        };
        builder.number(root);
        let mut nodes = Vec::new();
        while let Some(schema) = builder.found.get(nodes.len()).copied() {
            nodes.push(builder.node(schema)?);
        }
        let levels = levels(root) + builder.targets.values().sum::<usize>();
        Ok(Graph {
            nodes,
            patterns,
            levels,
        })
    }

    /// What the root asks for at each depth of a value, the largest up to it.
    pub(super) fn loads(&self, max_depth: usize) -> Result<Vec<Load>, String> {
        let order = self.inner_first()?;
        let mut above: Vec<Load> = vec![Load::default(); self.nodes.len()];
        let mut by_depth: Vec<Load> = Vec::new();
        for depth in 0..=max_depth {
            let mut loads = vec![Load::default(); self.nodes.len()];
            for number in &order {
                if let Some(node) = self.nodes.get(*number) {
                    let load = node.load(depth == 0, &loads, &above);
                    if let Some(place) = loads.get_mut(*number) {
                        *place = load;
                    }
                }
            }
            let so_far = by_depth.last().copied().unwrap_or_default();
            by_depth.push(so_far.or(loads.first().copied().unwrap_or_default()));
            if loads == above {
                break;
            }
            above = loads;
        }
        Ok(by_depth)
    }

    /// The schemas in an order in which those that apply at the same place come first.
    fn inner_first(&self) -> Result<Vec<usize>, String> {
        let mut waits_for: Vec<usize> = self.nodes.iter().map(|node| node.same.len()).collect();
        let mut outer: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (number, node) in self.nodes.iter().enumerate() {
            for inner in &node.same {
                if let Some(of_inner) = outer.get_mut(*inner) {
                    of_inner.push(number);
                }
            }
        }
        let mut order: Vec<usize> = (0..self.nodes.len())
            .filter(|number| waits_for.get(*number) == Some(&0))
            .collect();
        let mut done = 0;
        while let Some(inner) = order.get(done).copied() {
            done += 1;
            for number in outer.get(inner).into_iter().flatten() {
                if let Some(left) = waits_for.get_mut(*number) {
                    *left -= 1;
                    if *left == 0 {
                        order.push(*number);
                    }
                }
            }
        }
        if order.len() < self.nodes.len() {
            return Err(
                "a reference leads back to its own schema without going into the value".to_owned(),
            );
        }
        Ok(order)
    }
}

impl Node {
    /// What this asks for at a depth: `here` are the loads of this depth, `above` those of one less.
    fn load(&self, is_root: bool, here: &[Load], above: &[Load]) -> Load {
        let of = |loads: &[Load], number: &usize| loads.get(*number).copied().unwrap_or_default();
        let same = self.same.iter().map(|number| of(here, number));
        let below = self.below.iter().map(|number| of(above, number));
        let either = self.one_of_below.iter().map(|number| of(above, number));
        let inner = same
            .chain(below)
            .fold(either.fold(Load::default(), Load::or), Load::and);
        let mut load = if self.twice { inner.twice() } else { inner };
        if is_root {
            load = load.and(self.own);
        }
        load.nested = load.nested.saturating_add(1);
        load
    }
}

impl<'a> Builder<'a> {
    fn number(&mut self, schema: &'a Value) -> usize {
        let next = self.found.len();
        let number = *self.numbers.entry(schema).or_insert(next);
        if number == next {
            self.found.push(schema);
        }
        number
    }

    fn node(&mut self, schema: &'a Value) -> Result<Node, String> {
        let mut node = Node::default();
        node.own.comparisons = 1;
        let Value::Object(fields) = schema else {
            return Ok(node);
        };
        for (keyword, value) in fields {
            self.keyword(&mut node, keyword, value)?;
        }
        node.twice = fields.keys().any(|name| name.starts_with("unevaluated"));
        Ok(node)
    }

    fn keyword(&mut self, node: &mut Node, keyword: &str, value: &'a Value) -> Result<(), String> {
        node.own.comparisons = node
            .own
            .comparisons
            .saturating_add(own_comparisons(keyword, value));
        match (keyword, value) {
            (_, Value::String(target)) if REFERENCES.contains(&keyword) => {
                let target = self.target(target)?;
                self.targets.entry(target).or_insert_with(|| levels(target));
                node.same.push(self.number(target));
            }
            ("properties", Value::Object(by_name)) => {
                for schema in by_name.values() {
                    node.one_of_below.push(self.number(schema));
                }
            }
            ("patternProperties", Value::Object(by_pattern)) => {
                node.own.patterns += 2 * by_pattern.len() as u64;
                for schema in by_pattern.values() {
                    node.below.push(self.number(schema));
                }
            }
            ("pattern", _) => node.own.patterns += 1,
            (_, Value::Object(by_name)) if SAME_PLACE_BY_NAME.contains(&keyword) => {
                for schema in by_name.values() {
                    node.same.push(self.number(schema));
                }
            }
            _ if SAME_PLACE.contains(&keyword) => {
                for schema in one_or_more(value) {
                    node.same.push(self.number(schema));
                }
            }
            _ if BELOW.contains(&keyword) => {
                for schema in one_or_more(value) {
                    node.below.push(self.number(schema));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn target(&self, reference: &str) -> Result<&'a Value, String> {
        let shown: String = reference.chars().take(60).collect();
        let fragment = reference
            .strip_prefix('#')
            .filter(|rest| !rest.contains('%'));
        let found = match fragment {
            None => None,
            Some("") => Some(self.root),
            Some(pointer) if pointer.starts_with('/') => self.root.pointer(pointer),
            Some(anchor) => self.anchors.get(anchor).copied(),
        };
        found.ok_or_else(|| {
            format!(
                "the reference `{shown}` leads to nothing in the schema; write `#`, `#/$defs/name` (without percent signs) or `#anchor`"
            )
        })
    }
}

/// Looks through everything for anchors, regular expressions, and names that would change what references mean.
fn survey<'a>(
    value: &'a Value,
    is_root: bool,
    ids: &[&str],
    anchors: &mut HashMap<&'a str, &'a Value>,
    patterns: &mut usize,
) -> Result<(), String> {
    match value {
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| survey(item, false, ids, anchors, patterns)),
        Value::Object(fields) => {
            if !is_root
                && ids
                    .iter()
                    .any(|id| fields.get(*id).is_some_and(Value::is_string))
            {
                return Err("`$id` stands inside it; only the whole schema may have one".to_owned());
            }
            for name in ["$anchor", "$dynamicAnchor"] {
                if let Some(Value::String(anchor)) = fields.get(name)
                    && anchors
                        .insert(anchor, value)
                        .is_some_and(|former| !std::ptr::eq(former, value))
                {
                    return Err("two of its schemas have the same anchor".to_owned());
                }
            }
            *patterns += patterns_of(fields);
            fields
                .values()
                .try_for_each(|field| survey(field, false, ids, anchors, patterns))
        }
        _ => Ok(()),
    }
}

fn patterns_of(fields: &Map<String, Value>) -> usize {
    let named = fields.get("patternProperties").and_then(Value::as_object);
    usize::from(fields.get("pattern").is_some_and(Value::is_string)) + named.map_or(0, Map::len)
}

/// What a keyword compares itself, without the schemas in it.
fn own_comparisons(keyword: &str, value: &Value) -> u64 {
    match keyword {
        "enum" | "const" | "required" | "type" | "dependentRequired" | "dependencies" => {
            values_in(value)
        }
        "properties" | "patternProperties" | "dependentSchemas" => {
            value.as_object().map_or(1, |by_name| by_name.len() as u64)
        }
        // Compares elements with each other, by their hashes.
        "uniqueItems" => 4,
        _ => 1,
    }
}

fn values_in(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.iter().map(values_in).sum::<u64>() + 1,
        Value::Object(fields) => fields.values().map(values_in).sum::<u64>() + 1,
        _ => 1,
    }
}

fn levels(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(levels).max(),
        Value::Object(fields) => fields.values().map(levels).max(),
        _ => None,
    };
    inner.unwrap_or_default() + 1
}

fn one_or_more(value: &Value) -> &[Value] {
    match value {
        Value::Array(schemas) => schemas,
        one => std::slice::from_ref(one),
    }
}
