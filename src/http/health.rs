//! `GET /api/health`: whether the server answers, for anybody, without details that would help a stranger.

use super::describe::about;
use super::door::Door;
use super::endpoint::Endpoint;
use super::front::json_type;
use schemars::JsonSchema;
use serde::Serialize;
use warp::Filter as _;
use warp::http::{Method, header};
use warp::reply::Response;

pub(super) fn endpoints() -> Vec<Endpoint> {
    let build = warp::any().map(healthy);
    vec![
        Endpoint::open(Door::Native, Method::GET, "/api/health", build)
            .described(about("Server", "Whether the server answers").gives_bare::<Health>(200)),
    ]
}

/// Whether the server answers.
#[derive(JsonSchema, Serialize)]
struct Health {
    /// Always `ok`.
    #[schemars(extend("const" = "ok"))]
    status: &'static str,
}

fn healthy() -> Response {
    // What is built of a text alone always becomes JSON.
    let body = serde_json::to_vec(&Health { status: "ok" }).unwrap_or_default();
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, json_type());
    response
}
