//! The answers that an endpoint may give beside its own: what a request's access, path and body already mean.
//! May not know endpoints. Promise: every status that the guard, the body's reader or the exit can give is listed.

use super::schemas::Schemas;
use crate::http::describe::{Description, HTML, RefusalShape};
use crate::http::endpoint::{Access, Endpoint};
use crate::http::native::ErrorEnvelope;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A status by which requests are refused.
struct Refusal {
    status: u16,
    /// Its name among the document's components.
    name: &'static str,
    code: &'static str,
    when: &'static str,
    /// The message of the example.
    message: &'static str,
}

const REFUSALS: [Refusal; 14] = [
    refusal(
        400,
        "BadRequest",
        "VALIDATION_ERROR",
        "The request does not fit; `details` lists each mistake with its place where there are several.",
        "`limit` is 0; it goes from 1 to 100.",
    ),
    refusal(
        401,
        "Unauthorized",
        "UNAUTHORIZED",
        "There is no key in the request, or none that is good; `reason` says which.",
        "Invalid or missing API key",
    ),
    refusal(
        403,
        "Forbidden",
        "FORBIDDEN",
        "The key lacks the scope that `required` names, or would hand on more than it holds.",
        "Insufficient permissions for this operation",
    ),
    refusal(
        404,
        "NotFound",
        "NOT_FOUND",
        "What the path names is not there, or the key does not reach it.",
        "There is no such workflow, or this key does not reach it.",
    ),
    refusal(
        405,
        "MethodNotAllowed",
        "METHOD_NOT_ALLOWED",
        "The path is served with the methods in `Allow` only.",
        "PUT is not served here; use GET, HEAD.",
    ),
    refusal(
        408,
        "RequestTimeout",
        "REQUEST_TIMEOUT",
        "The body took too long to arrive.",
        "The body took too long to arrive (setting `body_timeout_ms`).",
    ),
    refusal(
        409,
        "Conflict",
        "CONFLICT",
        "The state does not allow it.",
        "The workflow is a draft; activate it first.",
    ),
    refusal(
        410,
        "Gone",
        "GONE",
        "It was there once.",
        "This link has been used.",
    ),
    refusal(
        413,
        "PayloadTooLarge",
        "PAYLOAD_TOO_LARGE",
        "The body is larger than the setting `max_body_bytes`.",
        "The body is larger than 5242880 bytes (setting `max_body_bytes`).",
    ),
    refusal(
        415,
        "UnsupportedMediaType",
        "UNSUPPORTED_MEDIA_TYPE",
        "The body is not JSON by its `Content-Type`.",
        "Send JSON, with `Content-Type: application/json`.",
    ),
    refusal(
        421,
        "MisdirectedRequest",
        "MISDIRECTED_REQUEST",
        "The server does not answer to this `Host`.",
        "This server does not answer to that `Host`; add it to the setting `allowed_hosts`.",
    ),
    refusal(
        429,
        "TooManyRequests",
        "RATE_LIMITED",
        "Over the key's limit, or too many failed attempts from this address.",
        "Rate limit exceeded. Limit: 100 requests per minute.",
    ),
    refusal(
        500,
        "InternalError",
        "INTERNAL_ERROR",
        "Something went wrong in the server; its log has the cause under `requestId`.",
        "Something went wrong in the server; its log has the cause under this request's id.",
    ),
    refusal(
        503,
        "Unavailable",
        "UNAVAILABLE",
        "Nothing was done; it may work again after `Retry-After` seconds.",
        "Nothing was written: the server is stopping. Try again in a moment.",
    ),
];

const fn refusal(
    status: u16,
    name: &'static str,
    code: &'static str,
    when: &'static str,
    message: &'static str,
) -> Refusal {
    Refusal {
        status,
        name,
        code,
        when,
        message,
    }
}

/// A header that answers have by rule.
struct Header {
    name: &'static str,
    /// The type of its schema.
    kind: &'static str,
    meaning: &'static str,
}

/// On every answer.
const REQUEST_ID: Header = header(
    "X-Request-Id",
    "string",
    "Names the request in the server's log.",
);

/// On answers to callers that were counted, unless their limit is set to `none`.
const LIMITS: [Header; 3] = [
    header(
        "X-RateLimit-Limit",
        "integer",
        "So many requests of this category the key, or without a key the address, may make in any 60 seconds.",
    ),
    header("X-RateLimit-Remaining", "integer", "So many are left now."),
    header(
        "X-RateLimit-Reset",
        "integer",
        "When the next place becomes free, in seconds since the Unix epoch.",
    ),
];

/// On every answer with one of these statuses.
const BY_STATUS: [(&[u16], Header); 3] = [
    (
        &[429, 503],
        header(
            "Retry-After",
            "integer",
            "After how many seconds to try again.",
        ),
    ),
    (
        &[401],
        header(
            "WWW-Authenticate",
            "string",
            "How to send a key, or a signature.",
        ),
    ),
    (
        &[405],
        header(
            "Allow",
            "string",
            "The methods that the path is served with.",
        ),
    ),
];

const fn header(name: &'static str, kind: &'static str, meaning: &'static str) -> Header {
    Header {
        name,
        kind,
        meaning,
    }
}

