//! Loops and parallel steps of the native format: they name the steps inside them, which stand further down the same array.
//! May not know what is looped over. Promise: every step is in exactly one block, blocks nest without circles, and a block
//! that is named has a step.
//!
//! A step that a condition names is in the condition's block, whether the loop names it too or not.

use super::problem;
use super::steps::Compiler;
use super::{Block, BlockIndex, Composite, NodeIndex, OnInnerFailure, Order};
use crate::model::template::is_taken;
use serde_json::{Map, Value};

/// How deep loops and parallel steps may be nested.
const MAX_NESTING: usize = 8;
/// How many branches or iterations of a parallel step may be under way at once.
const MAX_WIDTH: u64 = 100;
/// How many iterations of a parallel step are under way at once, where it does not say.
const DEFAULT_WIDTH: u64 = 10;
const BREAK: &str = "breakCondition";
const WHILE: &str = "whileCondition";

/// Which step is in which block, while a definition is compiled.
pub(super) struct Nesting {
    /// For each step its block, as far as it is known: none yet means the top.
    block_of: Vec<Option<BlockIndex>>,
    /// For each block the step that it is inside of; the top has none.
    heads: Vec<Option<NodeIndex>>,
}

impl Nesting {
    /// All steps at the top.
    pub(super) fn new(steps: usize) -> Nesting {
        Nesting {
            block_of: vec![None; steps],
            heads: vec![None],
        }
    }

    fn block_of(&self, step: NodeIndex) -> BlockIndex {
        self.block_of.get(step).copied().flatten().unwrap_or(0)
    }

    fn open(&mut self, head: NodeIndex) -> BlockIndex {
        self.heads.push(Some(head));
        self.heads.len() - 1
    }

    fn head_of(&self, block: BlockIndex) -> Option<NodeIndex> {
        self.heads.get(block).copied().flatten()
    }

    fn depth(&self, step: NodeIndex) -> usize {
        let above = |step: &NodeIndex| self.head_of(self.block_of(*step));
        std::iter::successors(Some(step), above).count() - 1
    }

