//! The workflows that are compiled already. May not know the store. Promise: bounded in bytes, and what was read before a change
//! is not kept after it.

use super::CompiledWorkflow;
use crate::id::WorkflowId;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How many bytes of definitions the cache keeps, counted by their JSON and the
/// regular expressions of their schemas.
const CACHE_BYTES: usize = 16 << 20;

/// The workflows that were asked for last.
#[derive(Default)]
pub(super) struct Cache {
    pub(super) by_id: HashMap<WorkflowId, Arc<CompiledWorkflow>>,
    order: VecDeque<WorkflowId>,
    bytes: usize,
    /// Rises with every change, so that what was read before one is not kept after it.
    pub(super) generation: u64,
}

impl Cache {
    pub(super) fn keep(&mut self, generation: u64, compiled: &Arc<CompiledWorkflow>) {
        let id = compiled.workflow.id.clone();
        if generation != self.generation || self.by_id.contains_key(&id) {
            return;
        }
        self.bytes += compiled.weight_bytes;
        self.order.push_back(id.clone());
        self.by_id.insert(id, compiled.clone());
        while self.bytes > CACHE_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.forget(&oldest);
        }
    }

    pub(super) fn drop_one(&mut self, id: &WorkflowId) {
        self.generation += 1;
        self.forget(id);
        self.order.retain(|kept| kept != id);
    }

    fn forget(&mut self, id: &WorkflowId) {
        if let Some(gone) = self.by_id.remove(id) {
            self.bytes -= gone.weight_bytes;
        }
    }
}
