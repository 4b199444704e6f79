//! `POST /webhooks/<provider>/<path or workflow id>`, also with one segment between them that says nothing: requests of other
//! services. Nobody has a key here; the engine finds out whom to believe. Promises: an address has its limit, all bodies
//! together have theirs, and a refusal says nothing of what was sent. Answers are bare, without the native envelope.

use super::address_limits::{AddressCategory, within_address_limit};
use super::body;
use super::describe::{Description, Word, about};
use super::door::Door;
use super::endpoint::Endpoint;
use super::front::json_type;
use super::native::{message, status_and_code};
use super::problem::Problem;
use super::visit::Visit;
use crate::engine::{WebhookAnswer, WebhookError, WebhookRequest};
use crate::id::{EventId, RunId};
use crate::model::json::ParsedSize;
use crate::model::trigger::webhook::{Disbelief, Provider};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json as example;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use warp::http::{Method, StatusCode, header};
use warp::reply::Response;

/// How many bodies of the largest size may be in memory at once.
const BODIES_AT_ONCE: usize = 16;
/// The values of all bodies take at most so many times the largest size: a body of small values takes a multiple of its length.
const VALUES_AT_ONCE: usize = 48;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::unkeyed(
            Door::Webhook,
            Method::POST,
            "/webhooks/:provider/:path",
            |visit| receive(visit, 1),
        )
        .described(
            description("Take an event of another service")
                .path::<Word>()
                .path::<Word>(),
        ),
        Endpoint::unkeyed(
            Door::Webhook,
            Method::POST,
            "/webhooks/:provider/:id/:path",
            |visit| receive(visit, 2),
        )
        .described(
            description("Take an event of another service at a longer path")
                .path::<Word>()
                .path::<Word>()
                .path::<Word>(),
        ),
    ]
}

/// What both paths take and give.
fn description(summary: &'static str) -> Description {
    about("Webhooks", summary)
        .says(
            "Starts a run of every active workflow whose trigger has this provider and path (or whose id is the path) and \
             believes the request by its signature. The answer comes when the event and its runs are on disk. `:id` of the \
             longer path says nothing. Slack's challenges are answered with the challenge.",
        )
        .takes("The event, as the provider sends and signs it: JSON, a form, other text or bytes.")
        .gives_bare::<TakenView<'_>>(200)
        .may(401, "The signature is missing, wrong or too old.")
        .may(409, "A workflow behind the path cannot check or take it; `error` says why.")
        .may(413, "The body is larger than the setting `max_webhook_bytes`.")
        .limits_addresses("Over the limit of the address (setting `limit_webhook`).")
        .may(503, "Nothing was written; it may be sent again after `Retry-After` seconds.")
        .refuses_with::<RefusedView<'_>>(
            |code, message| example!({ "received": false, "error": message, "code": code }),
        )
}

/// Bounds of what comes in without a key.
#[derive(Default)]
pub struct Ingestion {
    /// Bytes of bodies that are being read or recorded.
    held_bytes: AtomicUsize,
    /// What the values in them take that are being parsed or recorded.
    value_bytes: AtomicUsize,
}

/// The bytes of one body, or of its values, given back when it is dropped.
struct Held<'a> {
    all: &'a AtomicUsize,
    bytes: usize,
    most: usize,
}

impl Held<'_> {
    fn more(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let before = self.all.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.most {
            return Err(Problem::Unavailable(
                "Too much is coming in at once. Send it again in a moment.".to_owned(),
            ));
        }
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The bare answer to a request that was taken.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "WebhookTaken")]
enum TakenView<'a> {
    Received(ReceivedView<'a>),
    /// Slack's challenge, given back under the name that it came with.
    Challenge(BTreeMap<&'a str, &'a str>),
}

/// An event was taken.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "WebhookReceived")]
struct ReceivedView<'a> {
    /// Always true.
    received: bool,
    /// The event, for `GET /api/v1/webhooks/events/:id`.
    event_id: &'a EventId,
    /// How many runs this request has started.
    workflows_triggered: usize,
    /// Only there, and true, when the same event had come before.
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate: Option<bool>,
    /// With `duplicate`: the runs that the event started when it came first.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_ids: Option<&'a [RunId]>,
}

/// The bare answer to a request that was not taken.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WebhookRefused")]
struct RefusedView<'a> {
    /// Always false.
    #[schemars(extend("const" = false))]
    received: bool,
    /// One sentence.
    error: &'a str,
    /// A word for programs.
    code: &'a str,
}

