//! The clock as a trigger: starts runs when their schedules are due.
//! May not know how times are computed or logged. Promises: a time of a schedule starts one run at most, and its log, the
//! schedule's next time and the run are one commit; a time is missed when it is found a minute late or later, and then it
//! is as the schedule says: logged and skipped, or made up for by one run for all of them.

use super::driving::Asking;
use super::launch::Start;
use super::requested::{new_run, requested_run};
use super::start::{RunRequest, Wait};
use super::start_trigger::StartTrigger;
use super::started_by::StartedBy;
use super::{Engine, EngineError, Shared};
use crate::clock::iso_utc;
use crate::id::RunId;
use crate::model::plan::in_words;
use crate::model::run::TriggerType;
use crate::model::trigger::{FiringOutcome, MissedFires};
use crate::store::{DueSchedule, Fire, StoreError};
use futures_util::future::join_all;
use serde_json::{Value, json, value::to_raw_value};
use std::sync::Arc;

/// A time that is found so late was missed.
const MISSED_AFTER_MS: i64 = 60_000;
/// A clock that shows so much less than before was set back.
const SET_BACK_MS: i64 = 60_000;
/// How often the clock is looked at, whatever it shows.
const LOOK_EVERY_MS: u64 = 60_000;
/// How many schedules are served side by side; they share a commit.
const SIDE_BY_SIDE: u32 = 64;
/// How far missed times are counted.
const MISSED_COUNTED: u32 = 1_000;
/// How long to wait when the store cannot write.
const RETRY_MS: u64 = 1_000;
/// The longest error that is logged, in characters.
const MAX_ERROR_CHARS: usize = 1_000;

/// Serves schedules as they come due, until the engine stops.
pub(super) async fn run(shared: Arc<Shared>) {
    let engine = Engine(shared.clone());
    let mut stopping = shared.stopping.subscribe();
    let mut seen_ms = None;
    loop {
        let next_ms = engine.serve_schedules(&mut seen_ms).await;
        let (next_ms, look_ms) = match next_ms {
            Ok(next_ms) => (next_ms.unwrap_or(i64::MAX), LOOK_EVERY_MS),
            Err(StoreError::Closed) => return,
            Err(error) => {
                log::warn!("schedules: {error}; trying again");
                (i64::MAX, RETRY_MS)
            }
        };
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            () = shared.workflows.changed() => {}
            () = shared.clock.sleep_until(next_ms) => {}
            () = shared.clock.sleep_ms(look_ms) => {}
        }
    }
}

impl Engine {
    /// Serves every schedule that is due. Gives when the next one is.
    async fn serve_schedules(&self, seen_ms: &mut Option<i64>) -> Result<Option<i64>, StoreError> {
        let store = &self.0.store;
        let now_ms = self.0.clock.now_ms();
        // What the clock did while nothing ran is not known, so a start counts as if it had been set back.
        if seen_ms.is_none_or(|seen_ms| now_ms < seen_ms - SET_BACK_MS) {
            store.bring_schedules_forward(now_ms).await?;
        }
        *seen_ms = Some(now_ms);
        while !self.0.is_stopping() {
            let due = store.due_schedules(now_ms, SIDE_BY_SIDE)?;
            if due.is_empty() {
                break;
            }
            for served in join_all(due.iter().map(|due| self.serve(due, now_ms))).await {
                served?;
            }
            // Whoever is in the middle of changing a workflow comes to its end.
            tokio::task::yield_now().await;
        }
        store.next_fire_ms()
    }

    async fn serve(&self, due: &DueSchedule, now_ms: i64) -> Result<(), StoreError> {
        let fire = decide(due, now_ms);
        if fire.outcome != FiringOutcome::Started {
            return self.0.store.log_firing(fire).await;
        }
        if self
            .0
            .store
            .has_fired(due.workflow_sequence, fire.scheduled_at_ms)?
        {
            let (workflow, next_ms) = (due.workflow_sequence, fire.next_fire_ms);
            return self.0.store.pass_over(workflow, due.due_ms, next_ms).await;
        }
        let failure = match self.start_scheduled(due, fire.clone()).await {
            // Where the workflow was changed meanwhile, its schedule is due at another time, or is looked at again.
            Ok(()) | Err(EngineError::WorkflowChanged | EngineError::Stopping) => return Ok(()),
            Err(EngineError::Store(error @ (StoreError::NotCommitted(_) | StoreError::Closed))) => {
                return Err(error);
            }
            Err(error) => error,
        };
        let text = match failure {
            EngineError::BadInput(problems) => format!(
                "the input of a scheduled run does not fit the inputSchema: {}",
                in_words(&problems)
            ),
            other => other.to_string(),
        };
        log::warn!("schedule of workflow {}: {text}", due.workflow_id);
        let failed = Fire {
            outcome: FiringOutcome::Failed,
            error: Some(text.chars().take(MAX_ERROR_CHARS).collect()),
            ..fire
        };
        self.0.store.log_firing(failed).await
    }

