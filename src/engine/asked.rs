//! What all runs ask of somebody, page by page. May not know who may answer what. Promise: a page costs a bounded number of
//! journals and about a second; a run that cannot be read hides no other.

use super::logs::read_aside;
use super::{Engine, EngineError, Pending};
use crate::model::page::{Page, PageRequest};
use crate::model::run::{RunFilter, RunSummary};
use crate::store::AwaitingRun;

/// After so long a page ends with the run that it has come to.
const LOOK_MS: i64 = 1_000;

/// A step that waits for somebody, and its run.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The run.
    pub run: RunSummary,
    /// What is asked.
    pub pending: Pending,
}

impl Engine {
    /// Steps that wait for somebody, those of the newest runs first. A page ends with a whole run: it may hold more than its
    /// limit where that run asks several things, and fewer where runs wait for other runs alone.
    pub async fn asked(
        &self,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<Asked>, EngineError> {
        let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
        let waiting = self.0.store.awaiting_runs(filter, page).await?;
        let engine = self.clone();
        read_aside(move || Ok(engine.asked_by(waiting, limit))).await
    }

    fn asked_by(&self, waiting: Page<AwaitingRun>, limit: usize) -> Page<Asked> {
        let begun_ms = self.0.clock.now_ms();
        let mut items = Vec::new();
        let mut runs = waiting.items.into_iter().peekable();
        while let Some(AwaitingRun {
            summary,
            definition_sequence,
        }) = runs.next()
        {
            match self.asked_by_one(&summary, definition_sequence) {
                Ok(pending) => items.extend(pending.into_iter().map(|pending| Asked {
                    run: summary.clone(),
                    pending,
                })),
                Err(error) => log::error!("what run {} asks cannot be read: {error}", summary.id),
            }
            let is_full = items.len() >= limit;
            let is_late = self.0.clock.now_ms().saturating_sub(begun_ms) > LOOK_MS;
            if runs.peek().is_some() && (is_full || is_late) {
                let next = Some(summary.cursor());
                return Page { items, next };
            }
        }
        let next = waiting.next;
        Page { items, next }
    }

    fn asked_by_one(
        &self,
        run: &RunSummary,
        definition_sequence: i64,
    ) -> Result<Vec<Pending>, EngineError> {
        let workflows = &self.0.workflows;
        let definition = workflows.pinned(&run.workflow_id, definition_sequence)?;
        let state = self.0.folded(&definition, run.sequence)?;
        let waiting = state.waiting();
        Ok(waiting
            .filter_map(|step| self.pending(&run.id, &definition.plan, &state, step))
            .collect())
    }
}
