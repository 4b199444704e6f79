//! What a run waits for beside time: answers, outcomes that somebody has to tell, the ends of other runs.
//! May not know how answers come in. Promise: what came before the run looked is found.

use super::{Execution, Halt};
use crate::clock::iso_utc;
use crate::engine::step::{self, Done, Question};
use crate::model::plan::{Activation, WaitsFor};
use crate::model::run::{Event, StepError};
use crate::store::{Answer, StoreError};
use serde_json::{Value, json};
use std::sync::Arc;

impl Execution {
    /// The step asks.
    pub(super) fn ask(
        &mut self,
        step: Activation,
        question: Question,
        now_ms: i64,
    ) -> Result<(), Halt> {
        self.has_news = true;
        self.note(&Event::StepAsked {
            step: self.name_of(step),
            until_ms: self.deadline_ms(step, question.timeout_ms, now_ms),
            request: Arc::new(question.request),
        })
    }

    /// When the step will have taken too long: by the limit in its configuration or by its `timeoutMs`, whichever is shorter.
    pub(super) fn deadline_ms(
        &self,
        step: Activation,
        own_ms: Option<i64>,
        now_ms: i64,
    ) -> Option<i64> {
        let timeout_ms = self.definition.plan.nodes[step.node].timeout_ms;
        let timeout_ms = timeout_ms.and_then(|ms| i64::try_from(ms).ok());
        let shortest_ms = [own_ms, timeout_ms].into_iter().flatten().min()?;
        Some(now_ms.saturating_add(shortest_ms))
    }

    /// Takes in what others have said or done meanwhile.
    pub(super) async fn look_around(&mut self) -> Result<(), Halt> {
        let was_told = self.claim.as_ref().is_some_and(|claim| claim.take_news());
        if !std::mem::take(&mut self.has_news) && !was_told {
            return Ok(());
        }
        let waiting: Vec<Activation> = self.state.waiting().collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let sequence = self.run.summary.sequence;
        let answers = self.read(|execution| execution.shared.store.answers(sequence))?;
        for step in waiting {
            let Some(record) = self.state.record(&self.definition.plan, step) else {
                continue;
            };
            let (waits_for, attempt) = (record.waits_for, record.attempts);
            let name = self.name_of(step);
            let answer_to = |attempt: u32| {
                let mut answers = answers.iter();
                answers.find(|answer| answer.step == name && answer.attempt == attempt)
            };
            match waits_for {
                Some(WaitsFor::Answer) => {
                    if let Some(answer) = answer_to(0) {
                        self.answered(step, answer)?;
                    }
                }
                Some(WaitsFor::Outcome) => {
                    if let Some(answer) = answer_to(attempt) {
                        self.outcome_told(step, attempt, answer)?;
                    }
                }
                Some(WaitsFor::Run) => self.look_at_child(step).await?,
                Some(WaitsFor::Time) | None => {}
            }
        }
        Ok(())
    }

    fn answered(&mut self, step: Activation, answer: &Answer) -> Result<(), Halt> {
        let Answer {
            body, by, at_ms, ..
        } = answer;
        let approved = match body["isTimeout"] == Value::Bool(true) {
            true => self.on_timeout(step),
            false => body["approved"].as_bool(),
        };
        let Some(approved) = approved else {
            let (id, attempt) = (self.id_of(step), self.attempts_of(step));
            let message = format!("nobody answered step `{id}` in time");
            return self.failed(step, attempt, StepError::fatal("APPROVAL_TIMEOUT", message));
        };
        if self.flow_of(step).is_some() {
            return self.flow_answered(step, approved, &body["comment"]);
        }
        let output = json!({
            "approved": approved,
            "approvedBy": by,
            "approvedAt": iso_utc(*at_ms),
            "comment": body["comment"],
        });
        self.completed(step, Done { output, way: None })
    }

    /// Nobody has answered in time, which is an answer too: of this one and somebody's own the one that is recorded first
    /// counts, and whoever comes second is told so.
    async fn nobody_answered(&mut self, step: Activation) -> Result<(), Halt> {
        let sequence = self.run.summary.sequence;
        let late = Answer {
            step: self.name_of(step),
            attempt: 0,
            by: "timeout".to_owned(),
            at_ms: self.shared.clock.now_ms(),
            body: json!({ "isTimeout": true, "comment": null }),
        };
        let recorded = self.shared.store.answer(sequence, late.clone()).await;
        let answers = self.read(|execution| {
            recorded?;
            execution.shared.store.answers(sequence)
        })?;
        let first = answers
            .iter()
            .find(|answer| answer.step == late.step && answer.attempt == 0);
        // There is none where the run has ended meanwhile, and then nothing of this is written either.
        self.answered(step, first.unwrap_or(&late))
    }

    /// What a question that nobody answered in time comes to; nothing: the step fails.
    fn on_timeout(&self, step: Activation) -> Option<bool> {
        let record = self.state.record(&self.definition.plan, step)?;
        step::approval::on_timeout(record.request.as_deref()?)
    }

    fn id_of(&self, step: Activation) -> &str {
        &self.definition.plan.nodes[step.node].id
    }

    /// Somebody knows how the attempt ended: it took effect, is to be made again, or has failed.
    fn outcome_told(
        &mut self,
        step: Activation,
        attempt: u32,
        answer: &Answer,
    ) -> Result<(), Halt> {
        let Answer { body, by, .. } = answer;
        if body["isOutcomeTold"] == Value::Bool(true) {
            let output = body["output"].clone();
            return self.completed(step, Done { output, way: None });
        }
        if body["approved"] == Value::Bool(true) {
            return self.note(&Event::StepResumed {
                step: self.name_of(step),
                by: by.clone(),
            });
        }
        let said = body["comment"].as_str().unwrap_or("no comment");
        let message = format!(
            "the server stopped during attempt {attempt}; {by} said that the step has failed: {said}"
        );
        self.failed(step, attempt, StepError::fatal("UNKNOWN_OUTCOME", message))
    }

    /// A step has taken too long: an approval, a run that it waits for, or what is inside of it.
    pub(super) async fn expire(&mut self, step: Activation) -> Result<(), Halt> {
        let Some(record) = self.state.record(&self.definition.plan, step) else {
            return Ok(());
        };
        let (waits_for, attempt) = (record.waits_for, record.attempts);
        if waits_for == Some(WaitsFor::Answer) {
            return self.nobody_answered(step).await;
        }
        if waits_for == Some(WaitsFor::Run) {
            self.cancel_child(step).await?;
        }
        let message = format!("step `{}` took longer than it may", self.id_of(step));
        self.failed(step, attempt, StepError::fatal("TIMEOUT", message))
    }

    /// Reads from the store; a run for which that fails now is looked at again later.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Execution) -> Result<T, StoreError>,
    ) -> Result<T, Halt> {
        read(self).map_err(|error| {
            log::error!("run {} cannot go on now: {error}", self.run.summary.id);
            self.shared.look_again_later(self.run.summary.sequence);
            Halt::Parked
        })
    }
}
