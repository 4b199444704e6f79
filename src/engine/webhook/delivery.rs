//! What becomes of a request at each workflow: the run that it starts, or why it starts none. May not know signatures.
//! Promise: a run sees the headers that its own trigger shows, and nothing else of the request's head.

use super::belief::Believer;
use super::raw_body;
use super::{EngineError, Shared, Target, WebhookRequest};
use crate::clock::iso_utc;
use crate::engine::driving::Asking;
use crate::engine::launch::Start;
use crate::engine::requested::{new_run, requested_run};
use crate::engine::{RunRequest, StartTrigger, StartedBy};
use crate::id::{EventId, RunId};
use crate::model::event::DeliveryOutcome;
use crate::model::plan::in_words;
use crate::model::run::TriggerType;
use crate::model::trigger::webhook::{Content, WebhookTrigger};
use crate::store::NewEvent;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The most headers that are kept of a request, and the longest value.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 2_048;
/// How much is kept of why an input does not fit.
const MAX_DETAIL_CHARS: usize = 1_000;

/// An event and what is to become of it.
pub(super) struct Recordable {
    pub(super) event: NewEvent,
    pub(super) deliveries: Vec<Delivery>,
}

/// An event on its way to one workflow.
pub(super) struct Delivery {
    pub(super) workflow_sequence: i64,
    pub(super) plan: Plan,
}

/// What is to become of an event at one workflow.
pub(super) enum Plan {
    /// It starts this run, unless it is remembered.
    Start {
        start: Box<Start>,
        /// Under what it is remembered, and until when.
        memory: Option<(String, i64)>,
    },
    /// It starts none: why, and a sentence.
    Drop(DeliveryOutcome, String),
}

/// Headers that may be shown, by their names.
type Shown<'a> = BTreeMap<&'a str, Cow<'a, str>>;

/// What a request says, read as one trigger reads it.
pub(super) struct Facts<'a> {
    trigger: &'a WebhookTrigger,
    types: Vec<String>,
    external_id: Option<String>,
    headers: Shown<'a>,
}

/// Where an event comes from.
pub(super) struct Origin<'a> {
    pub(super) event: &'a EventId,
    pub(super) path: &'a str,
    pub(super) verified: bool,
    pub(super) by: &'a StartedBy,
    pub(super) received_at_ms: i64,
    pub(super) now_ms: i64,
}

impl<'a> Facts<'a> {
    pub(super) fn of(
        trigger: &'a WebhookTrigger,
        headers: &[(&'a str, &'a [u8])],
        body: &serde_json::Value,
    ) -> Facts<'a> {
        Facts {
            trigger,
            types: trigger.names.types(headers, body),
            external_id: trigger.names.id(headers, body),
            headers: shown(headers, |name| trigger.shows(name)),
        }
    }
}

/// A request and what was found in it.
pub(super) struct Seen<'a> {
    pub(super) request: &'a WebhookRequest,
    pub(super) headers: &'a [(&'a str, &'a [u8])],
    pub(super) content: &'a Content,
    pub(super) targets: &'a [Target],
    pub(super) now_ms: i64,
}

