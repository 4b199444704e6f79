//! Where a loop or a parallel step stands: which iterations are open, and what those that ended came to.
//! May not know what the steps inside do. Promise: results are kept in the order of the items, within a bound, whatever
//! the order in which iterations end.

use super::FrameId;
use crate::model::json::json_bytes;
use crate::model::run::StepError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many bytes of results a loop or parallel step keeps; of further ones a mark is kept.
const MAX_KEPT_BYTES: usize = 4 << 20;
/// How many errors are kept.
const MAX_ERRORS: usize = 1_000;

/// What everything inside came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Collected {
    /// The output of the step.
    Output(Value),
    /// Something inside failed, and the step with it.
    Failed(StepError),
}

/// What is to be done with the step as a whole.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// Nothing: iterations are open.
    Going,
    /// Its conditions have to be asked.
    Deciding,
    /// Everything inside has ended.
    Over,
    /// Something inside has failed for good.
    Failed(Box<StepError>),
}

/// Where a loop or a parallel step stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Iterations {
    items: Option<Arc<Vec<Value>>>,
    items_bytes: usize,
    /// How many there are, or at most are.
    count: u32,
    /// How many have begun.
    issued: u32,
    finished: u32,
    /// The open ones.
    pub(super) open: BTreeMap<u32, FrameId>,
    /// The frame of the last one, kept for the conditions.
    pub(super) kept: Option<FrameId>,
    results: Vec<Arc<Value>>,
    kept_bytes: usize,
    errors: Vec<Value>,
    failed: u32,
    pub(super) stage: Stage,
}

impl Iterations {
    /// None has begun.
    pub(super) fn new(items: Option<Arc<Vec<Value>>>, count: u32) -> Iterations {
        let items_bytes = items.iter().flat_map(|items| items.iter()).map(json_bytes);
        Iterations {
            items_bytes: items_bytes.sum(),
            items,
            count,
            issued: 0,
            finished: 0,
            open: BTreeMap::new(),
            kept: None,
            results: Vec::new(),
            kept_bytes: 0,
            errors: Vec::new(),
            failed: 0,
            stage: if count == 0 {
                Stage::Over
            } else {
                Stage::Going
            },
        }
    }

    /// How many bytes, as JSON, its items and the results that it has kept have.
    pub(super) fn held_bytes(&self) -> usize {
        self.items_bytes + self.kept_bytes
    }

    /// Whether there is something to do for the step as a whole.
    pub(super) fn wants_something(&self) -> bool {
        self.stage != Stage::Going
    }

    /// The number of the next iteration.
    pub(super) fn next_index(&self) -> u32 {
        self.issued
    }

    /// Whether another one may begin beside those that are open.
    pub(super) fn has_room(&self, width: u32) -> bool {
        self.stage == Stage::Going
            && self.issued < self.count
            && self.open.len() < usize::try_from(width).unwrap_or(usize::MAX)
    }

    /// The next one begins in this frame. Gives its number.
    pub(super) fn begin(&mut self, frame: FrameId) -> u32 {
        let index = self.issued;
        self.issued += 1;
        self.open.insert(index, frame);
        index
    }

    /// An iteration has ended with this output.
    pub(super) fn end(&mut self, index: u32, output: Arc<Value>) {
        let bytes = json_bytes(&output);
        let fits = self.kept_bytes.saturating_add(bytes) <= MAX_KEPT_BYTES;
        if fits {
            self.kept_bytes += bytes;
            self.set(index, output);
        } else {
            self.set(
                index,
                Arc::new(json!({ "truncated": true, "sizeBytes": bytes })),
            );
        }
        self.close(index);
    }

    /// An iteration has failed, and the others go on.
    pub(super) fn fail(&mut self, index: u32, step: &str, error: &StepError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(json!({
                "index": index, "step": step, "code": error.code, "message": error.message,
            }));
        }
        self.failed += 1;
        self.set(index, Arc::default());
        self.close(index);
    }

    fn set(&mut self, index: u32, output: Arc<Value>) {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        if self.results.len() <= index {
            self.results.resize(index.saturating_add(1), Arc::default());
        }
        if let Some(result) = self.results.get_mut(index) {
            *result = output;
        }
    }

    fn close(&mut self, index: u32) {
        self.open.remove(&index);
        self.finished += 1;
        if self.finished == self.count {
            self.stage = Stage::Over;
        }
    }

    /// The item of an iteration.
    pub(super) fn item(&self, index: u32) -> Option<&Value> {
        self.items.as_ref()?.get(usize::try_from(index).ok()?)
    }

    /// The output of the iteration before this one.
    pub(super) fn before(&self, index: u32) -> Option<&Value> {
        let before = usize::try_from(index.checked_sub(1)?).ok()?;
        self.results.get(before).map(|result| &**result)
    }

    /// The output of a loop.
    pub(super) fn of_loop(&self, has_conditions: bool) -> Value {
        let last = self.finished.checked_sub(1);
        let mut output = json!({
            "results": self.results,
            "count": self.finished,
            "currentItem": last.and_then(|last| self.item(last)),
            "currentIndex": last,
        });
        if has_conditions && let Some(fields) = output.as_object_mut() {
            let reached = self.items.is_none() && self.finished == self.count;
            fields.insert("limitReached".into(), Value::Bool(reached));
        }
        output
    }

    /// The failure of a step some of whose iterations failed: how many, and what the first of them said.
    pub(super) fn failure(&self) -> Option<StepError> {
        let first = self.errors.first()?;
        let text = |field: &str| first.get(field).and_then(Value::as_str).unwrap_or_default();
        let index = first
            .get("index")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        let message = format!(
            "{} of {} iterations failed; the first, number {index}, at step `{}`: {}",
            self.failed,
            self.count,
            text("step"),
            text("message")
        );
        Some(StepError::fatal(text("code"), message))
    }

    /// The output of a parallel step.
    pub(super) fn of_parallel(&self) -> Value {
        json!({
            "results": self.results,
            "errors": self.errors,
            "completedCount": self.finished - self.failed,
        })
    }
}
