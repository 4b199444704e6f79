//! One attempt at one step: its configuration rendered, its work done, its result noted.
//! May not know when results are committed, but for the start of an attempt with effects. Promise: a panic in a step's own
//! code, or in the rendering of its configuration, fails that step and nothing else; what is noted can be read back.

use super::flights::{Flight, Landed};
use super::{Execution, Halt};
use crate::engine::redact::Redactor;
use crate::engine::start_trigger::chosen_connection;
use crate::engine::step::{self, Behaviour, Effects, Given};
use crate::engine::webhook::raw_body;
use crate::model::json::json_bytes;
use crate::model::plan::{Activation, FrameId, wired_config};
use crate::model::run::{Event, RunStatus, StepError};
use crate::model::template::{LoopScope, Scope, SecretName, Template};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Execution {
    pub(super) async fn attempt(
        &mut self,
        step: Activation,
        attempt: u32,
        now_ms: i64,
    ) -> Result<(), Halt> {
        let plan_node = &self.definition.plan.nodes[step.node];
        let Some(behaviour) = step::behaviour(plan_node.step_type) else {
            let message = format!("there is no step type `{}`", plan_node.step_type);
            return self.failed(step, attempt, StepError::fatal("INTERNAL", message));
        };
        let redactor = Redactor::default();
        let config = match self.config_with_secrets(step, now_ms, &redactor) {
            Ok(config) => config,
            Err(error) => return self.failed(step, attempt, redactor.error(error)),
        };
        let noted = match behaviour {
            Behaviour::Pure(run) => guarded(|| run(&config)).map(|done| self.completed(step, done)),
            Behaviour::Bounded(run) => {
                let max_bytes = self.shared.options.max_output_bytes;
                guarded(|| run(&config, max_bytes)).map(|done| self.completed(step, done))
            }
            Behaviour::Wait(duration) => guarded(|| duration(&config)).map(|wait_ms| {
                self.note(&Event::StepWaiting {
                    step: self.name_of(step),
                    until_ms: now_ms.saturating_add(wait_ms),
                })
            }),
            Behaviour::Ask(question) => {
                let question = guarded(|| question(&config));
                let question = question.and_then(|question| {
                    self.check_room(step, json_bytes(&question.request))?;
                    Ok(question)
                });
                question.map(|question| self.ask(step, question, now_ms))
            }
            Behaviour::Iterate(round) => {
                let round = guarded(|| round(&config)).and_then(|round| self.checked(step, round));
                round.map(|round| self.iterate(step, round, now_ms))
            }
            Behaviour::Child(request) => match guarded(|| request(&config)) {
                Ok(request) => return self.begin_child(step, attempt, request, now_ms).await,
                Err(error) => Err(error),
            },
            Behaviour::Compute(call) => {
                let mut flight = flight(call, self.effects(step, now_ms, redactor), config);
                // What is there at once shares the next commit, as what pure steps do.
                match (&mut flight).now_or_never() {
                    Some(result) => result.map(|given| self.gave(step, given)),
                    None => {
                        self.flights.take_off(step, attempt, flight);
                        Ok(Ok(()))
                    }
                }
            }
            Behaviour::Effect(call) => {
                let flight = flight(call, self.effects(step, now_ms, redactor), config);
                Ok(self.start(step, attempt, flight))
            }
            Behaviour::Converse(call) => {
                let flight = flight(call, self.effects(step, now_ms, redactor), config);
                Ok(self.start(step, attempt, flight))
            }
        };
        match noted {
            Ok(noted) => noted,
            Err(error) => self.failed(step, attempt, error),
        }
    }

    /// Notes that the attempt begins; what it does outside follows after the commit.
    fn start(&mut self, step: Activation, attempt: u32, flight: Flight) -> Result<(), Halt> {
        self.flights.will_depart(step, attempt, flight);
        self.note(&Event::StepStarted {
            step: self.name_of(step),
            attempt,
        })
    }

    /// Commits the starts of what is about to be done outside, and does it.
    pub(super) async fn depart(&mut self) -> Result<(), Halt> {
        if self.flights.has_departing() {
            self.commit(self.row(RunStatus::Running)).await?;
            self.flights.depart();
        }
        Ok(())
    }

    /// Notes how an attempt ended. Of a step that was dropped meanwhile nothing is noted.
    pub(super) fn land(&mut self, landed: Landed) -> Result<(), Halt> {
        let Landed {
            step,
            attempt,
            result,
        } = landed;
        if !self.state.is_open(&self.definition.plan, step) {
            return Ok(());
        }
        match result {
            Ok(given) => self.gave(step, given),
            Err(error) => self.failed(step, attempt, error),
        }
    }

    /// Drops what is being done for steps that are not open any more, here and in the runs that they have waited for.
    pub(super) fn drop_closed(&mut self) {
        let (plan, state) = (&self.definition.plan, &self.state);
        self.flights.keep(|step| state.is_open(plan, step));
        self.drop_children();
    }

    fn effects(&self, step: Activation, now_ms: i64, redactor: Redactor) -> Effects {
        let (choice, learning) = (chosen_connection(&self.run), redactor.clone());
        Effects {
            outbound: self.shared.outbound.clone(),
            tables: self.shared.tables.clone(),
            connections: self.shared.connections.for_attempt(choice, learning),
            redactor,
            scripts: self.shared.scripts.clone(),
            mailer: self.shared.mailer.clone(),
            agents: self.shared.agents.clone(),
            backends: self.shared.backends.clone(),
            flows: self.flow_of(step).map(|_| self.flows()),
            hearing: self.told.as_ref().map(|told| told.hearing.clone()),
            idempotency_key: format!("{}:{}", self.run.root_id, self.name_of(step)),
            timeout_ms: self.definition.plan.nodes[step.node].timeout_ms,
            now_ms,
        }
    }

    /// The step's configuration with its templates replaced, secrets empty; of a graph's node with its inputs.
    pub(super) fn config_of(&self, step: Activation, now_ms: i64) -> Result<Value, StepError> {
        let plan = &self.definition.plan;
        if let Some(flow) = self.flow_of(step) {
            return self.handed(step, flow, now_ms);
        }
        match wired_config(plan, &self.state, step, &self.input) {
            Ok(Some(config)) => return Ok(config),
            Ok(None) => {}
            Err(error) => {
                let message = format!("step `{}`: {error}", plan.nodes[step.node].id);
                return Err(StepError::fatal("INPUT_LIMIT", message));
            }
        }
        let loops = self.state.loops_around(plan, step.frame);
        let config = &plan.nodes[step.node].config;
        self.render(config, step.frame, &loops, &|_| None, now_ms)
    }

    /// A template as the steps of a frame see it.
    pub(super) fn render(
        &self,
        template: &Template,
        frame: FrameId,
        loops: &[LoopScope<'_>],
        secret: &dyn Fn(&SecretName) -> Option<String>,
        now_ms: i64,
    ) -> Result<Value, StepError> {
        let plan = &self.definition.plan;
        let scope = Scope {
            input: &self.input,
            trigger: &|| self.trigger(),
            loops,
            step_output: &|id| self.state.output_of(plan, frame, id),
            secret,
            raw_body: &|| raw_body::of(&self.run),
            variables: &plan.variables,
            env: &self.shared.options.environment,
            now_ms,
            run_id: self.run.summary.id.as_str(),
            run_started_at_ms: self.run.summary.started_at_ms.unwrap_or(now_ms),
        };
        guarded(|| {
            template
                .render(&scope)
                .map_err(|error| StepError::fatal("TEMPLATE", error.to_string()))
        })
    }
}

/// A step's own work, which keeps to its timeout itself. A panic in it fails the step. What it gives holds no secret that it
/// has used.
fn flight<T: Into<Given> + Send + 'static>(
    call: for<'a> fn(&'a Effects, Value) -> BoxFuture<'a, Result<T, StepError>>,
    effects: Effects,
    config: Value,
) -> Flight {
    let redactor = effects.redactor.clone();
    let work = async move {
        let Given { output, logs, way } = call(&effects, config).await?.into();
        let secrets = &effects.redactor;
        Ok(Given {
            output: secrets.value(output).await,
            logs: match logs {
                Some(logs) => Some(secrets.value(logs).await),
                None => None,
            },
            way,
        })
    };
    let work = AssertUnwindSafe(work).catch_unwind();
    Box::pin(async move {
        let given = work.await.unwrap_or_else(|_| Err(panicked()));
        given.map_err(|error| redactor.error(error))
    })
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
