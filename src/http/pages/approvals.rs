//! `/approvals/<run>/<signature>`: the link through which somebody without a key answers one approval, once.
//! May not know how an answer reaches the run. Promises: looking changes nothing (mail programs open links); a link answers
//! the one step that it was made for; a wrong one says the same whatever it misses, is counted by address, and audited.

use super::{MessagePage, page};
use crate::clock::iso_utc;
use crate::engine::{EngineError, MAX_COMMENT_CHARS, Pending, Reply};
use crate::http::address_limits::{AddressCategory, within_address_limit};
use crate::http::body::form;
use crate::http::describe::{Description, Word, about};
use crate::http::door::Door;
use crate::http::endpoint::Endpoint;
use crate::http::html;
use crate::http::problem::Problem;
use crate::http::visit::Visit;
use crate::id::RunId;
use crate::model::run::Run;
use askama::Template;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{Method, StatusCode};
use warp::reply::Response;

const STYLE: &str = include_str!("style.css");

pub(super) fn endpoints() -> Vec<Endpoint> {
    const LINK: &str = "/approvals/:run/:signature";
    vec![
        Endpoint::unkeyed(Door::Page, Method::GET, LINK, look)
            .described(link("See what an approval asks").gives_html(200)),
        Endpoint::unkeyed(Door::Page, Method::POST, LINK, answer).described(
            link("Answer an approval through its link")
                .says(
                    "The answer is recorded when this returns 200, and told as `approvedBy: link`.",
                )
                .form::<AnswerForm>()
                .gives_html(200)
                .may(
                    409,
                    "It was answered before, it is too late, or the run has ended.",
                )
                .may(
                    503,
                    "Nothing was written; try again after `Retry-After` seconds.",
                ),
        ),
        Endpoint::open(
            Door::Page,
            Method::GET,
            "/approvals/style.css",
            warp::any().map(style),
        )
        .described(about("Approvals", "The style sheet of the pages").gives_text(200, "text/css")),
    ]
}

fn link(summary: &'static str) -> Description {
    about("Approvals", summary)
        .path::<RunId>()
        .path::<Word>()
        .may(
            409,
            "It was answered before, it is too late, or the run has ended.",
        )
        .limits_addresses(
            "Over the limit of the address (settings `limit_read` and `limit_execute`).",
        )
        .refuses_in_html()
}

/// The form of the page.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApprovalForm")]
struct AnswerForm {
    /// `true` or `false`.
    approved: bool,
    /// In the answerer's own words.
    #[serde(default)]
    #[schemars(length(max = 10_000))]
    comment: String,
}

/// What an approval asks.
#[derive(Template)]
#[template(path = "approval.html", config = "src/http/pages/askama.toml")]
struct ApprovalPage<'a> {
    workflow: &'a str,
    run: &'a str,
    step: &'a str,
    is_early: bool,
    reason: Option<String>,
    details: Vec<(String, String)>,
    until: Option<String>,
    comment: Option<CommentField>,
    max_comment_chars: usize,
    approve: String,
    reject: String,
}

/// Where a comment is wanted: what its field says.
struct CommentField {
    label: String,
    placeholder: String,
}

async fn look(visit: Arc<Visit>) -> Result<Response, Problem> {
    within_address_limit(&visit, AddressCategory::Read)?;
    let (run, pending) = asked(&visit).await?;
    page(StatusCode::OK, &approval_page(&run, &pending))
}

async fn answer(visit: Arc<Visit>) -> Result<Response, Problem> {
    within_address_limit(&visit, AddressCategory::Execute)?;
    // Before the body: who has no link shall not fill the memory.
    let (run, pending) = asked(&visit).await?;
    let AnswerForm { approved, comment } = form(&visit, visit.api.options.max_body_bytes).await?;
    if comment.chars().count() > MAX_COMMENT_CHARS {
        return Err(Problem::invalid(format!(
            "The comment is longer than {MAX_COMMENT_CHARS} characters."
        )));
    }
    let reply = Reply {
        approved,
        comment: Some(comment).filter(|comment| !comment.is_empty()),
        output: None,
    };
    visit
        .api
        .engine
        .record_answer(&run, &pending, &reply, "link")
        .await?;
    let message = MessagePage {
        title: if approved { "Approved" } else { "Rejected" },
        message: "Your decision is recorded; you can close this page.",
        request_id: None,
    };
    page(StatusCode::OK, &message)
}

/// The run and the step that the link is for.
async fn asked(visit: &Visit) -> Result<(Run, Pending), Problem> {
    let found = find(visit).await;
    if matches!(found, Err(Problem::NotFound(_))) {
        let (keyring, peer) = (&visit.api.keyring, visit.peer.address);
        keyring.note_refusal("approval_link", None, peer);
    }
    found
}

async fn find(visit: &Visit) -> Result<(Run, Pending), Problem> {
    let (engine, link) = (&visit.api.engine, visit.parameter(1));
    let run: Option<RunId> = visit.parameter(0).parse().ok();
    // Before the run is read: a wrong link is not worth a journal.
    let run = run
        .filter(|id| engine.is_link_of(id, link))
        .map(|id| visit.api.store.run(&id))
        .transpose()?
        .flatten();
    let run = run.ok_or(Problem::NotFound("approval"))?;
    match engine.by_link(&run, link).await {
        Ok(pending) => Ok((run, pending)),
        Err(EngineError::NotFound) => Err(Problem::NotFound("approval")),
        Err(error) => Err(error.into()),
    }
}

fn approval_page<'a>(run: &'a Run, pending: &'a Pending) -> ApprovalPage<'a> {
    let asked = |name: &str| pending.request.get(name).map(shown);
    let wants_comment = asked("inputType").is_some_and(|kind| kind != "buttons");
    ApprovalPage {
        workflow: &run.workflow_name,
        run: run.summary.id.as_str(),
        step: &pending.step,
        is_early: pending.request.is_null(),
        reason: asked("reason"),
        details: pending
            .request
            .get("context")
            .map(details)
            .unwrap_or_default(),
        until: pending.until_ms.map(iso_utc),
        comment: wants_comment.then(|| CommentField {
            label: asked("inputLabel").unwrap_or_else(|| "Comment".to_owned()),
            placeholder: asked("inputPlaceholder").unwrap_or_default(),
        }),
        max_comment_chars: MAX_COMMENT_CHARS,
        approve: asked("approveLabel").unwrap_or_else(|| "Approve".to_owned()),
        reject: asked("rejectLabel").unwrap_or_else(|| "Reject".to_owned()),
    }
}

/// `context` as rows: the fields of an object, the `label` and `value` of each entry of a list, or one text.
fn details(context: &Value) -> Vec<(String, String)> {
    match context {
        Value::Object(fields) => {
            let rows = fields.iter();
            rows.map(|(name, value)| (name.clone(), shown(value)))
                .collect()
        }
        Value::Array(entries) => {
            let rows = entries.iter().map(|entry| match entry.get("label") {
                Some(label) => (
                    shown(label),
                    entry.get("value").map(shown).unwrap_or_default(),
                ),
                None => (String::new(), shown(entry)),
            });
            rows.collect()
        }
        other => vec![(String::new(), shown(other))],
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn style() -> Response {
    html::asset(STYLE, "text/css; charset=utf-8")
}
