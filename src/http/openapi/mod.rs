//! `GET /api/openapi.json`: the OpenAPI 3.1 document, for anybody.
//! May not know any endpoint by name. Promise: it lists exactly the table's endpoints, each with every status that it
//! answers, since both are made from the same data.

mod example;
mod operation;
mod refusals;
mod schemas;

use super::describe::about;
use super::door::Door;
use super::endpoint::{Endpoint, Table};
use super::front::json_type;
use super::visit::Visit;
use bytes::Bytes;
use operation::{operation, path_template};
use schemas::Schemas;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use warp::Filter as _;
use warp::http::{HeaderValue, Method, StatusCode, header};
use warp::reply::Response;

const INTRODUCTION: &str = "Workflows as data, behind scoped API keys. Every answer is `{\"success\":true,\"data\":…}` or \
`{\"success\":false,\"error\":{\"code\",\"message\"}}`; lists add `meta` with the `cursor` of the next page. Dates are ISO 8601 in \
UTC. A path that is served with other methods answers 405 with `Allow`, an unknown path 404; `HEAD` answers like `GET`. \
Limits count per key in any 60 seconds; a limit that is set to `none` has no `X-RateLimit` headers.";

/// The document as it is sent, with its entity tag.
pub struct Rendered {
    body: Bytes,
    tag: HeaderValue,
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    let build = warp::ext::optional::<Arc<Visit>>().map(|visit: Option<Arc<Visit>>| {
        visit.map_or_else(Response::default, |visit| answer(&visit))
    });
    vec![
        Endpoint::open(Door::Native, Method::GET, "/api/openapi.json", build).described(
            about("Server", "This document")
                .heeds(
                    "If-None-Match",
                    "The `ETag` of the document that the client has.",
                    None,
                )
                .gives_bare::<Map<String, Value>>(200)
                .gives_nothing(304, "The client's document is the newest.")
                .with_header("ETag", "Changes when the document does."),
        ),
    ]
}

fn answer(visit: &Visit) -> Response {
    let rendered = visit
        .api
        .openapi
        .get_or_init(|| render(&visit.api.options.base_path));
    let known = visit.headers.get_all(header::IF_NONE_MATCH).iter();
    let is_known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .map(|tag| tag.trim().trim_start_matches("W/").as_bytes())
        .any(|tag| tag == b"*" || tag == rendered.tag.as_bytes());
    let mut response = if is_known {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(rendered.body.clone().into())
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, rendered.tag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if !is_known {
        headers.insert(header::CONTENT_TYPE, json_type());
    }
    response
}

fn render(base_path: &str) -> Rendered {
    let mut document = document(&super::table());
    if !base_path.is_empty() {
        document["servers"] = json!([{ "url": base_path }]);
    }
    let body = Bytes::from(document.to_string());
    let hash = blake3::hash(&body).to_hex();
    let tag = format!("\"{}\"", hash.get(..16).unwrap_or_default());
    Rendered {
        body,
        tag: HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\"")),
    }
}

/// The OpenAPI document of these endpoints, as if the server had no base path.
pub fn document(table: &Table) -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    let mut tags = BTreeSet::new();
    for endpoint in table.endpoints() {
        let item = paths
            .entry(path_template(endpoint))
            .or_insert_with(|| Value::Object(Map::new()));
        let method = endpoint.method.as_str().to_ascii_lowercase();
        item[method] = operation(endpoint, &mut schemas);
        tags.extend(endpoint.description.as_ref().map(|about| about.tag));
    }
    let responses = refusals::components(&mut schemas);
    let schemas = schemas.into_components();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Flowlatch",
            "version": env!("CARGO_PKG_VERSION"),
            "description": INTRODUCTION,
            "license": { "name": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/" }],
        "tags": tags.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": responses,
            "headers": refusals::headers(),
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "A key of this server, `wfk_…`; `flowlatch keys create` and `POST /api/v1/auth/api-keys` make them.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key of this server, for the paths under `/wireflow` (`sk-…`) and `/flowise`.",
                },
            },
        },
    });
    example::fill(&mut document);
    document
}