/// The statuses that follow from the endpoint's access, path and body.
fn usual(endpoint: &Endpoint, about: &Description) -> Vec<u16> {
    let mut statuses = vec![400, 421, 500];
    match endpoint.access {
        Access::Open | Access::SignedIn => {}
        Access::AnyKey(_) => statuses.extend([401, 429, 503]),
        Access::Needs(..) | Access::NeedsOneOf(..) | Access::NeedsUnlessOpen(..) => {
            statuses.extend([401, 403, 429, 503]);
        }
    }
    if !about.path.is_empty() {
        statuses.push(404);
    }
    if about.body.is_some() || about.form.is_some() || about.multipart.is_some() {
        statuses.extend([408, 413, 415]);
    }
    if about.foreign_body.is_some() {
        statuses.extend([408, 413]);
    }
    statuses
}

/// The responses of an endpoint that are refusals.
pub(super) fn responses(
    endpoint: &Endpoint,
    about: &Description,
    schemas: &mut Schemas,
) -> Map<String, Value> {
    let counted = counted(endpoint, about);
    let mut meanings: BTreeMap<u16, String> = BTreeMap::new();
    for (status, when) in &about.refusals {
        let meaning = meanings.entry(*status).or_default();
        if !meaning.is_empty() {
            meaning.push(' ');
        }
        meaning.push_str(when);
    }
    let mut responses = Map::new();
    for status in usual(endpoint, about) {
        let Some(known) = REFUSALS.iter().find(|known| known.status == status) else {
            continue;
        };
        // The components are in the native envelope, and say what keys are told.
        let refusal = match about.refusal_shape {
            None if counted == Counted::Keys => {
                json!({ "$ref": format!("#/components/responses/{}", known.name) })
            }
            shape => response(status, Some(known), known.when, counted, shape, schemas),
        };
        responses.insert(status.to_string(), refusal);
    }
    for (status, meaning) in meanings {
        let known = REFUSALS.iter().find(|known| known.status == status);
        let response = response(
            status,
            known,
            &meaning,
            counted,
            about.refusal_shape,
            schemas,
        );
        responses.insert(status.to_string(), response);
    }
    responses
}

/// The refusals that endpoints have in common.
pub(super) fn components(schemas: &mut Schemas) -> Value {
    let mut components = Map::new();
    for known in &REFUSALS {
        components.insert(
            known.name.to_owned(),
            response(
                known.status,
                Some(known),
                known.when,
                Counted::Keys,
                None,
                schemas,
            ),
        );
    }
    Value::Object(components)
}

fn response(
    status: u16,
    known: Option<&Refusal>,
    meaning: &str,
    counted: Counted,
    shape: Option<RefusalShape>,
    schemas: &mut Schemas,
) -> Value {
    let headers = usual_headers(counted, status);
    let (code, message) = known.map_or(("ERROR", meaning), |known| (known.code, known.message));
    let content = match shape {
        Some(RefusalShape::Html) => json!({ HTML: { "schema": { "type": "string" } } }),
        Some(RefusalShape::Json { schema, example }) => json!({ "application/json": {
            "schema": schemas.written(schema),
            "example": example(code, message),
        } }),
        None => json!({ "application/json": {
            "schema": native_schema(known, schemas),
            "example": { "success": false, "error": { "code": code, "message": message } },
        } }),
    };
    json!({ "description": meaning, "headers": headers, "content": content })
}

/// The native envelope, with the code where it is known.
fn native_schema(known: Option<&Refusal>, schemas: &mut Schemas) -> Value {
    let error = schemas.written(|generator| generator.subschema_for::<ErrorEnvelope<'_>>());
    let Some(known) = known else {
        return error;
    };
    let code =
        json!({ "properties": { "error": { "properties": { "code": { "const": known.code } } } } });
    json!({ "allOf": [error, code] })
}

/// Whose requests an endpoint counts, and shows the state of their limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Nobodys,
    Keys,
    Addresses,
}

/// Whose requests this endpoint counts.
pub(super) fn counted(endpoint: &Endpoint, about: &Description) -> Counted {
    match endpoint.access {
        Access::Open if about.has_address_limit => Counted::Addresses,
        Access::Open | Access::SignedIn => Counted::Nobodys,
        Access::AnyKey(_) | Access::Needs(..) | Access::NeedsOneOf(..) => Counted::Keys,
        // Of requests without a key, by address.
        Access::NeedsUnlessOpen(..) => Counted::Addresses,
    }
}

/// The headers that an answer with this status has by rule.
pub(super) fn usual_headers(counted: Counted, status: u16) -> Map<String, Value> {
    // The `Host` is looked at before anybody is counted, and without a good key there is no key to count.
    let shows_limit = match counted {
        Counted::Nobodys => false,
        Counted::Keys => !matches!(status, 401 | 421),
        Counted::Addresses => status != 421,
    };
    let limits = LIMITS.iter().filter(|_| shows_limit);
    let of_status = BY_STATUS
        .iter()
        .filter(|(statuses, _)| statuses.contains(&status))
        .map(|(_, header)| header);
    [&REQUEST_ID]
        .into_iter()
        .chain(limits)
        .chain(of_status)
        .map(|Header { name, .. }| {
            let reference = format!("#/components/headers/{name}");
            ((*name).to_owned(), json!({ "$ref": reference }))
        })
        .collect()
}

/// The headers that answers have in common. Those of limits may be absent; the others are always where they are named.
pub(super) fn headers() -> Value {
    let always = [&REQUEST_ID]
        .into_iter()
        .chain(BY_STATUS.iter().map(|(_, header)| header));
    let described = |header: &Header, is_required: bool| {
        let described = json!({
            "description": header.meaning,
            "required": is_required,
            "schema": { "type": header.kind },
        });
        (header.name.to_owned(), described)
    };
    let limits = LIMITS.iter().map(|header| described(header, false));
    Value::Object(
        always
            .map(|header| described(header, true))
            .chain(limits)
            .collect(),
    )
}
