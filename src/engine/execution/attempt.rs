//! One attempt at one step: its configuration rendered, its work done, its result noted.
//! May not know when results are committed, but for the start of an attempt with effects. Promise: a panic in a step's own
//! code, or in the rendering of its configuration, fails that step and nothing else; what is noted can be read back.

use super::{Execution, Halt};
use crate::engine::redact::Redactor;
use crate::engine::start_trigger::chosen_connection;
use crate::engine::step::{self, Behaviour, Done, Effects};
use crate::model::plan::{NodeIndex, after_failure};
use crate::model::run::{Event, RunStatus, StepError};
use crate::model::template::Scope;
use crate::secret::SecretText;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How much of an output that was too large is kept for people to look at.
const PREVIEW_CHARS: usize = 4_096;
/// How deep an output may be nested. JSON is read back to 128 levels, and a journal and an answer add some of their own.
const MAX_OUTPUT_LEVELS: usize = 100;

impl Execution {
    pub(super) async fn attempt(
        &mut self,
        node: NodeIndex,
        attempt: u32,
        now_ms: i64,
    ) -> Result<(), Halt> {
        let plan_node = &self.definition.plan.nodes[node];
        let Some(step_type) = step::find(plan_node.step_type) else {
            let error = StepError::fatal(
                "INTERNAL",
                format!("there is no step type `{}`", plan_node.step_type),
            );
            return self.failed(node, attempt, error);
        };
        let redactor = Redactor::default();
        let config = match guarded(|| self.render(node, now_ms, &redactor)) {
            Ok(config) => config,
            Err(error) => return self.failed(node, attempt, redactor.error(error)),
        };
        match step_type.behaviour {
            Behaviour::Pure(run) => match guarded(|| run(&config)) {
                Ok(done) => self.completed(node, done),
                Err(error) => self.failed(node, attempt, error),
            },
            Behaviour::Wait(duration) => match guarded(|| duration(&config)) {
                Ok(wait_ms) => {
                    let until_ms = now_ms.saturating_add(wait_ms);
                    self.note(&Event::StepWaiting {
                        step: self.name_of(node),
                        until_ms,
                    })
                }
                Err(error) => self.failed(node, attempt, error),
            },
            Behaviour::Compute(call) => {
                let effects = self.effects(node, now_ms, redactor);
                match self.call_outside(call(&effects, config)).await? {
                    Ok(output) => self.completed(node, Done { output, way: None }),
                    Err(error) => self.failed(node, attempt, error),
                }
            }
            Behaviour::Effect(call) => {
                self.note(&Event::StepStarted {
                    step: self.name_of(node),
                    attempt,
                })?;
                self.commit(self.row(RunStatus::Running)).await?;
                let effects = self.effects(node, now_ms, redactor.clone());
                match self.call_outside(call(&effects, config)).await? {
                    Ok(output) => {
                        let output = redactor.value(output);
                        self.completed(node, Done { output, way: None })
                    }
                    Err(error) => self.failed(node, attempt, redactor.error(error)),
                }
            }
        }
    }

    /// Waits for a call, which keeps to its timeout itself, or for the run's cancel, which drops it.
    async fn call_outside(
        &mut self,
        call: BoxFuture<'_, Result<Value, StepError>>,
    ) -> Result<Result<Value, StepError>, Halt> {
        let call = AssertUnwindSafe(call).catch_unwind();
        let call = async { call.await.unwrap_or_else(|_| Err(panicked())) };
        let Some(claim) = self.claim.as_mut() else {
            return Ok(call.await);
        };
        tokio::select! {
            result = call => Ok(result),
            () = claim.cancelled() => Err(Halt::Over),
        }
    }

    fn effects(&self, node: NodeIndex, now_ms: i64, redactor: Redactor) -> Effects {
        let choice = chosen_connection(&self.run);
        Effects {
            outbound: self.shared.outbound.clone(),
            connections: self
                .shared
                .connections
                .for_attempt(choice, redactor.clone()),
            redactor,
            mailer: self.shared.mailer.clone(),
            agents: self.shared.agents.clone(),
            idempotency_key: format!(
                "{}:{}",
                self.run.root_id, self.definition.plan.nodes[node].id
            ),
            timeout_ms: self.definition.plan.nodes[node].timeout_ms,
            now_ms,
        }
    }

