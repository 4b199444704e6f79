//! How often one prediction calls models and other flows, with every flow that its flows ask.
//! May not know what is called. Promise: a call is counted on disk before it is made, at the run that asks all of them: flows that
//! ask each other come to an end, also over restarts.

use crate::engine::{EngineError, Shared};
use crate::id::RunId;

impl Shared {
    /// Counts a call that this run, which is recorded, is about to make. Gives the row number of the run where it counts.
    /// `Conflict`: there were as many as there may be.
    pub(in crate::engine) async fn count_flow_call(&self, run: &RunId) -> Result<i64, EngineError> {
        let max_calls = self.options.max_flow_calls;
        let counted = self.store.count_flow_call(run.clone(), max_calls).await?;
        counted.ok_or_else(|| {
            EngineError::Conflict(format!(
                "{max_calls} calls of models and of other flows were made for this question, and no further one may be (setting `max_flow_calls`): let loops and agents end sooner, or raise it"
            ))
        })
    }
}
