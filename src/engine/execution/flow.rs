//! What a run of a flow does beside what every run does: steps are handed what they see of the flow, their results carry its
//! state on, and whoever hears the run is told.
//! Promise: of nodes nothing is told before its commit.

use super::{Execution, Halt};
use crate::engine::prediction::{Flows, Hearing, PredictionEnd, PredictionEvent};
use crate::engine::started_by::StartedBy;
use crate::engine::step;
use crate::model::flow::handed::{handed, updated};
use crate::model::flow::passed::{NodeStatus, content};
use crate::model::flow::sight::{self, Sight};
use crate::model::flow::{ExecutedNode, FlowStep, MAX_VISITS, NodeKind};
use crate::model::plan::{Activation, WaitsFor};
use crate::model::run::{Event, StepError};
use serde_json::{Value, json};
use std::sync::Arc;

/// Who hears the run, and what is told after the next commit.
pub(super) struct Told {
    pub(super) hearing: Arc<Hearing>,
    events: Vec<PredictionEvent>,
    /// What the last node that failed for good said.
    failure: Option<String>,
}

impl Told {
    pub(super) fn new(hearing: Arc<Hearing>) -> Told {
        Told {
            hearing,
            events: Vec::new(),
            failure: None,
        }
    }
}

impl Execution {
    pub(super) fn flow_of(&self, step: Activation) -> Option<&Arc<FlowStep>> {
        self.definition.plan.nodes[step.node].flow.as_ref()
    }

    /// The other flows, as this run may ask them.
    pub(super) fn flows(&self) -> Flows {
        Flows::new(
            self.shared.clone(),
            StartedBy::starter_of(&self.run),
            self.run.depth,
            self.run.top_sequence,
            self.run.summary.id.clone(),
            self.run.summary.workflow_id.clone(),
            &self.input,
        )
    }

    fn sight<'a>(&'a self, step: Activation, now_ms: i64, own: Option<&'a Value>) -> Sight<'a> {
        Sight {
            plan: &self.definition.plan,
            run: &self.state,
            step,
            input: &self.input,
            now_ms,
            own,
        }
    }

    /// What a step of a flow is handed.
    pub(super) fn handed(
        &self,
        step: Activation,
        flow: &FlowStep,
        now_ms: i64,
    ) -> Result<Value, StepError> {
        if self.state.trail().len() >= MAX_VISITS {
            let message = "Maximum iteration limit reached";
            return Err(StepError::fatal("TOO_MANY_NODES", message));
        }
        let node = &self.definition.plan.nodes[step.node];
        handed(node, flow, &self.sight(step, now_ms, None))
            .map_err(|message| StepError::fatal("TEMPLATE", message))
    }

    /// What a step of a flow came to, with the flow's state where the step changes it.
    pub(super) fn with_state(&self, step: Activation, output: Value) -> Result<Value, StepError> {
        let Some(flow) = self.flow_of(step).cloned() else {
            return Ok(output);
        };
        let mut output = match flow.known.kind {
            NodeKind::Iteration => step::flow::collected(&output),
            _ => output,
        };
        if flow.updates.is_none() {
            return Ok(output);
        }
        let now_ms = self.shared.clock.now_ms();
        let own = output.get("output").cloned().unwrap_or_default();
        let state = updated(&flow, &self.sight(step, now_ms, Some(&own)));
        let state = state.map_err(|message| StepError::fatal("TEMPLATE", message))?;
        if let (Some(state), Some(fields)) = (state, output.as_object_mut()) {
            fields.insert("state".to_owned(), Value::Object(state));
        }
        Ok(output)
    }

    /// Keeps what is to be told of an event, which was folded in.
    pub(super) fn keep_told(&mut self, event: &Event) {
        if self.told.is_none() {
            return;
        }
        let new = self.told_of(event);
        let Some(told) = &mut self.told else { return };
        if let Event::StepFailed {
            error,
            retry_at_ms: None,
            ..
        } = event
        {
            told.failure = Some(error.message.clone());
        }
        if let Event::RunFailed { error } = event {
            let message = told.failure.take().unwrap_or_else(|| error.message.clone());
            let end = PredictionEnd::Failed(message);
            told.events.push(PredictionEvent::Ended(end));
        }
        told.events.extend(new);
    }

