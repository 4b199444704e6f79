//! Turns of the runs that an event starts: each has its places before it is recorded, as every run. May not know events.
//! Promise: a run that was not recorded gives its places back, and one that was is driven in its turn.

use super::{EngineError, Shared, Target};
use crate::engine::admission::Entry;
use crate::engine::driving::{Asking, Driving};
use crate::engine::launch::skipped;
use crate::id::RunId;
use crate::model::run::TriggerType;
use crate::store::{Fate, NewDelivery};
use std::sync::Arc;

/// A run that has entered, until it is known whether it was recorded.
struct Turn {
    run: RunId,
    entry: Entry,
    driving: Driving,
}

/// The turns of all runs of one event. Dropped, they are given back.
pub(super) struct Turns(Vec<Turn>);

impl Turns {
    /// Lets every run enter that is to be started. One that its workflow skips is to be recorded as such.
    pub(super) fn take(
        shared: &Arc<Shared>,
        targets: &[Target],
        deliveries: &mut [NewDelivery],
        now_ms: i64,
    ) -> Result<Turns, EngineError> {
        let mut turns = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let workflow = delivery.workflow_sequence;
            let target = targets
                .iter()
                .find(|target| target.workflow.sequence == workflow);
            let (Fate::Start { run, .. }, Some(target)) = (&mut delivery.fate, target) else {
                continue;
            };
            let asking = Asking {
                started_by: run.started_by.as_deref(),
                trigger: TriggerType::Webhook,
                parent_sequence: None,
            };
            let demand = shared.demand(&asking, target)?;
            let entry = shared.admission.enter(&run.id, &demand);
            if entry == Entry::Skipped {
                run.first = Some(skipped(now_ms)?);
                continue;
            }
            turns.push(Turn {
                run: run.id.clone(),
                entry,
                driving: Driving::new(shared, run.id.clone()),
            });
        }
        Ok(Turns(turns))
    }

    /// The event was recorded with these runs and their row numbers; the others have come to nothing.
    pub(super) fn go(self, shared: &Arc<Shared>, started: &[(RunId, i64)]) {
        shared.keep_time();
        for turn in self.0 {
            let Some((run, sequence)) = started.iter().find(|(run, _)| *run == turn.run) else {
                continue;
            };
            shared.run_recorded(run, *sequence);
            if turn.entry == Entry::Admitted {
                tokio::spawn(turn.driving.drive_recorded(*sequence));
            } else {
                turn.driving.queue();
            }
        }
    }
}