async fn receive(visit: Arc<Visit>, path_at: usize) -> Result<Response, Problem> {
    within_address_limit(&visit, AddressCategory::Webhook)?;
    let engine = &visit.api.engine;
    let provider = Provider::named(visit.parameter(0)).ok_or(Problem::NotFound("webhook"))?;
    let path = visit.parameter(path_at).to_owned();
    // Before the body: who calls a path that leads nowhere shall not fill the memory.
    let behind = engine.behind(provider, &path)?;
    let behind = behind.ok_or(Problem::NotFound("webhook"))?;
    let most = visit.api.options.max_webhook_bytes;
    let mut held = Held {
        all: &visit.api.ingestion.held_bytes,
        bytes: 0,
        most: most.saturating_mul(BODIES_AT_ONCE),
    };
    let mut size = ParsedSize::default();
    let hold = |piece: &[u8]| {
        size.add(piece);
        held.more(piece.len())
    };
    let body = body::read(&visit, most, hold).await?;
    let values = hold_values(&visit, size.bytes())?;
    let headers = visit.headers.iter();
    let request = WebhookRequest {
        provider,
        path,
        method: visit.method.as_str().to_owned(),
        url: called_url(&visit),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body,
    };
    let answer = engine.receive(request, behind).await;
    drop((held, values));
    if let Err(WebhookError::Disbelieved(reason)) = &answer {
        let reason = match reason {
            Disbelief::Unsigned => "webhook_unsigned",
            Disbelief::WrongSignature => "webhook_signature",
            Disbelief::WrongTime => "webhook_time",
        };
        visit
            .api
            .keyring
            .note_refusal(reason, None, visit.peer.address);
    }
    let answer = answer?;
    visit.api.keyring.note_webhook();
    respond(&answer)
}

/// Room for the values of a body, before it is parsed.
fn hold_values(visit: &Visit, bytes: usize) -> Result<Held<'_>, Problem> {
    let most = visit.api.options.max_webhook_bytes;
    let mut held = Held {
        all: &visit.api.ingestion.value_bytes,
        bytes: 0,
        most: most.saturating_mul(VALUES_AT_ONCE),
    };
    if bytes > held.most {
        return Err(Problem::invalid(format!(
            "The body holds too many values: they would take {bytes} bytes of memory, more than {}. Send it in parts, or \
             raise the setting `max_webhook_bytes`.",
            held.most
        )));
    }
    held.more(bytes)?;
    Ok(held)
}

/// The URL as the sender knows it: some sign it.
fn called_url(visit: &Visit) -> String {
    let path = visit
        .uri
        .path_and_query()
        .map_or(visit.uri.path(), |path| path.as_str());
    match &visit.api.options.public_url {
        Some(origin) => format!("{origin}{path}"),
        None => {
            let host = visit
                .headers
                .get(header::HOST)
                .and_then(|host| host.to_str().ok());
            format!("https://{}{path}", host.unwrap_or_default())
        }
    }
}

fn respond(answer: &WebhookAnswer) -> Result<Response, Problem> {
    let view = match answer {
        WebhookAnswer::Received { event, runs } => TakenView::Received(ReceivedView {
            received: true,
            event_id: event,
            workflows_triggered: *runs,
            duplicate: None,
            run_ids: None,
        }),
        WebhookAnswer::Duplicate { event, runs } => TakenView::Received(ReceivedView {
            received: true,
            event_id: event,
            workflows_triggered: 0,
            duplicate: Some(true),
            run_ids: Some(runs),
        }),
        WebhookAnswer::Challenge { field, text } => {
            TakenView::Challenge(BTreeMap::from([(*field, text.as_str())]))
        }
    };
    json(StatusCode::OK, &view)
}

fn json(status: StatusCode, view: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(view).map_err(|error| Problem::internal(&error))?;
    let mut response = Response::new(bytes::Bytes::from(body).into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, json_type());
    Ok(response)
}

/// A refusal in this door's words.
pub(super) fn render(problem: &Problem, visit: &Visit) -> Response {
    let (status, code) = status_and_code(problem);
    let sentence = match problem {
        Problem::NotFound(_) => "There is no webhook here.".to_owned(),
        problem => message(problem, visit),
    };
    let view = RefusedView {
        received: false,
        error: &sentence,
        code,
    };
    // Texts alone always become JSON.
    json(status, &view).unwrap_or_default()
}
