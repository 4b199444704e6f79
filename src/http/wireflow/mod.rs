//! Wireflow's door: `Authorization: Bearer sk-…`, graphs of nodes and edges, answers without an envelope.
//! May not know other doors. Promise: what clients written for Wireflow read from an answer is there under its name.

mod refusal;

pub(super) use refusal::{own_word, render};

use super::describe::{Description, about as about_any};
use super::endpoint::Endpoint;
use super::front::json_type;
use super::problem::Problem;
use bytes::Bytes;
use refusal::ErrorView;
use serde::Serialize;
use serde_json::json as example;
use warp::http::{StatusCode, header};
use warp::reply::Response;

/// What a handler of this door gives.
type Answer = Result<Response, Problem>;

/// Every endpoint of this door.
pub(super) fn endpoints() -> Vec<Endpoint> {
    Vec::new()
}

/// Begins the description of an endpoint of this door.
fn about(tag: &'static str, summary: &'static str) -> Description {
    about_any(tag, summary)
        .refuses_with::<ErrorView<'_>>(|code, message| example!({ "error": message, "code": code }))
}

/// The resource itself, with this status.
fn bare(status: StatusCode, view: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(view).map_err(|error| Problem::internal(&error))?;
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
