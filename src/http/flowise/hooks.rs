//! `POST /webhook/:id`: a request of another service starts a flow that begins so, and is answered what the flow answers.
//! May not know how a flow goes on. Promises: nobody starts a flow so who may not ask it; no header that is a credential, and
//! no key, reaches the flow.

use super::chatflows::TAG;
use super::entry::{asks, enter_to_run, refused_origin};
use super::prediction::{Asking, run_whole};
use super::prediction_body::{Asked, mistake};
use super::{Answer, about, worded};
use crate::http::body;
use crate::http::door::Door;
use crate::http::endpoint::{Access, Endpoint};
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::id::{ChatMessageId, WorkflowId};
use crate::model::flow::{PredictionInput, StartKind, WebhookCall};
use crate::model::json::{MAX_DEPTH, depth};
use crate::model::limit::Category;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex};
use warp::http::{HeaderMap, Method, StatusCode, header};

/// The most headers that a flow sees, and the longest value.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 2_048;
/// Headers that no flow sees.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
    "x-auth-token",
];

pub(super) fn endpoints() -> Vec<Endpoint> {
    const HOOK: &str = "/api/v1/webhook/:id";
    let needs = asks(Category::Execute);
    vec![
        Endpoint::unless_open(Door::Flowise, Method::POST, HOOK, needs, receive).described(
            about(TAG, "Start a flow by a request of another service")
                .says(
                    "For flows whose start is a webhook. The answer comes when the flow has ended.",
                )
                .path::<WorkflowId>()
                .takes("JSON, a form, or any other text: `{{$webhook.body}}`.")
                .gives_bare::<Map<String, Value>>(200)
                .may(500, "The flow failed; `message` says how."),
        ),
    ]
}

async fn receive(visit: Arc<Visit>, access: Access) -> Answer {
    let (flow, caller) = match enter_to_run(&visit, access).await? {
        Ok(entered) => entered,
        Err(refused) => return Ok(refused),
    };
    let facts = flow.compiled.flow();
    if facts.is_none_or(|facts| facts.start != StartKind::Webhook) {
        return Err(mistake(format!(
            "This flow is not configured as a Webhook Trigger. Call POST /api/v1/prediction/{} instead.",
            flow.id()
        )));
    }
    if let Some(message) = refused_origin(&visit, &flow.chatbot()) {
        return Err(worded(StatusCode::FORBIDDEN, message));
    }
    let bytes = body::read(&visit, visit.api.options.max_body_bytes, |_| Ok(())).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::invalid("The body is not UTF-8; webhooks of flows take texts."))?;
    let chat_id = ChatMessageId::generate().to_string();
    let input = PredictionInput {
        question: text.to_owned(),
        chatflow_id: flow.id().to_string(),
        session_id: chat_id.clone(),
        chat_id,
        webhook: Some(WebhookCall {
            body: content(&visit.headers, text)?,
            headers: shown(&visit.headers),
            query: query(visit.query()),
        }),
        ..PredictionInput::default()
    };
    let asking = Asking {
        shows_all: caller.may_view(&flow),
        asked: Asked::of_webhook(input),
        visit,
        flow,
        unkept: Mutex::default(),
    };
    run_whole(asking, &caller).await
}

/// What a body says by its type; what is not what it says is a text.
fn content(headers: &HeaderMap, text: &str) -> Result<Value, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|text| text.split(';').next());
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/x-www-form-urlencoded" {
        return Ok(Value::Object(query(text)));
    }
    let is_json = essence == "application/json" || essence.ends_with("+json");
    if !is_json || text.is_empty() {
        return Ok(Value::String(text.to_owned()));
    }
    if depth(text) > MAX_DEPTH {
        return Err(Problem::invalid(format!(
            "The body is nested more than {MAX_DEPTH} levels deep."
        )));
    }
    serde_json::from_str(text)
        .map_err(|error| Problem::invalid(format!("The body is not JSON: {error}.")))
}

fn shown(headers: &HeaderMap) -> Map<String, Value> {
    let told = headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok();
        let value = value.filter(|text| text.len() <= MAX_HEADER_BYTES)?;
        let is_credential = CREDENTIALS.contains(&name.as_str());
        (!is_credential).then(|| (name.as_str().to_owned(), Value::from(value)))
    });
    told.take(MAX_HEADERS).collect()
}

/// The pairs of a query string, but for a key.
fn query(text: &str) -> Map<String, Value> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).unwrap_or_default();
    let told = pairs.into_iter().filter(|(name, _)| name != "apikey");
    told.map(|(name, value)| (name, Value::String(value)))
        .collect()
}
