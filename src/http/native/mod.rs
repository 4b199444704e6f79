//! The native door, the Workflows API: `{"success":true,"data":…}` and `{"success":false,"error":{"code","message"}}`.
//! May not know other doors. Promise: every answer is in this envelope, dates are ISO 8601 UTC, names are camelCase.

mod agent_view;
mod agents;
mod approvals;
mod apps;
mod audit;
mod blocks;
mod canvas;
mod connection_view;
mod connections;
mod credential_schema;
pub(super) mod dashboard_password;
mod events;
mod firings;
mod key_view;
mod keys;
mod refusal;
mod retention;
mod row_view;
mod rows;
mod run_view;
mod runs;
mod secrets;
mod table_body;
mod table_folders;
mod tables;
mod templates;
mod usage;
mod versions;
mod webhook_events;
mod workflow_body;
mod workflow_view;
mod workflows;

pub(super) use refusal::{ErrorEnvelope, message, native_word, render, status_and_code};
pub(super) use runs::reachable_run;
pub(super) use templates::{template_files, template_text};
pub(super) use workflow_body::MAX_NAME_CHARS;
pub(super) use workflows::{create_workflow, edit_workflow, tag};

use super::endpoint::Endpoint;
use super::front::json_type;
use super::problem::Problem;
use crate::model::page::{Cursor, DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, PageRequest};
use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use warp::http::{StatusCode, header};
use warp::reply::Response;

/// What a handler of this door gives.
type Answer = Result<Response, Problem>;

/// Every endpoint of the native door.
pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        agents::endpoints(),
        approvals::endpoints(),
        apps::endpoints(),
        audit::endpoints(),
        connections::endpoints(),
        blocks::endpoints(),
        canvas::endpoints(),
        events::endpoints(),
        firings::endpoints(),
        keys::endpoints(),
        retention::endpoints(),
        rows::endpoints(),
        runs::endpoints(),
        secrets::endpoints(),
        table_folders::endpoints(),
        tables::endpoints(),
        templates::endpoints(),
        usage::endpoints(),
        versions::endpoints(),
        webhook_events::endpoints(),
        workflows::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[derive(Serialize)]
struct Envelope<T, M> {
    success: bool,
    data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<M>,
}

/// What a list says of its next page.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "PageMeta")]
pub(super) struct Meta {
    /// Where the next page starts: send it as `cursor`. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    /// Whether there is a next page.
    has_more: bool,
}

/// 200 with this data.
fn ok(data: &impl Serialize) -> Answer {
    respond(StatusCode::OK, data, None::<Meta>)
}

/// 201 with this data.
fn created(data: &impl Serialize) -> Answer {
    respond(StatusCode::CREATED, data, None::<Meta>)
}

/// 200 with one page.
fn page<T: Serialize>(items: &[T], next: Option<&Cursor>) -> Answer {
    let meta = Meta {
        cursor: next.map(Cursor::encode),
        has_more: next.is_some(),
    };
    respond(StatusCode::OK, &items, Some(meta))
}

fn respond(status: StatusCode, data: &impl Serialize, meta: Option<impl Serialize>) -> Answer {
    let body = serde_json::to_vec(&Envelope {
        success: true,
        data,
        meta,
    })
    .map_err(|error| Problem::internal(&error))?;
    Ok(json(status, body.into()))
}

fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, json_type());
    response
}

/// Which page is asked for by `limit` (1 to 100, default 50) and `cursor`.
fn page_request(limit: Option<u32>, cursor: Option<&str>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(DEFAULT_PAGE_LIMIT);
    if !(1..=MAX_PAGE_LIMIT).contains(&limit) {
        return Err(Problem::invalid(format!(
            "`limit` is {limit}; it goes from 1 to {MAX_PAGE_LIMIT}."
        )));
    }
    let after = match cursor {
        None => None,
        Some(text) => Some(Cursor::decode(text).ok_or_else(|| {
            Problem::invalid("`cursor` is not one that this server gave; leave it out to start at the first page.")
        })?),
    };
    Ok(PageRequest { limit, after })
}

/// The number that a cursor of a numbered list (versions, audit rows) stands for.
fn numbered(after: Option<&Cursor>) -> Result<Option<i64>, Problem> {
    let number = after.map(|cursor| cursor.id.parse());
    number
        .transpose()
        .map_err(|_| Problem::invalid("`cursor` is not one of this list."))
}
