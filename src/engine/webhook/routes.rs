//! Where the paths of webhooks lead, as it was found last. May not know the store or requests. Promises: bounded in number, and
//! what was found before a change of a workflow is not used after it.

use super::Target;
use std::collections::HashMap;
use std::sync::Arc;

/// How many paths are kept; all go when there are more.
const MAX_PATHS: usize = 1_000;

/// The paths that were called lately and lead somewhere. A path that leads nowhere is not kept: anybody could send many.
#[derive(Default)]
pub(in crate::engine) struct Routes {
    by_provider: HashMap<&'static str, HashMap<String, Arc<[Target]>>>,
    paths: usize,
    /// Of the workflows, when they were found.
    generation: u64,
}

impl Routes {
    /// What was found behind the path while the workflows were of this generation.
    pub(super) fn find(
        &self,
        generation: u64,
        provider: &'static str,
        path: &str,
    ) -> Option<Arc<[Target]>> {
        if generation != self.generation {
            return None;
        }
        self.by_provider.get(provider)?.get(path).cloned()
    }

    /// Keeps what was looked up after the workflows were of this generation.
    pub(super) fn keep(
        &mut self,
        generation: u64,
        provider: &'static str,
        path: &str,
        targets: &Arc<[Target]>,
    ) {
        if generation < self.generation || targets.is_empty() {
            return;
        }
        if generation > self.generation || self.paths >= MAX_PATHS {
            self.by_provider.clear();
            self.paths = 0;
            self.generation = generation;
        }
        let paths = self.by_provider.entry(provider).or_default();
        if paths.insert(path.to_owned(), targets.clone()).is_none() {
            self.paths += 1;
        }
    }
}
