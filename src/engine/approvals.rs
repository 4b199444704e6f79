//! Steps that wait for somebody: approvals, and attempts of which nobody knows how they ended.
//! May not know how an answer comes in. Promises: a step is answered once; an answer that is told as recorded is acted on,
//! also after a crash, also when the step does not wait yet and when its time is over meanwhile; a link answers the one step that it was made for, and one that
//! was made for nothing costs no read.

use super::logs::read_aside;
use super::workflows::CompiledDefinition;
use super::{Engine, EngineError};
use crate::id::RunId;
use crate::model::plan::{Activation, Kind, Plan, RunState, WaitsFor};
use crate::model::run::Run;
use crate::store::{Answer, Edit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use subtle::ConstantTimeEq as _;

/// The longest comment, in characters.
pub const MAX_COMMENT_CHARS: usize = 10_000;

/// How many bytes of a link sign the step: 128 bits.
const STEP_BYTES: usize = 16;
/// How many sign the run alone: 96 bits, which are checked before anything is read.
const RUN_BYTES: usize = 12;
/// How many letters those are in a link.
const RUN_CHARS: usize = RUN_BYTES / 3 * 4;

/// The links through which approvals are answered without a key.
pub(super) struct Links {
    key: [u8; 32],
    /// What stands before `/approvals/…`; known when the server listens.
    base_url: OnceLock<String>,
}

impl Links {
    pub(super) fn new(key: &[u8; 32]) -> Links {
        Links {
            key: *key,
            base_url: OnceLock::new(),
        }
    }

    /// The signature of one approval of one run: that of the run, and that of the step.
    pub(super) fn token(&self, run: &RunId, step: &str) -> String {
        let mut signed = self.signed::<STEP_BYTES>(&[run.as_str(), step]);
        signed.insert_str(0, &self.of_run(run));
        signed
    }

    fn of_run(&self, run: &RunId) -> String {
        self.signed::<RUN_BYTES>(&[run.as_str()])
    }

    fn signed<const BYTES: usize>(&self, parts: &[&str]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in parts {
            hasher.update(part.as_bytes());
            hasher.update(&[0]);
        }
        let mut signature = [0; BYTES];
        hasher.finalize_xof().fill(&mut signature);
        URL_SAFE_NO_PAD.encode(signature)
    }

    /// The link; a path alone as long as the server does not listen.
    pub(super) fn url(&self, run: &RunId, step: &str) -> String {
        let base = self.base_url.get().map_or("", String::as_str);
        format!("{base}/approvals/{run}/{}", self.token(run, step))
    }

    fn is_of(&self, token: &str, run: &RunId, step: &str) -> bool {
        is_same(&self.token(run, step), token)
    }

    /// Whether the link is one of the run's, whichever step it is for.
    fn is_of_run(&self, token: &str, run: &RunId) -> bool {
        let signed = token.get(..RUN_CHARS);
        signed.is_some_and(|signed| is_same(&self.of_run(run), signed))
    }
}

fn is_same(signature: &str, given: &str) -> bool {
    signature.as_bytes().ct_eq(given.as_bytes()).into()
}

/// A step that waits for somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// The activation, as the journal names it.
    pub step: String,
    /// The step's id in the definition.
    pub step_id: String,
    /// Whether it is an approval; else it asks how an attempt ended.
    pub is_approval: bool,
    /// The attempt whose outcome is unknown; 0 for an approval.
    pub attempt: u32,
    /// What is asked.
    pub request: Value,
    /// When its first attempt began, in milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
    /// When it has taken too long, in milliseconds since the Unix epoch.
    pub until_ms: Option<i64>,
    /// The link that answers it without a key; only of approvals.
    pub url: Option<String>,
}

/// What somebody says to a step that waits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    /// Of an approval: yes or no. Of an unknown outcome: try again, or the step has failed.
    pub approved: bool,
    /// In their own words.
    pub comment: Option<String>,
    /// Of an unknown outcome: the attempt took effect, and this is the step's output.
    pub output: Option<Value>,
}

impl Engine {
    /// Says how the server is reached, for links.
    pub fn set_base_url(&self, base_url: &str) {
        drop(self.0.links.base_url.set(base_url.to_owned()));
    }

    /// How the server is reached: a URL without a slash at its end; empty before it is served.
    pub fn base_url(&self) -> &str {
        self.0.links.base_url.get().map_or("", String::as_str)
    }

    /// Every step of a run that waits for somebody now.
    pub async fn pending_answers(&self, run: &Run) -> Result<Vec<Pending>, EngineError> {
        let (definition, state) = self.folded(run).await?;
        let plan = &definition.plan;
        let waiting = state.waiting();
        Ok(waiting
            .filter_map(|step| self.pending(&run.summary.id, plan, &state, step))
            .collect())
    }

    /// What a step asks; `None`: it waits for nobody.
    pub(super) fn pending(
        &self,
        run: &RunId,
        plan: &Plan,
        state: &RunState,
        step: Activation,
    ) -> Option<Pending> {
        let record = state.record(plan, step)?;
        let node = plan.nodes.get(step.node)?;
        let name = state.name_of(plan, step);
        let is_approval = match record.waits_for? {
            WaitsFor::Answer => true,
            WaitsFor::Outcome => false,
            WaitsFor::Time | WaitsFor::Run => return None,
        };
        Some(Pending {
            step_id: node.id.clone(),
            is_approval,
            attempt: if is_approval { 0 } else { record.attempts },
            request: match &record.request {
                Some(request) => (**request).clone(),
                None => json!({ "reason": format!(
                    "The server stopped during attempt {}; nobody knows whether it took effect.",
                    record.attempts
                ) }),
            },
            since_ms: record.started_at_ms,
            until_ms: record.due_at_ms,
            url: is_approval.then(|| self.0.links.url(run, &name)),
            step: name,
        })
    }

