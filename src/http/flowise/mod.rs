//! Flowise's door: chatflows and agentflows, asked by `Authorization: Bearer …` or, in predictions, `?apikey=`.
//! May not know other doors. Promise: what clients written for Flowise read from an answer is there under its name, and a
//! refusal is a 401 or 403 of its own, before any stream opens.

mod chat_messages;
mod chatflow_body;
mod chatflow_view;
mod chatflows;
mod entry;
mod execution_view;
mod executions;
mod files;
mod flow_limit;
mod flows;
mod form;
mod hooks;
mod key_view;
mod keys;
mod pages;
mod paging;
mod prediction;
mod prediction_body;
mod public;
mod refusal;
mod replies;
mod server;
mod stats;
mod stream;
mod told;
mod uploads;
mod variables;

pub use flow_limit::FlowLimits;
pub(super) use pages::page_origin;
pub(super) use refusal::{own_word, render};
pub(super) use variables::{NewVariable, keep_variable, remove_variable};

use super::describe::{Description, about as about_any};
use super::endpoint::Endpoint;
use super::front::json_type;
use super::problem::Problem;
use bytes::Bytes;
use refusal::ErrorView;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json as example;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

/// What a handler of this door gives.
type Answer = Result<Response, Problem>;

/// There is one workspace, and clients want its name.
const WORKSPACE: &str = "default";
/// When a caller without a key is refused for asking too often.
const OVER_ADDRESS_LIMIT: &str = "Over the limit of the address.";

/// Every endpoint of this door.
pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        server::endpoints(),
        keys::endpoints(),
        chatflows::endpoints(),
        prediction::endpoints(),
        chat_messages::endpoints(),
        executions::endpoints(),
        files::endpoints(),
        hooks::endpoints(),
        public::endpoints(),
        stats::endpoints(),
        replies::endpoints(),
        variables::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Begins the description of an endpoint of this door.
fn about(tag: &'static str, summary: &'static str) -> Description {
    about_any(tag, summary).refuses_with::<ErrorView<'_>>(
        |_, message| example!({ "statusCode": 400, "success": false, "message": message, "stack": {} }),
    )
}

/// What was removed, in the words of the database library that Flowise has.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "FlowiseRemoved")]
struct RemovedView {
    /// Always empty.
    raw: [u8; 0],
    /// How many were removed.
    affected: u64,
}

impl RemovedView {
    fn of(affected: u64) -> RemovedView {
        RemovedView { raw: [], affected }
    }
}

/// 200 with the resource itself.
fn ok(view: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(view).map_err(|error| Problem::internal(&error))?;
    Ok(json(StatusCode::OK, body.into()))
}

fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, json_type());
    response
}

/// Plain text: Flowise answers so where a person reads it.
fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

/// A refusal in the very words by which clients know it.
fn worded(status: StatusCode, message: impl Into<String>) -> Problem {
    Problem::Worded(status, message.into())
}
