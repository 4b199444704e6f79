//! Whether answers are as the OpenAPI document says: every answer that a test client gets is looked up there, its headers and
//! its body, so that the document can say neither less nor more than the server does.

use jsonschema::Validator;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The document of this very code.
pub(crate) static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| flowlatch::http::document(&flowlatch::http::table()));

/// What belongs to HTTP itself, or speaks to browsers and caches: it means nothing to a client of the API.
const GENERAL_HEADERS: [&str; 13] = [
    "access-control-allow-origin",
    "access-control-expose-headers",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "referrer-policy",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
    "x-robots-tag",
];

static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Fails when the answer to a request is not one that the document has for its operation. Paths that no endpoint has, and
/// methods that a path does not have, are nobody's.
pub(crate) fn check(
    method: &Method,
    path: &str,
    status: StatusCode,
    headers: &HeaderMap,
    text: &str,
) {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("/native").unwrap_or(path);
    let Some((template, item)) = item(path) else {
        return;
    };
    let word = match *method {
        Method::HEAD => "get".to_owned(),
        _ => method.as_str().to_ascii_lowercase(),
    };
    let operation = &item[&word];
    if operation.is_null() {
        return;
    }
    let response = &operation["responses"][status.as_str()];
    assert!(
        response.is_object(),
        "{method} {template} answered {status}, which the OpenAPI document does not have: {text}"
    );
    check_headers(&format!("{method} {template}"), response, status, headers);
    let content = &resolved(response)["content"]["application/json"];
    if content.is_null() || *method == Method::HEAD {
        return;
    }
    let body: Value = serde_json::from_str(text).expect("a JSON body");
    let validator = validator(format!("{word} {template} {status}"), &content["schema"]);
    let problems: Vec<String> = validator
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        problems.is_empty(),
        "{method} {template} answered {status} with what the OpenAPI document does not say: {problems:?} in {text}"
    );
}

/// Every header that was sent is described, and every one that must be there was sent.
fn check_headers(operation: &str, response: &Value, status: StatusCode, sent: &HeaderMap) {
    let described = resolved(response)["headers"]
        .as_object()
        .expect("headers of a response");
    let is_described = |name: &str| {
        described
            .keys()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    for name in sent.keys().map(|name| name.as_str()) {
        assert!(
            GENERAL_HEADERS.contains(&name) || is_described(name),
            "{operation} answered {status} with the header {name}, which the OpenAPI document does not have"
        );
    }
    for (name, header) in described {
        assert!(
            sent.contains_key(name) || resolved(header)["required"] != true,
            "{operation} answered {status} without the header {name}, which the OpenAPI document promises"
        );
    }
}

/// What a reference to a response or a header means.
pub(crate) fn resolved(response: &Value) -> &Value {
    match response["$ref"].as_str() {
        Some(reference) => DOCUMENT
            .pointer(reference.trim_start_matches('#'))
            .expect("a component"),
        None => response,
    }
}

/// A schema of the document, ready to check with.
pub(crate) fn validator(name: String, schema: &Value) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let made = validators.entry(name).or_insert_with(|| {
        let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        let options = jsonschema::options().should_validate_formats(true);
        Arc::new(options.build(&whole).expect("a schema of the document"))
    });
    made.clone()
}

/// The item of a path: where several templates fit, the one with the most words of its own.
fn item(path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let fits = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template
                .split('/')
                .zip(path.split('/'))
                .all(|(known, given)| known.starts_with('{') || known == given)
    };
    DOCUMENT["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .filter(|(template, _)| fits(template))
        .min_by_key(|(template, _)| template.matches('{').count())
        .map(|(template, item)| (template.as_str(), item))
}
