//! The secrets that are decrypted already: a webhook's signature is checked with the same one thousands of times a second. May
//! not know the store or the key. Promises: bounded in number, and what was read before a change is not kept after it.

use crate::id::WorkflowId;
use crate::secret::SecretText;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many workflows' secrets are kept; all go when there are more.
const MAX_WORKFLOWS: usize = 1_000;

/// The secrets that were asked for lately.
#[derive(Default)]
pub(super) struct Opened {
    by_workflow: HashMap<WorkflowId, BTreeMap<String, Arc<SecretText>>>,
    /// Rises with every change.
    generation: u64,
}

impl Opened {
    /// The value, or the generation that [`Opened::keep`] is to be told once it is read.
    pub(super) fn find(&self, workflow: &WorkflowId, name: &str) -> Result<Arc<SecretText>, u64> {
        let known = self
            .by_workflow
            .get(workflow)
            .and_then(|values| values.get(name));
        known.cloned().ok_or(self.generation)
    }

    /// Keeps a value that was read since the generation began.
    pub(super) fn keep(
        &mut self,
        generation: u64,
        workflow: &WorkflowId,
        name: &str,
        value: &Arc<SecretText>,
    ) {
        if generation != self.generation {
            return;
        }
        if self.by_workflow.len() >= MAX_WORKFLOWS && !self.by_workflow.contains_key(workflow) {
            self.by_workflow.clear();
        }
        let values = self.by_workflow.entry(workflow.clone()).or_default();
        values.insert(name.to_owned(), value.clone());
    }

    /// A secret of the workflow is another one now, or gone.
    pub(super) fn forget(&mut self, workflow: &WorkflowId) {
        self.generation += 1;
        self.by_workflow.remove(workflow);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let (one, other) = (WorkflowId::generate(), WorkflowId::generate());
        let value = Arc::new(SecretText::new("value".to_owned()));
        let mut opened = Opened::default();
        let generation = opened.find(&one, "A").expect_err("nothing is known");
        opened.keep(generation, &one, "A", &value);
        opened.keep(generation, &other, "A", &value);
        assert!(opened.find(&one, "A").is_ok());
        assert!(opened.find(&one, "B").is_err());
        opened.forget(&one);
        assert!(opened.find(&one, "A").is_err());
        assert!(opened.find(&other, "A").is_ok());
        opened.keep(generation, &one, "A", &value);
        assert!(opened.find(&one, "A").is_err(), "read before the change");
    }

    #[test]
    fn no_more_workflows_are_kept_than_the_bound() {
        let value = Arc::new(SecretText::new("value".to_owned()));
        let mut opened = Opened::default();
        for _ in 0..=MAX_WORKFLOWS {
            opened.keep(0, &WorkflowId::generate(), "A", &value);
            assert!(opened.by_workflow.len() <= MAX_WORKFLOWS);
        }
        assert_eq!(opened.by_workflow.len(), 1);
    }
}
