//! Turns of the runs that an event starts: each has its places before it is recorded, as every run. May not know events.
//! Promises: a run whose turn it is does its first pure stretch at once, and that shares the commit of the event; one that
//! was not recorded gives its places back and never goes on; one that was is driven in its turn. An event's only run needs no
//! task of its own when it ends at once; several begin side by side, and none waits for more of another one than that stretch.

use super::delivery::{Delivery, Plan};
use super::{EngineError, Shared};
use crate::engine::admission::Entry;
use crate::engine::driving::Driving;
use crate::engine::execution::{Recipient, handover};
use crate::engine::launch::{Start, skipped};
use crate::engine::start::Telling;
use crate::id::RunId;
use crate::store::{Fate, NewDelivery, NewRun};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// A run that has entered.
enum Entered {
    /// It never begins: its workflow skips it.
    Skipped(Box<NewRun>),
    /// It waits for its places.
    Queued(Box<NewRun>, Driving),
    /// It has begun.
    Begun(Begun),
}

/// A run that has begun and is not recorded: what is to be recorded of it comes out of driving it. Dropped, it goes on: with its
/// number, or to learn that it has none and come to nothing.
struct Begun {
    recipient: Option<Recipient>,
    /// `None` where a task of its own drives it, and once it has come to its end.
    driving: Option<BoxFuture<'static, ()>>,
    /// Whether it is over with what is to be recorded.
    ends_at_once: bool,
}

impl Begun {
    /// What is to be recorded; `None` when the run has ended before it came to that.
    async fn run(&mut self) -> Option<Box<NewRun>> {
        let recipient = self.recipient.as_mut()?;
        let run = match self.driving.as_mut() {
            None => recipient.run().await,
            Some(driving) => tokio::select! {
                biased;
                () = driving => None,
                run = recipient.run() => run,
            },
        };
        match &run {
            Some(run) => {
                let first = run.first.as_ref();
                self.ends_at_once = first.is_some_and(|chunk| chunk.row.status.is_final());
            }
            None => self.driving = None,
        }
        run
    }

    /// The run is recorded under this number.
    fn recorded(mut self, sequence: i64) {
        if let Some(recipient) = self.recipient.take() {
            recipient.recorded(sequence);
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.recipient = None;
        let Some(mut driving) = self.driving.take() else {
            return;
        };
        if !self.ends_at_once || (&mut driving).now_or_never().is_none() {
            tokio::spawn(driving);
        }
    }
}

/// A run until it is known whether it was recorded.
struct Turn {
    run: RunId,
    going: Going,
}

enum Going {
    /// It waits to be recorded.
    On(Begun),
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
        // First let all of them in, so that what those that begin wait for is waited for side by side.
        let is_only_one = deliveries.len() == 1;
        let mut entered = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let fate = match delivery.plan {
                Plan::Drop(outcome, detail) => Err(Fate::Drop(outcome, Some(detail))),
                Plan::Start { start, memory } => {
                    Ok((enter(shared, *start, is_only_one, now_ms)?, memory))
                }
            };
            entered.push((delivery.workflow_sequence, fate));
        }
        let coming = entered
            .into_iter()
            .map(|(workflow_sequence, fate)| async move {
                let (fate, turn) = match fate {
                    Err(dropped) => (dropped, None),
                    Ok((entered, memory)) => {
                        let (run, going) = entered.recordable().await?;
                        let id = run.id.clone();
                        let turn = going.map(|going| Turn { run: id, going });
                        (Fate::Start { run, memory }, turn)
                    }
                };
                let delivery = NewDelivery {
                    workflow_sequence,
                    fate,
                };
                Ok::<_, EngineError>((delivery, turn))
            });
        let (recordable, turns): (Vec<_>, Vec<_>) = try_join_all(coming).await?.into_iter().unzip();
        let turns = turns.into_iter().flatten().collect();
        Ok((Turns(turns), recordable))
    }

    /// The event was recorded with these runs and their row numbers; the others have come to nothing.
    pub(super) fn go(self, shared: &Arc<Shared>, started: &[(RunId, i64)]) {
        for turn in self.0 {
            let Some((run, sequence)) = started.iter().find(|(run, _)| *run == turn.run) else {
                continue;
            };
            match turn.going {
                Going::On(begun) => begun.recorded(*sequence),
                Going::Queued(driving) => {
                    shared.run_recorded(run, *sequence);
                    driving.queue();
                }
            }
        }
    }
}

/// Lets a run enter. Whoever is not alone is driven by a task of its own.
fn enter(
    shared: &Arc<Shared>,
    start: Start,
    is_only_one: bool,
    now_ms: i64,
) -> Result<Entered, EngineError> {
    shared.keep_time();
    let run = &start.new_run.id;
    let entry = shared.admission.enter(run, &start.demand);
    let driving = match entry {
        Entry::Skipped => {
            let mut new_run = start.new_run;
            new_run.first = Some(skipped(now_ms)?);
            new_run.charge = None;
            return Ok(Entered::Skipped(new_run));
        }
        Entry::Queued | Entry::Admitted => Driving::new(shared, run.clone()),
    };
    if entry == Entry::Queued {
        return Ok(Entered::Queued(start.new_run, driving));
    }
    let (handover, recipient) = handover();
    let execution = start.execution(shared.clone(), Telling::default())?;
    // Its panic is its own, as in a task.
    let driving = AssertUnwindSafe(driving.drive(execution.handed_over(handover)))
        .catch_unwind()
        .map(drop);
    let driving = match is_only_one {
        true => Some(driving.boxed()),
        false => {
            tokio::spawn(driving);
            None
        }
    };
    Ok(Entered::Begun(Begun {
        recipient: Some(recipient),
        driving,
        ends_at_once: false,
    }))
}

impl Entered {
    /// What is to be recorded of the run, and how it goes on.
    async fn recordable(self) -> Result<(Box<NewRun>, Option<Going>), EngineError> {
        let mut begun = match self {
            Entered::Skipped(run) => return Ok((run, None)),
            Entered::Queued(run, driving) => return Ok((run, Some(Going::Queued(driving)))),
            Entered::Begun(begun) => begun,
        };
        let run = begun.run().await.ok_or_else(|| {
            EngineError::Internal("the run ended before it was recorded".to_owned())
        })?;
        Ok((run, Some(Going::On(begun))))
    }
}
