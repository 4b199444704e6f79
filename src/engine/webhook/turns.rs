//! Turns of the runs that an event starts: each has its places before it is recorded, as every run. May not know events.
//! Promises: a run whose turn it is does its first pure stretch at once, and that shares the commit of the event; one that
//! was not recorded gives its places back and never goes on; one that was is driven in its turn.

use super::delivery::{Delivery, Plan};
use super::{EngineError, Shared};
use crate::engine::admission::Entry;
use crate::engine::driving::Driving;
use crate::engine::execution::{Recipient, handover};
use crate::engine::launch::{Start, skipped};
use crate::engine::start::Telling;
use crate::id::RunId;
use crate::store::{Fate, NewDelivery, NewRun};
use std::sync::Arc;

/// A run that has entered.
enum Entered {
    /// It never begins: its workflow skips it.
    Skipped(Box<NewRun>),
    /// It waits for its places.
    Queued(Box<NewRun>, Driving),
    /// It has begun. What is to be recorded of it comes from whoever drives it.
    Begun(Recipient),
}

/// A run until it is known whether it was recorded.
struct Turn {
    run: RunId,
    going: Going,
}

enum Going {
    /// It is driven, and waits to be recorded.
    On(Recipient),
    /// It is read back when it has its places.
    Queued(Driving),
}

/// The turns of all runs of one event. Dropped, they are given back.
pub(super) struct Turns(Vec<Turn>);

impl Turns {
    /// Lets every run enter that is to be started, and begin if it is its turn. Gives what is to be recorded.
    pub(super) async fn take(
        shared: &Arc<Shared>,
        deliveries: Vec<Delivery>,
        now_ms: i64,
    ) -> Result<(Turns, Vec<NewDelivery>), EngineError> {
        // First let all of them in, so that those that begin go on side by side.
        let mut entered = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let fate = match delivery.plan {
                Plan::Drop(outcome, detail) => Err(Fate::Drop(outcome, Some(detail))),
                Plan::Start { start, memory } => Ok((enter(shared, *start, now_ms)?, memory)),
            };
            entered.push((delivery.workflow_sequence, fate));
        }
        let (mut turns, mut recordable) = (Vec::new(), Vec::with_capacity(entered.len()));
        for (workflow_sequence, fate) in entered {
            let fate = match fate {
                Err(dropped) => dropped,
                Ok((entered, memory)) => {
                    let (run, going) = entered.recordable().await?;
                    turns.extend(going.map(|going| Turn {
                        run: run.id.clone(),
                        going,
                    }));
                    Fate::Start { run, memory }
                }
            };
            recordable.push(NewDelivery {
                workflow_sequence,
                fate,
            });
        }
        Ok((Turns(turns), recordable))
    }

    /// The event was recorded with these runs and their row numbers; the others have come to nothing.
    pub(super) fn go(self, shared: &Arc<Shared>, started: &[(RunId, i64)]) {
        for turn in self.0 {
            let Some((run, sequence)) = started.iter().find(|(run, _)| *run == turn.run) else {
                continue;
            };
            match turn.going {
                Going::On(recipient) => recipient.recorded(*sequence),
                Going::Queued(driving) => {
                    shared.run_recorded(run, *sequence);
                    driving.queue();
                }
            }
        }
    }
}

fn enter(shared: &Arc<Shared>, start: Start, now_ms: i64) -> Result<Entered, EngineError> {
    shared.keep_time();
    let run = &start.new_run.id;
    let entry = shared.admission.enter(run, &start.demand);
    let driving = match entry {
        Entry::Skipped => {
            let mut new_run = start.new_run;
            new_run.first = Some(skipped(now_ms)?);
            new_run.charge = None;
            return Ok(Entered::Skipped(Box::new(new_run)));
        }
        Entry::Queued | Entry::Admitted => Driving::new(shared, run.clone()),
    };
    if entry == Entry::Queued {
        return Ok(Entered::Queued(Box::new(start.new_run), driving));
    }
    let (handover, recipient) = handover();
    let execution = start.execution(shared.clone(), Telling::default())?;
    tokio::spawn(driving.drive(execution.handed_over(handover)));
    Ok(Entered::Begun(recipient))
}

impl Entered {
    /// What is to be recorded of the run, and how it goes on.
    async fn recordable(self) -> Result<(Box<NewRun>, Option<Going>), EngineError> {
        let mut recipient = match self {
            Entered::Skipped(run) => return Ok((run, None)),
            Entered::Queued(run, driving) => return Ok((run, Some(Going::Queued(driving)))),
            Entered::Begun(recipient) => recipient,
        };
        let run = recipient.run().await.ok_or_else(|| {
            EngineError::Internal("the run's task ended before the run was recorded".to_owned())
        })?;
        Ok((Box::new(run), Some(Going::On(recipient))))
    }
}
