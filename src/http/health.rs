//! `GET /api/health`: whether the server answers, for anybody, without details that would help a stranger.

use super::door::Door;
use super::endpoint::Endpoint;
use super::front::json_type;
use warp::Filter as _;
use warp::http::{Method, header};
use warp::reply::Response;

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::open(
        Door::Native,
        Method::GET,
        "/api/health",
        warp::any().map(healthy),
    )]
}

fn healthy() -> Response {
    let mut response = Response::new(bytes::Bytes::from_static(br#"{"status":"ok"}"#).into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, json_type());
    response
}