    async fn start_scheduled(&self, due: &DueSchedule, fire: Fire) -> Result<(), EngineError> {
        let Some(workflow) = self.0.workflows.get(&due.workflow_id)? else {
            return Err(EngineError::WorkflowChanged);
        };
        let mut data = json!({
            "scheduledAt": iso_utc(fire.scheduled_at_ms),
            "firedAt": iso_utc(fire.fired_at_ms),
            "nextRunAt": fire.next_fire_ms.map(iso_utc),
            "runCount": due.run_count.saturating_add(1),
        });
        let input = data.clone();
        workflow
            .definition
            .check_input(&input)
            .map_err(EngineError::BadInput)?;
        if let Value::Object(fields) = &mut data {
            fields.insert("missed".to_owned(), json!(fire.missed));
        }
        let raw = |value: &Value| {
            to_raw_value(value).map_err(|error| EngineError::Internal(error.to_string()))
        };
        let request = RunRequest {
            input: raw(&input)?,
            idempotency_key: None,
            by: StartedBy::schedule(),
            trigger: StartTrigger {
                kind: TriggerType::Schedule,
                data: Some(raw(&data)?),
            },
            sent: None,
            workflow,
        };
        let mut run = requested_run(&RunId::generate(), &request, fire.fired_at_ms);
        let plan = &request.workflow.definition.plan;
        let input = (self.0).tell_flow(plan, due.workflow_sequence, &mut run, input)?;
        let mut new_run = new_run(&run, due.workflow_sequence);
        new_run.fire = Some(fire);
        new_run.charge = self.0.charge(plan, &[])?;
        let start = Start {
            demand: self.0.demand(&Asking::of(&run), &request.workflow)?,
            definition: request.workflow.definition.clone(),
            finished_steps: Vec::new(),
            input,
            run,
            new_run,
        };
        self.launch(start, Wait::No).await.map(drop)
    }
}

/// What becomes of a schedule that is due: the time that came is served; times that were missed are skipped, or made up
/// for by the run of the time that is due now, where there is one, else by a run of their own.
fn decide(due: &DueSchedule, now_ms: i64) -> Fire {
    let schedule = due.schedule.as_ref();
    let next_ms = |after_ms| schedule?.next_fire_ms(due.anchor_ms, after_ms);
    let fire = |scheduled_at_ms, missed, outcome| Fire {
        workflow_sequence: due.workflow_sequence,
        due_ms: due.due_ms,
        next_fire_ms: next_ms(scheduled_at_ms),
        scheduled_at_ms,
        fired_at_ms: now_ms,
        missed,
        outcome,
        error: None,
    };
    let Some(schedule) = schedule else {
        let error = "its trigger is not accepted any more; save the workflow with another one";
        return Fire {
            error: Some(error.to_owned()),
            ..fire(due.due_ms, 0, FiringOutcome::Failed)
        };
    };
    let missed_until_ms = now_ms.saturating_sub(MISSED_AFTER_MS);
    if due.due_ms > missed_until_ms {
        return fire(due.due_ms, 0, FiringOutcome::Started);
    }
    let passed = schedule.passed(due.anchor_ms, due.due_ms, missed_until_ms, MISSED_COUNTED);
    match schedule.missed_fires {
        MissedFires::Skip => fire(passed.last_ms, passed.count, FiringOutcome::SkippedMissed),
        MissedFires::Once => {
            let on_time_ms = next_ms(passed.last_ms).filter(|next_ms| *next_ms <= now_ms);
            let served_ms = on_time_ms.unwrap_or(passed.last_ms);
            fire(served_ms, passed.count, FiringOutcome::Started)
        }
    }
}