    /// Records the answer to a step (by its id, or by its name in the journal where it is inside of a loop). An answer to
    /// an approval at the top is kept when the step does not wait yet. `Conflict`: it was answered before.
    pub async fn answer(
        &self,
        run: &Run,
        step: &str,
        reply: Reply,
        by: &str,
    ) -> Result<Pending, EngineError> {
        let (definition, state) = self.folded(run).await?;
        let plan = &definition.plan;
        let waiting: Vec<Pending> = state
            .waiting()
            .filter_map(|waiting| self.pending(&run.summary.id, plan, &state, waiting))
            .filter(|pending| pending.step == step || pending.step_id == step)
            .collect();
        let pending = match waiting.as_slice() {
            [one] => one.clone(),
            [] => self.to_come(run, plan, &state, step)?,
            [one, ..] => {
                return Err(EngineError::Conflict(format!(
                    "{} iterations of step `{step}` wait; say which one, as in `\"step\": \"{}\"`",
                    waiting.len(),
                    one.step
                )));
            }
        };
        if reply.output.is_some() && pending.is_approval {
            return Err(EngineError::Conflict(format!(
                "step `{step}` is an approval; `output` is for a step whose outcome is unknown"
            )));
        }
        self.record_answer(run, &pending, &reply, by).await?;
        Ok(pending)
    }

    /// Whether the link was made for a run, be there such a run or not. Reads nothing.
    pub fn is_link_of(&self, run: &RunId, token: &str) -> bool {
        self.0.links.is_of_run(token, run)
    }

    /// What the link asks. `NotFound`: no approval of this run has this link.
    pub async fn by_link(&self, run: &Run, token: &str) -> Result<Pending, EngineError> {
        let (definition, state) = self.folded(run).await?;
        let plan = &definition.plan;
        let is_its = |step: &str| self.0.links.is_of(token, &run.summary.id, step);
        let waiting = state
            .waiting()
            .filter_map(|step| self.pending(&run.summary.id, plan, &state, step))
            .find(|pending| pending.is_approval && is_its(&pending.step));
        if let Some(pending) = waiting {
            return Ok(pending);
        }
        let mut approvals = plan.nodes.iter().filter(|node| node.kind == Kind::Ask);
        match approvals.find(|node| is_its(&node.id)) {
            Some(node) => self.to_come(run, plan, &state, &node.id),
            None => Err(EngineError::NotFound),
        }
    }

    /// An approval at the top that does not wait yet, or has been answered.
    fn to_come(
        &self,
        run: &Run,
        plan: &Plan,
        state: &RunState,
        step: &str,
    ) -> Result<Pending, EngineError> {
        let mut top = state.top_records(plan);
        let found = top.find(|(node, _)| plan.nodes.get(*node).is_some_and(|node| node.id == step));
        let Some((node, record)) =
            found.and_then(|(node, record)| Some((plan.nodes.get(node)?, record)))
        else {
            return Err(match plan.index_of(step) {
                Some(_) => EngineError::Conflict(format!(
                    "step `{step}` does not wait for an answer now; inside of a loop it can be answered only while it waits"
                )),
                None => EngineError::NotFound,
            });
        };
        if node.kind != Kind::Ask {
            return Err(EngineError::Conflict(format!(
                "step `{step}` does not wait for an answer; it is {}",
                record.status.as_str()
            )));
        }
        if record.status.is_settled() || run.summary.status.is_final() {
            return Err(EngineError::Conflict(format!(
                "step `{step}` is over: it is {}, and the run is {}",
                record.status.as_str(),
                run.summary.status.as_str()
            )));
        }
        Ok(Pending {
            step: node.id.clone(),
            step_id: node.id.clone(),
            is_approval: true,
            attempt: 0,
            request: Value::Null,
            since_ms: None,
            until_ms: None,
            url: None,
        })
    }

    /// Records the answer to a step that [`Engine::by_link`] gave. `Conflict`: it was answered before.
    pub async fn record_answer(
        &self,
        run: &Run,
        pending: &Pending,
        reply: &Reply,
        by: &str,
    ) -> Result<(), EngineError> {
        let answer = Answer {
            step: pending.step.clone(),
            attempt: pending.attempt,
            by: by.to_owned(),
            at_ms: self.0.clock.now_ms(),
            body: json!({
                "approved": reply.approved, "comment": reply.comment, "output": reply.output,
                "isOutcomeTold": reply.output.is_some(),
            }),
        };
        match self.0.store.answer(run.summary.sequence, answer).await? {
            Edit::Done(()) => {
                self.0.clone().wake(run.summary.sequence, &run.summary.id);
                Ok(())
            }
            Edit::NotFound => Err(EngineError::NotFound),
            Edit::Conflict(reason) => Err(EngineError::Conflict(reason)),
        }
    }

    /// The run as its journal leads to it.
    pub(super) async fn folded(
        &self,
        run: &Run,
    ) -> Result<(Arc<CompiledDefinition>, RunState), EngineError> {
        let summary = &run.summary;
        let definition = self
            .0
            .workflows
            .pinned(&summary.workflow_id, run.definition_sequence)?;
        let (shared, sequence) = (self.0.clone(), summary.sequence);
        read_aside(move || {
            let state = shared.folded(&definition, sequence)?;
            Ok((definition, state))
        })
        .await
    }
}