/// Everything that is written of a request.
pub(super) fn recordable(
    shared: &Shared,
    seen: &Seen<'_>,
    believers: &[Believer<'_>],
    id: EventId,
) -> Result<Recordable, EngineError> {
    let Seen {
        request,
        headers,
        content,
        now_ms,
        ..
    } = *seen;
    let verified = believers.iter().any(|believer| believer.signed.is_some());
    let shown = shown(headers, |name| {
        believers
            .iter()
            .any(|believer| believer.trigger.shows(name))
            && !seen.targets.iter().any(|target| signs_with(target, name))
    });
    let mut event = NewEvent {
        provider: request.provider.name.to_owned(),
        path: request.path.clone(),
        received_at_ms: now_ms,
        event_type: None,
        external_id: None,
        verified,
        headers: json_of(&shown)?,
        body: request.body.clone(),
        id,
    };
    let by = StartedBy::webhook();
    let mut deliveries = Vec::with_capacity(believers.len());
    for believer in believers {
        let facts = Facts::of(believer.trigger, headers, &content.value);
        event.event_type = event.event_type.or(facts.types.first().cloned());
        event.external_id = event.external_id.or(facts.external_id.clone());
        let fingerprint = believer
            .signed
            .as_ref()
            .and_then(|signed| signed.fingerprint.as_ref());
        // What has no id of its own is told apart by what was signed, where that has a moment in it.
        let memory = match (&facts.external_id, fingerprint) {
            (Some(id), _) => Some(format!("id:{id}")),
            (None, Some(fingerprint)) => Some(format!("signed:{fingerprint}")),
            (None, None) => None,
        };
        let until_ms = now_ms.saturating_add(believer.trigger.remembered_ms());
        let origin = Origin {
            event: &event.id,
            path: &request.path,
            verified: believer.signed.is_some(),
            by: &by,
            received_at_ms: now_ms,
            now_ms,
        };
        let memory = memory.map(|id| (id, until_ms));
        let target = believer.target;
        deliveries.push(deliver(shared, target, &facts, content, &origin, memory)?);
    }
    Ok(Recordable { event, deliveries })
}

fn signs_with(target: &Target, header: &str) -> bool {
    super::trigger_of(target).and_then(WebhookTrigger::signature_header) == Some(header)
}

/// What becomes of an event at one workflow.
pub(super) fn deliver(
    shared: &Shared,
    target: &Target,
    facts: &Facts<'_>,
    content: &Content,
    origin: &Origin<'_>,
    memory: Option<(String, i64)>,
) -> Result<Delivery, EngineError> {
    let workflow_sequence = target.workflow.sequence;
    let drop = |outcome, detail: String| Delivery {
        workflow_sequence,
        plan: Plan::Drop(outcome, detail),
    };
    if !facts.trigger.wants(&facts.types) {
        let detail = match facts.types.first() {
            Some(word) => format!("the workflow does not want events of type {word}"),
            None => "the request does not say which event it is".to_owned(),
        };
        return Ok(drop(DeliveryOutcome::Filtered, detail));
    }
    if let Err(problems) = target.definition.check_input(&content.value) {
        let detail = in_words(&problems).chars().take(MAX_DETAIL_CHARS).collect();
        return Ok(drop(DeliveryOutcome::InputInvalid, detail));
    }
    let names = target.definition.plan.secret_names();
    let unset = shared.secrets.missing(&target.workflow, names)?;
    if !unset.is_empty() {
        let detail = format!(
            "the workflow's steps name secrets that are not set: {}",
            unset.join(", ")
        );
        return Ok(drop(DeliveryOutcome::SecretMissing, detail));
    }
    let request = RunRequest {
        workflow: target.clone(),
        input: content.input.clone(),
        idempotency_key: None,
        by: origin.by.clone(),
        trigger: StartTrigger {
            kind: TriggerType::Webhook,
            // Without the body: that is the run's input, and need not be on disk twice.
            data: Some(json_of(&TriggerData::of(facts, content, origin))?),
        },
        sent: None,
    };
    let mut run = requested_run(&RunId::generate(), &request, origin.now_ms);
    let plan = &target.definition.plan;
    let input = shared.tell_flow(plan, workflow_sequence, &mut run, content.value.clone())?;
    let mut new_run = new_run(&run, workflow_sequence);
    // Its sender has no balance here, and could do nothing but send again.
    new_run.charge = shared.charge_regardless(&target.definition.plan);
    let start = Start {
        demand: shared.demand(&Asking::of(&run), target)?,
        new_run,
        definition: target.definition.clone(),
        finished_steps: Vec::new(),
        input,
        run,
    };
    Ok(Delivery {
        workflow_sequence,
        plan: Plan::Start {
            start: Box::new(start),
            memory,
        },
    })
}

/// What a run is told of the request beside its input.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TriggerData<'a> {
    r#type: TriggerType,
    provider: &'a str,
    path: &'a str,
    event: Option<&'a str>,
    event_id: &'a EventId,
    external_id: Option<&'a str>,
    verified: bool,
    received_at: String,
    headers: &'a Shown<'a>,
    #[serde(flatten)]
    raw_body: raw_body::Note<'a>,
}

impl<'a> TriggerData<'a> {
    fn of(facts: &'a Facts<'_>, content: &'a Content, origin: &'a Origin<'_>) -> TriggerData<'a> {
        TriggerData {
            r#type: TriggerType::Webhook,
            provider: facts.trigger.provider.name,
            path: origin.path,
            event: facts.types.first().map(String::as_str),
            event_id: origin.event,
            external_id: facts.external_id.as_deref(),
            verified: origin.verified,
            received_at: iso_utc(origin.received_at_ms),
            headers: &facts.headers,
            raw_body: raw_body::Note::of(&content.raw),
        }
    }
}

fn json_of(value: &impl Serialize) -> Result<Box<RawValue>, EngineError> {
    to_raw_value(value).map_err(|error| EngineError::Internal(error.to_string()))
}

/// The headers that may be shown; one that was sent several times has its values joined.
fn shown<'a>(headers: &[(&'a str, &'a [u8])], shows: impl Fn(&str) -> bool) -> Shown<'a> {
    let mut kept = Shown::new();
    for &(name, value) in headers.iter().filter(|(name, _)| shows(name)) {
        let Ok(value) = std::str::from_utf8(value) else {
            continue;
        };
        let has_room = kept.len() < MAX_HEADERS && value.len() <= MAX_HEADER_BYTES;
        match kept.get_mut(name) {
            Some(known) if known.len() + value.len() < MAX_HEADER_BYTES => {
                let known = known.to_mut();
                known.push_str(", ");
                known.push_str(value);
            }
            None if has_room => {
                kept.insert(name, Cow::Borrowed(value));
            }
            _ => {}
        }
    }
    kept
}
