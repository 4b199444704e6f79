//! A run that was asked for, before anything has happened: how it looks, and when two requests are the same.
//! May not know how runs begin.

use super::start_trigger::chosen_in;
use super::{Engine, EngineError, RunRequest};
use crate::id::RunId;
use crate::model::run::{Run, RunStatus, RunSummary};
use crate::store::{Idempotency, NewRun};
use serde_json::Value;

/// How long an idempotency key holds.
const IDEMPOTENCY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What was decided of a run before it is started.
pub(super) struct As {
    /// Its id.
    pub(super) id: RunId,
    /// How many runs stand above it.
    pub(super) depth: u32,
    /// The uppermost of those: its row number.
    pub(super) top_sequence: Option<i64>,
    /// Of a flow that a flow has asked: the run where its calls count.
    pub(super) flow_root: Option<i64>,
    /// How many runs above it keep their slot while they wait for what comes of it.
    pub(super) waiting_above: u32,
}

impl As {
    /// A new run, above which no other stands.
    pub(super) fn first() -> As {
        As {
            id: RunId::generate(),
            depth: 0,
            top_sequence: None,
            flow_root: None,
            waiting_above: 0,
        }
    }
}

impl Engine {
    /// The idempotency key that a run was started with, for as long as it holds.
    pub fn idempotency_key_of(&self, run: &RunSummary) -> Result<Option<String>, EngineError> {
        let expires_at_ms = run.created_at_ms.saturating_add(IDEMPOTENCY_MS);
        let store = &self.0.store;
        Ok(store.idempotency_key(run.sequence, expires_at_ms)?)
    }
}

/// Tells requests apart that use the same idempotency key: by the input, and by the connection where the caller chose one.
fn digest(request: &RunRequest, input: &Value) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(input.to_string().as_bytes());
    let trigger = &request.trigger;
    if let Some(choice) = chosen_in(trigger.kind, trigger.data.as_deref()) {
        // No JSON text has a zero byte.
        hasher.update(b"\0").update(choice.as_str().as_bytes());
    }
    if let Some(sent) = &request.sent {
        hasher
            .update(b"\0\0")
            .update(sent.definition.body.to_string().as_bytes());
    }
    hasher.finalize().into()
}

pub(super) fn idempotency(request: &RunRequest, input: &Value, now_ms: i64) -> Option<Idempotency> {
    request.idempotency_key.as_ref().map(|key| Idempotency {
        key: key.clone(),
        request_digest: digest(request, input),
        expires_at_ms: now_ms.saturating_add(IDEMPOTENCY_MS),
    })
}

/// How a requested run looks before anything has happened. In a box: it is handed from task to task.
pub(super) fn requested_run(id: &RunId, request: &RunRequest, now_ms: i64) -> Box<Run> {
    let workflow = &request.workflow.workflow;
    Box::new(Run {
        summary: RunSummary {
            sequence: 0,
            id: id.clone(),
            workflow_id: workflow.id.clone(),
            workflow_version: workflow.version,
            status: RunStatus::Pending,
            trigger: request.trigger.kind,
            error: None,
            retry_of: None,
            created_at_ms: now_ms,
            started_at_ms: None,
            finished_at_ms: None,
        },
        workflow_name: workflow.name.clone(),
        definition_sequence: workflow.definition_sequence,
        has_own_definition: request.sent.is_some(),
        root_id: id.clone(),
        started_by: Some(request.by.label.clone()),
        account: request.by.account.clone(),
        parent_sequence: None,
        depth: 0,
        top_sequence: None,
        trigger_data: request.trigger.data.clone(),
        input: request.input.clone(),
        output: None,
    })
}

/// In a box: it is handed on until it is on disk.
pub(super) fn new_run(run: &Run, workflow_sequence: i64) -> Box<NewRun> {
    Box::new(NewRun {
        id: run.summary.id.clone(),
        workflow_sequence,
        workflow_version: run.summary.workflow_version,
        definition_sequence: run.definition_sequence,
        has_own_definition: run.has_own_definition,
        own_definition: None,
        trigger: run.summary.trigger,
        started_by: run.started_by.clone(),
        account: run.account.clone(),
        root_id: run.root_id.clone(),
        retry_of: run.summary.retry_of.clone(),
        parent_sequence: run.parent_sequence,
        depth: run.depth,
        top_sequence: run.top_sequence,
        flow_root: None,
        max_below_top: u32::MAX,
        trigger_data: run.trigger_data.clone(),
        input: run.input.clone(),
        created_at_ms: run.summary.created_at_ms,
        idempotency: None,
        fire: None,
        charge: None,
        first: None,
    })
}

/// The retry of a run; the same key is the same retry of the same run.
pub(super) fn retried_run(
    run: &Run,
    workflow: i64,
    idempotency_key: Option<String>,
    now_ms: i64,
) -> Box<NewRun> {
    let of = run.summary.retry_of.as_ref().map_or("", RunId::as_str);
    let mut retried = new_run(run, workflow);
    retried.idempotency = idempotency_key.map(|key| Idempotency {
        key,
        request_digest: *blake3::hash(of.as_bytes()).as_bytes(),
        expires_at_ms: now_ms.saturating_add(IDEMPOTENCY_MS),
    });
    retried
}