    /// Puts a step into a block. An error when it is in another one.
    fn put(&mut self, step: NodeIndex, block: BlockIndex) -> Result<(), Option<NodeIndex>> {
        match self.block_of.get_mut(step) {
            Some(Some(known)) if *known != block => {
                let known = *known;
                Err(self.head_of(known))
            }
            Some(place) => {
                *place = Some(block);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether `step` has ended whenever `at` begins: it stands before it in the same block, or before what `at` is inside of.
    pub(super) fn has_ended_before(&self, step: NodeIndex, at: NodeIndex) -> bool {
        let mut at = at;
        loop {
            let block = self.block_of(at);
            if self.block_of(step) == block {
                return step < at;
            }
            match self.head_of(block) {
                Some(head) => at = head,
                None => return false,
            }
        }
    }

    /// Whether `step` is in a block of `head`.
    pub(super) fn is_directly_inside(&self, step: NodeIndex, head: NodeIndex) -> bool {
        self.head_of(self.block_of(step)) == Some(head)
    }

    /// The outermost loop or parallel step that `step` is inside of and `at` is not.
    pub(super) fn head_around(&self, step: NodeIndex, at: NodeIndex) -> Option<NodeIndex> {
        let heads = |step: NodeIndex| {
            let above = move |step: &NodeIndex| self.head_of(self.block_of(*step));
            std::iter::successors(Some(step), above).skip(1)
        };
        let around: Vec<NodeIndex> = heads(at).chain([at]).collect();
        heads(step).filter(|head| !around.contains(head)).last()
    }

    /// The steps of every block in order, and for each step its block and its place there.
    pub(super) fn laid_out(&self) -> (Vec<Block>, Vec<(BlockIndex, usize)>) {
        let empty = Block {
            steps: Vec::new(),
            order: Order::Seq,
        };
        let mut blocks = vec![empty; self.heads.len()];
        let mut places = Vec::with_capacity(self.block_of.len());
        for step in 0..self.block_of.len() {
            let block = self.block_of(step);
            if let Some(Block { steps, .. }) = blocks.get_mut(block) {
                places.push((block, steps.len()));
                steps.push(step);
            }
        }
        (blocks, places)
    }
}

impl Compiler<'_> {
    /// A loop: `steps`, the names of item and index, and what is asked between iterations.
    pub(super) fn loop_step(
        &mut self,
        index: NodeIndex,
        config: &Map<String, Value>,
        place: &str,
    ) -> Option<Composite> {
        let block = self.inside(index, config.get("steps"), &format!("{place}.config.steps"));
        let mut conditions = Map::new();
        for (field, word) in [(WHILE, "while"), (BREAK, "break")] {
            if let Some(condition) = config.get(field).filter(|value| !value.is_null()) {
                conditions.insert(word.to_owned(), asked(condition));
            }
        }
        let is_asked_first = conditions.contains_key("while");
        let conditions = if conditions.is_empty() {
            Some(None)
        } else {
            self.conditions(index, &conditions, place).map(Some)
        };
        let (item_name, index_name) = self.names(config, "itemVariable", place);
        Some(Composite {
            blocks: vec![block?],
            is_over_items: true,
            width: 1,
            on_failure: OnInnerFailure::FailAtOnce,
            item_name,
            index_name,
            conditions: conditions?,
            is_asked_first,
        })
    }

    /// A parallel step: `branches`, or `steps` of which each is a branch, or `steps` once for each item of `forEachSource`.
    pub(super) fn parallel_step(
        &mut self,
        index: NodeIndex,
        config: &Map<String, Value>,
        place: &str,
    ) -> Option<Composite> {
        let is_over_items = config
            .get("forEachSource")
            .is_some_and(|value| !value.is_null());
        let blocks = if is_over_items {
            let place = format!("{place}.config.steps");
            let block = self.inside(index, config.get("steps"), &place);
            block.map(|block| vec![block])
        } else {
            self.branches(index, config, place)
        };
        let width = super::fields::whole(
            config,
            "concurrency",
            1..=MAX_WIDTH,
            &format!("{place}.config"),
            &mut self.found,
        );
        let (item_name, index_name) = self.names(config, "forEachAs", place);
        let fails_fast = config.get("strategy").and_then(Value::as_str) == Some("fail-fast")
            || config.get("waitForAll") == Some(&Value::Bool(false));
        let blocks = blocks?;
        let most = if is_over_items {
            DEFAULT_WIDTH
        } else {
            (blocks.len() as u64).min(MAX_WIDTH)
        };
        Some(Composite {
            blocks,
            is_over_items,
            width: u32::try_from(width.unwrap_or(most)).unwrap_or(1),
            on_failure: if fails_fast {
                OnInnerFailure::FailAtOnce
            } else {
                OnInnerFailure::Collect
            },
            item_name,
            index_name,
            conditions: None,
            is_asked_first: false,
        })
    }

    fn branches(
        &mut self,
        index: NodeIndex,
        config: &Map<String, Value>,
        place: &str,
    ) -> Option<Vec<BlockIndex>> {
        let (field, branches) = match (config.get("branches"), config.get("steps")) {
            (Some(branches), _) => ("branches", Some(branches)),
            (None, steps) => ("steps", steps),
        };
        let place = format!("{place}.config.{field}");
        let branches = branches
            .and_then(Value::as_array)
            .filter(|all| !all.is_empty());
        let Some(branches) = branches else {
            self.add(
                place,
                "it is missing: an array of branches, each an array of step ids, or `steps` with `forEachSource`",
            );
            return None;
        };
        let mut blocks = Vec::new();
        for (position, branch) in branches.iter().enumerate() {
            let place = format!("{place}[{position}]");
            let block = match branch {
                Value::String(_) => {
                    self.inside(index, Some(&Value::from(vec![branch.clone()])), &place)
                }
                Value::Object(fields) => {
                    self.inside(index, fields.get("steps"), &format!("{place}.steps"))
                }
                other => self.inside(index, Some(other), &place),
            };
            blocks.push(block);
        }
        blocks.into_iter().collect()
    }

    /// A block of the step at `head` with the steps that `ids` names.
    fn inside(&mut self, head: NodeIndex, ids: Option<&Value>, place: &str) -> Option<BlockIndex> {
        let Some(ids) = ids.and_then(Value::as_array).filter(|ids| !ids.is_empty()) else {
            let message =
                "it is missing: the ids of the steps inside, as an array with at least one";
            self.add(place, message);
            return None;
        };
        if self.nesting.depth(head) >= MAX_NESTING {
            let message =
                format!("loops and parallel steps are nested more than {MAX_NESTING} deep");
            self.add(place, message);
            return None;
        }
        let block = self.nesting.open(head);
        let before = self.found.len();
        for (position, id) in ids.iter().enumerate() {
            if problem::enough(&self.found) {
                break;
            }
            if let Err(message) = self.put_inside(head, block, id) {
                self.add(format!("{place}[{position}]"), message);
            }
        }
        (self.found.len() == before).then_some(block)
    }

    fn put_inside(&mut self, head: NodeIndex, block: BlockIndex, id: &Value) -> Result<(), String> {
        let Some(name) = id.as_str() else {
            return Err(format!(
                "it is {}; it must be the id of a step",
                problem::shown(id)
            ));
        };
        let Some(&step) = self.ids.get(name) else {
            return Err(format!(
                "there is no step `{}`{}",
                problem::short(name),
                self.step_hint(name)
            ));
        };
        if step <= head {
            return Err(format!(
                "step `{name}` does not come after this step; steps inside it must come later in `steps`"
            ));
        }
        self.put(step, block)
    }

    /// A branch's step is in the branch's own block.
    pub(super) fn put_beside(&mut self, branch: NodeIndex, step: NodeIndex) -> Result<(), String> {
        let block = self.nesting.block_of(branch);
        self.put(step, block)
    }

    fn put(&mut self, step: NodeIndex, block: BlockIndex) -> Result<(), String> {
        self.nesting.put(step, block).map_err(|head| {
            let name = self.id_of(step);
            match head {
                Some(head) => format!(
                    "step `{name}` runs inside `{}` already; a step has one place",
                    self.id_of(head)
                ),
                None => format!(
                    "step `{name}` belongs to a condition outside of this step; a step has one place"
                ),
            }
        })
    }

    /// The names under which templates see an item and its index.
    fn names(
        &mut self,
        config: &Map<String, Value>,
        item_field: &str,
        place: &str,
    ) -> (String, String) {
        let item = self.variable(config, item_field, "item", place);
        let index = self.variable(config, "indexVariable", "index", place);
        if item == index && self.is_new {
            let message = format!("item and index are both `{item}`; give one another name");
            self.add(format!("{place}.config.{item_field}"), message);
        }
        (item, index)
    }

    /// The name under which templates see an item or an index.
    fn variable(
        &mut self,
        config: &Map<String, Value>,
        field: &str,
        default: &str,
        place: &str,
    ) -> String {
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.len() <= 64
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match config.get(field) {
            None | Some(Value::Null) => default.to_owned(),
            Some(Value::String(name)) if self.is_new && is_taken(name) => {
                let message = format!(
                    "`{name}` is a word of templates, which would not mean the item by it; use another"
                );
                self.add(format!("{place}.config.{field}"), message);
                default.to_owned()
            }
            Some(Value::String(name)) if is_name(name) => name.clone(),
            Some(other) => {
                let message = format!(
                    "it is {}; it must be a name of letters, digits and `_`",
                    problem::shown(other)
                );
                self.add(format!("{place}.config.{field}"), message);
                default.to_owned()
            }
        }
    }
}

/// A condition as a template: a text without braces is an expression.
fn asked(condition: &Value) -> Value {
    match condition {
        Value::String(text) if !text.contains("{{") => Value::String(format!("{{{{{text}}}}}")),
        other => other.clone(),
    }
}