    /// The configuration of a step. `redactor` learns the secrets that it names.
    fn render(
        &self,
        node: NodeIndex,
        now_ms: i64,
        redactor: &Redactor,
    ) -> Result<Value, StepError> {
        let plan = &self.definition.plan;
        let unusable = RefCell::new(None);
        let secret = |name: &str| match self.secret(name) {
            Ok(value) => {
                redactor.learn(value.expose());
                Some(value.expose().to_owned())
            }
            Err(error) => {
                unusable.replace(Some(error));
                None
            }
        };
        let step_output = |id: &str| self.state.output_of(plan, id);
        let scope = Scope {
            input: &self.input,
            trigger: &Value::Null,
            loops: &[],
            secret: &secret,
            approval_url: &|_| None,
            step_output: &step_output,
            variables: &plan.variables,
            env: &self.shared.options.environment,
            now_ms,
            run_id: self.run.summary.id.as_str(),
            run_started_at_ms: self.run.summary.started_at_ms.unwrap_or(now_ms),
        };
        let rendered = plan.nodes[node].config.render(&scope);
        // An empty text in place of a credential would be sent.
        if let Some(error) = unusable.take() {
            return Err(error);
        }
        rendered.map_err(|error| StepError::fatal("TEMPLATE", error.to_string()))
    }

    fn secret(&self, name: &str) -> Result<SecretText, StepError> {
        let workflow = &self.run.summary.workflow_id;
        match self.shared.secrets.value(workflow, name) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(StepError::fatal(
                "SECRET_MISSING",
                format!("the workflow has no secret `{name}` any more"),
            )),
            Err(error) => {
                log::error!("workflow {workflow}: {error}");
                let message =
                    format!("the secret `{name}` cannot be read; the server's log has the cause");
                Err(StepError::transient("INTERNAL", message))
            }
        }
    }

    fn completed(&mut self, node: NodeIndex, done: Done) -> Result<(), Halt> {
        let max_bytes = self.shared.options.max_output_bytes;
        let output = Arc::new(cut_to(done.output, max_bytes));
        self.note(&Event::StepCompleted {
            step: self.name_of(node),
            output,
            way: done.way,
        })
    }

    fn failed(&mut self, node: NodeIndex, attempt: u32, error: StepError) -> Result<(), Halt> {
        let random = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0);
        let failed_before = self.state.record(node).map_or(0, |record| record.failures);
        let plan_node = &self.definition.plan.nodes[node];
        let event = after_failure(
            plan_node,
            attempt,
            failed_before,
            error,
            self.shared.clock.now_ms(),
            random,
        );
        self.note(&event)
    }
}

/// Runs a step's own code so that a panic in it fails the step and nothing else.
fn guarded<T>(run: impl FnOnce() -> Result<T, StepError>) -> Result<T, StepError> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> StepError {
    StepError::fatal(
        "INTERNAL",
        "the step's own code panicked; the server's log has the place",
    )
}

/// An output that is too large or too deep is replaced by a mark with its size and its beginning.
fn cut_to(output: Value, max_bytes: usize) -> Value {
    let small = matches!(&output, Value::Null | Value::Bool(_) | Value::Number(_));
    if small {
        return output;
    }
    let text = output.to_string();
    if text.len() <= max_bytes && !is_deeper(&output, MAX_OUTPUT_LEVELS) {
        return output;
    }
    let preview: String = text
        .chars()
        .take(PREVIEW_CHARS.min(max_bytes / 2))
        .collect();
    json!({ "truncated": true, "sizeBytes": text.len(), "preview": preview })
}

/// Whether arrays and objects are nested deeper than so many levels. Looks no further than that.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else {
        return matches!(value, Value::Array(_) | Value::Object(_));
    };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, below)),
        Value::Object(fields) => fields.values().any(|field| is_deeper(field, below)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_output_is_cut_with_a_mark_and_a_small_one_is_not() {
        let large = json!({ "text": "ä".repeat(5_000) });
        let cut = cut_to(large.clone(), 1_000);
        assert_eq!(cut["truncated"], json!(true));
        assert_eq!(cut["sizeBytes"], json!(large.to_string().len()));
        assert_eq!(cut_to(large.clone(), 1 << 20), large);
    }

    #[test]
    fn a_deep_output_is_cut_where_a_journal_could_not_be_read_again() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let kept = nested(MAX_OUTPUT_LEVELS);
        assert_eq!(cut_to(kept.clone(), 1_000), kept);
        let cut = cut_to(nested(MAX_OUTPUT_LEVELS + 1), 1_000);
        assert_eq!(cut["truncated"], json!(true));
    }
}
