//! What `{{…}}` stands for, as one step of a run sees it.
//! May not know where references are written. Promise: what a step sees follows from the journal, the run's input and the
//! moment alone.

use super::passed::content;
use super::reference::{Path, Reference};
use super::{NodeKind, passed};
use crate::clock::iso_utc;
use crate::model::plan::{Activation, Plan, RunState};
use serde_json::{Map, Value};

/// What a step sees of its run.
#[derive(Clone, Copy)]
pub struct Sight<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What has happened.
    pub run: &'a RunState,
    /// The step.
    pub step: Activation,
    /// The run's input, see [`PredictionInput`](super::PredictionInput).
    pub input: &'a Value,
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// What the step itself came to, where that is seen.
    pub own: Option<&'a Value>,
}

impl<'a> Sight<'a> {
    /// What a reference stands for; `None`: nobody knows.
    pub fn resolve(&self, reference: &Reference) -> Option<String> {
        match reference {
            Reference::Question => Some(self.text("question").to_owned()),
            Reference::FileAttachment => Some(self.text("fileAttachment").to_owned()),
            Reference::ChatHistory => Some(self.said_before()),
            Reference::MessageCount => Some(self.messages().count().to_string()),
            Reference::LoopCount => Some(self.loop_count().to_string()),
            Reference::Now => Some(iso_utc(self.now_ms)),
            Reference::Form(path) => at(self.input.get("form")?, path).map(shown),
            Reference::Webhook(path) => at(self.input.get("webhook")?, path).map(shown),
            Reference::Variable(path) => at(self.input.get("variables")?, path).map(shown),
            Reference::Flow(path) => self.of_flow(path),
            Reference::Iteration(path) => {
                let loops = self.run.loops_around(self.plan, self.step.frame);
                at(loops.last()?.item?, path).map(shown)
            }
            Reference::Own(path) => self.of_own(path),
            Reference::Node(id, path) => self.of_node(id, path),
        }
    }

    fn text(&self, name: &str) -> &'a str {
        let text = self.input.get(name).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    fn of_flow(&self, path: &Path) -> Option<String> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "state" => {
                let state = Value::Object(self.state());
                at(&state, rest).map(shown)
            }
            "input" => Some(self.text("question").to_owned()),
            name @ ("chatflowId" | "chatId" | "sessionId") => Some(self.text(name).to_owned()),
            _ => None,
        }
    }

    /// `output` is the text that the step came to; `output.x` a part of what it came to, or of its text where that is JSON.
    fn of_own(&self, path: &Path) -> Option<String> {
        let own = self.own?;
        let text = own.get("content");
        if path.is_empty() {
            return Some(shown(text.or(own.pointer("/http/data")).unwrap_or(own)));
        }
        if let Some(part) = at(own, path) {
            return Some(shown(part));
        }
        let text: Value = serde_json::from_str(text?.as_str()?).ok()?;
        at(&text, path).map(shown)
    }

    /// `llm_0` is its text; `llm_0.output.x` a part of what it came to; `llm_0.data.instance` the text of a chain.
    fn of_node(&self, id: &str, path: &Path) -> Option<String> {
        let recorded = self.run.last_passed(self.plan.index_of(id)?)?;
        match path.split_first() {
            None => content(recorded),
            Some((first, rest)) if first == "output" => {
                at(recorded.get("output")?, rest).map(shown)
            }
            Some((first, _)) if first == "data" => content(recorded),
            Some(_) => at(recorded.get("output")?, path).map(shown),
        }
    }

    /// The flow's state now.
    pub fn state(&self) -> Map<String, Value> {
        state(self.run)
    }

    /// What the nodes of this run have said so far.
    pub fn messages(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        let trail = self.run.trail().iter();
        trail
            .filter_map(|passed| passed.output.get("messages")?.as_array())
            .flatten()
    }

    /// What was said in the session before this run, then by this run's nodes: one line each.
    fn said_before(&self) -> String {
        let past = self.input.get("past").and_then(Value::as_array);
        let past = past.map_or(&[][..], Vec::as_slice).iter();
        let lines = past.chain(self.messages()).filter_map(|said| {
            let who = match said.get("role")?.as_str()? {
                "user" => "Human",
                _ => "Assistant",
            };
            Some(format!("{who}: {}", said.get("content")?.as_str()?))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// How often the loop that went back most often has done so.
    fn loop_count(&self) -> u32 {
        let loops = self.plan.nodes.iter().enumerate().filter(|(_, node)| {
            let flow = node.flow.as_ref();
            flow.is_some_and(|flow| flow.known.kind == NodeKind::Loop)
        });
        let counts = loops.map(|(node, _)| {
            let step = Activation { node, ..self.step };
            self.run.visits(self.plan, step)
        });
        counts.max().unwrap_or_default()
    }

    /// Whether no model was asked in this run before.
    pub fn is_first_model(&self) -> bool {
        !self.run.trail().iter().any(|passed| {
            let flow = self
                .plan
                .nodes
                .get(passed.node)
                .and_then(|node| node.flow.as_ref());
            flow.is_some_and(|flow| flow.known.kind.asks_model())
        })
    }
}

/// The state that a run has reached.
pub fn state(run: &RunState) -> Map<String, Value> {
    let mut trail = run.trail().iter().rev();
    let found = trail.find_map(|passed| passed.output.get("state")?.as_object());
    found.cloned().unwrap_or_default()
}

/// The text that a run has come to: that of its last node; one space where it has none, as Flowise's clients know it.
pub fn answer(run: &RunState) -> String {
    let last = run.trail().last();
    let text = last.and_then(|last| passed::content(&last.output));
    text.filter(|text| !text.is_empty())
        .unwrap_or_else(|| " ".to_owned())
}

/// What a path leads to.
pub fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, part| match value {
        Value::Object(fields) => fields.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A text as it is, anything else as JSON.
pub fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