    fn told_of(&self, event: &Event) -> Vec<PredictionEvent> {
        let plan = &self.definition.plan;
        let node = |step: &str| plan.flow_node(step);
        let began = |node: usize| {
            let node = &plan.nodes[node];
            PredictionEvent::NodeBegan {
                node_id: node.id.clone(),
                label: node.name.clone().unwrap_or_default(),
            }
        };
        match event {
            Event::StepStarted { step, attempt: 1 }
            | Event::StepChild {
                step, attempt: 1, ..
            }
            | Event::StepIterating { step, .. }
            | Event::StepAsked { step, .. } => node(step).map(began).into_iter().collect(),
            Event::StepCompleted { step, .. } => node(step)
                .map(|node| self.told_of_end(node, began(node)))
                .unwrap_or_default(),
            Event::StepFailed {
                step,
                error,
                retry_at_ms: None,
                ..
            } => {
                let more = json!({ "error": error.message });
                let failed = node(step)
                    .and_then(|node| ExecutedNode::new(plan, node, NodeStatus::Failed, more));
                failed.map(ended).into_iter().collect()
            }
            Event::RunCompleted { .. } => {
                let last = self.state.trail().last();
                let json = last.and_then(|last| last.output.pointer("/output/json"));
                let end = PredictionEnd::Completed {
                    text: sight::answer(&self.state),
                    json: json.cloned(),
                };
                vec![PredictionEvent::Ended(end)]
            }
            _ => Vec::new(),
        }
    }

    /// A node has ended well: that it began, where that was not told before; its text, where that is the flow's answer and
    /// was not told as it came; what it came to.
    fn told_of_end(&self, node: usize, began: PredictionEvent) -> Vec<PredictionEvent> {
        let plan = &self.definition.plan;
        let (Some(flow), Some(passed)) = (&plan.nodes[node].flow, self.state.trail().last()) else {
            return Vec::new();
        };
        let mut events = Vec::new();
        if step::flow::is_done_at_once(flow.known.kind) {
            events.push(began);
        }
        let told = self
            .told
            .as_ref()
            .is_some_and(|told| told.hearing.take_told());
        let text = content(&passed.output).filter(|_| flow.is_last && !told);
        events.extend(text.map(PredictionEvent::Token));
        let state = sight::state(&self.state);
        let finished = ExecutedNode::finished(plan, passed, &state);
        events.extend(finished.map(ended));
        events
    }

    /// Tells what was committed.
    pub(super) async fn tell(&mut self) {
        let Some(told) = &mut self.told else { return };
        for event in std::mem::take(&mut told.events) {
            told.hearing.tell(event).await;
        }
    }

    /// The run is left alone: where it waits for somebody, whoever hears it is told what is asked.
    pub(super) async fn tell_stop(&mut self) {
        if self.told.is_none() {
            return;
        }
        let plan = &self.definition.plan;
        let asking = self.state.waiting().find_map(|step| {
            let record = self.state.record(plan, step)?;
            let request = record.request.as_ref()?;
            (record.waits_for == Some(WaitsFor::Answer)).then(|| (step, request.clone()))
        });
        let Some((step, action)) = asking else { return };
        let state = sight::state(&self.state);
        let more = json!({ "output": { "action": &*action }, "state": state });
        let stopped = ExecutedNode::new(plan, step.node, NodeStatus::Stopped, more);
        let text = action.pointer("/data/input").and_then(Value::as_str);
        let end = PredictionEnd::Stopped {
            text: text.unwrap_or_default().to_owned(),
            action: (*action).clone(),
        };
        if let Some(told) = &mut self.told {
            told.events.extend(stopped.map(ended));
            told.events.push(PredictionEvent::Ended(end));
        }
        self.tell().await;
    }

    /// Somebody has said yes or no to a flow's question.
    pub(super) fn flow_answered(
        &mut self,
        step: Activation,
        approved: bool,
        comment: &Value,
    ) -> Result<(), Halt> {
        let record = self.state.record(&self.definition.plan, step);
        let request = record.and_then(|record| record.request.clone());
        let request = request.as_deref().unwrap_or(&Value::Null);
        let done = step::flow::answered(request, approved, comment.as_str());
        self.completed(step, done)
    }
}

fn ended(node: ExecutedNode) -> PredictionEvent {
    PredictionEvent::NodeEnded(Arc::new(node))
}
