//! The OpenAPI document: it lists exactly the endpoints, says everything of each, and its examples fit.

use crate::support::described::{self, DOCUMENT, resolved, validator};
use crate::support::{Answer, TestServer};
use flowlatch::clock::Clock;
use flowlatch::http::{Access, Door, Endpoint, table};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn operations() -> impl Iterator<Item = (String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path item");
        item.iter().map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation)
        })
    })
}

#[test]
fn the_document_lists_exactly_the_endpoints() {
    let table = table();
    let known: BTreeSet<String> = table
        .endpoints()
        .iter()
        .map(|endpoint| format!("{} {}", endpoint.method, template(endpoint)))
        .collect();
    let listed: BTreeSet<String> = operations().map(|(name, _)| name).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_endpoint_is_described() {
    let silent: Vec<String> = table()
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint.description.is_none())
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.pattern))
        .collect();
    assert!(
        silent.is_empty(),
        "these endpoints lack `.described(…)` (see src/http/describe.rs): {silent:?}"
    );
    let mut lacking = Vec::new();
    for (name, operation) in operations() {
        let parameters = operation["parameters"].as_array().expect("parameters");
        let in_path = parameters.iter().filter(|one| one["in"] == "path").count();
        if in_path != name.matches('{').count() {
            lacking.push(format!("{name}: `.path::<T>()` for each parameter"));
        }
        let responses = operation["responses"].as_object().expect("responses");
        if !responses.keys().any(|status| status.starts_with('2')) {
            lacking.push(format!("{name}: `.gives::<T>(status)`"));
        }
        for text in ["summary", "description", "operationId"] {
            if operation[text].as_str().unwrap_or_default().is_empty() {
                lacking.push(format!("{name}: {text}"));
            }
        }
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
}

#[test]
fn what_is_open_needs_no_key_and_everything_else_does() {
    for endpoint in table().endpoints() {
        let (_, operation) = operations()
            .find(|(name, _)| *name == format!("{} {}", endpoint.method, template(endpoint)))
            .expect("an operation");
        let is_open = endpoint.access == Access::Open;
        let may_be_open = matches!(endpoint.access, Access::NeedsUnlessOpen(..));
        let security = operation["security"].as_array().expect("security");
        assert_eq!(security.is_empty(), is_open, "{}", endpoint.pattern);
        let needs_nothing = security.contains(&json!({}));
        assert_eq!(needs_nothing, may_be_open, "{}", endpoint.pattern);
        let has = |status: &str| operation["responses"].get(status).is_some();
        // Webhooks have no key, and a signature and a limit of the address in its place; links have the limit.
        let is_signed = endpoint.door == Door::Webhook;
        let is_link = endpoint.door == Door::Flowise
            || ["/approvals/:", "/media/:"]
                .iter()
                .any(|links| endpoint.pattern.starts_with(links));
        // A key's text stands in these paths.
        let holds_key = endpoint.pattern.ends_with("/apikey/:apikey");
        assert_eq!(
            has("401"),
            !is_open || is_signed || holds_key,
            "{}",
            endpoint.pattern
        );
        assert_eq!(
            has("429"),
            !is_open || is_signed || is_link,
            "{}",
            endpoint.pattern
        );
        let shows_limit = operation["responses"]
            .as_object()
            .expect("responses")
            .values()
            .any(|response| {
                resolved(response)["headers"]
                    .get("X-RateLimit-Limit")
                    .is_some()
            });
        assert_eq!(
            shows_limit,
            !is_open || is_signed || is_link,
            "{}",
            endpoint.pattern
        );
        let needs =
            may_be_open || matches!(endpoint.access, Access::Needs(..) | Access::NeedsOneOf(..));
        assert_eq!(has("403"), needs, "{}", endpoint.pattern);
    }
}

/// The path of an endpoint in the document: what doors share stands there for the native one, and for others under their
/// own prefix.
fn template(endpoint: &Endpoint) -> String {
    let prefix = match endpoint.door {
        Door::Native => "",
        door => door.prefix(),
    };
    let segments = endpoint.pattern.split('/');
    let segments = segments.map(|one| match one.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => one.to_owned(),
    });
    format!("{prefix}{}", segments.collect::<Vec<_>>().join("/"))
}

#[test]
fn every_body_has_an_example_that_fits() {
    let mut wrong = Vec::new();
    for (name, operation) in operations() {
        let request = &operation["requestBody"]["content"]["application/json"];
        if !request.is_null() {
            check_example(&format!("{name} request"), request, &mut wrong);
        }
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let content = &resolved(response)["content"]["application/json"];
            if !content.is_null() {
                check_example(&format!("{name} {status}"), content, &mut wrong);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn check_example(name: &str, content: &Value, wrong: &mut Vec<String>) {
    let Some(example) = content.get("example") else {
        wrong.push(format!("{name}: no example"));
        return;
    };
    let validator = validator(format!("example {name}"), &content["schema"]);
    for error in validator.iter_errors(example) {
        wrong.push(format!("{name}: {error} at {}", error.instance_path()));
    }
}

#[tokio::test]
async fn every_request_of_the_document_that_needs_nothing_before_it_is_taken() {
    let server = TestServer::start().await;
    let (admin, bearer) = (server.admin(), server.admin().bearer());
    let mut sent = 0;
    for (name, operation) in operations() {
        let (method, path) = name.split_once(' ').expect("method and path");
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        // What a URL leads to is outside.
        let is_elsewhere = path.ends_with("/media/upload") || path.ends_with("/leads");
        if path.contains('{') || example.is_null() || is_elsewhere {
            continue;
        }
        let method = method.parse().expect("a method");
        let is_wireflows = path.starts_with("/wireflow/") || path.starts_with("/flowise/");
        let client = if is_wireflows { &bearer } else { &admin };
        let answer = client.send(method, path, example.clone()).await;
        assert!(answer.status.is_success(), "{name}: {}", answer.text);
        sent += 1;
    }
    assert!(sent >= 6, "{sent} requests");
    server.stop().await;
}

#[test]
fn every_name_means_one_thing() {
    let schemas = DOCUMENT["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let doubtful: Vec<&String> = schemas
        .keys()
        .filter(|name| name.ends_with(|c: char| c.is_ascii_digit()) || name.contains(' '))
        .collect();
    assert!(
        doubtful.is_empty(),
        "two types have one name; give one `#[schemars(rename = \"…\")]`: {doubtful:?}"
    );
    let ids: Vec<&str> = operations()
        .filter_map(|(_, operation)| operation["operationId"].as_str())
        .collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
}

#[test]
fn every_reference_leads_somewhere_and_every_field_has_its_text() {
    let mut broken = Vec::new();
    references(&DOCUMENT, &mut |reference| {
        if DOCUMENT
            .pointer(reference.trim_start_matches('#'))
            .is_none()
        {
            broken.push(reference.to_owned());
        }
    });
    assert!(broken.is_empty(), "{broken:?}");
    let mut silent = Vec::new();
    for (name, schema) in DOCUMENT["components"]["schemas"]
        .as_object()
        .expect("schemas")
    {
        for (field, of) in schema["properties"].as_object().into_iter().flatten() {
            if of.is_object() && of["description"].as_str().unwrap_or_default().is_empty() {
                silent.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(silent.is_empty(), "no doc comments: {silent:?}");
}

fn references(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(reference) if name == "$ref" => found(reference),
                    _ => references(field, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_document_is_open_and_is_sent_once() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.base_path = "/flow".to_owned();
    })
    .await;
    let nobody = server.anonymous();
    let answer = nobody.get("/api/openapi.json").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["servers"][0]["url"], "/flow");
    assert_eq!(document["paths"], DOCUMENT["paths"]);
    let tag = answer.header("etag").expect("a tag").to_owned();
    for (sent, status) in [
        (tag.clone(), StatusCode::NOT_MODIFIED),
        (format!("\"other\", W/{tag}"), StatusCode::NOT_MODIFIED),
        ("*".to_owned(), StatusCode::NOT_MODIFIED),
        ("\"other\"".to_owned(), StatusCode::OK),
    ] {
        let request = nobody
            .request(Method::GET, "/api/openapi.json")
            .header("if-none-match", &sent);
        let answer = Answer::read(request.send().await.expect("an answer")).await;
        assert_eq!(answer.status, status, "{sent}");
        assert_eq!(answer.text.is_empty(), status == StatusCode::NOT_MODIFIED);
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }
}

/// Who writes a client for Wireflow too must see what only this server has.
#[test]
fn what_wireflow_does_not_have_is_marked() {
    let own = [
        ("/workflows/executions/{id}/cancel", "post"),
        ("/workflows/{id}/executions", "get"),
        ("/workflows/{id}/publish", "post"),
        ("/workflows/{id}/publish", "delete"),
        ("/apps/{slug}", "get"),
        ("/apps/{slug}/execute", "post"),
        ("/media/{id}", "delete"),
    ];
    for (path, method) in own {
        let operation = &DOCUMENT["paths"][format!("/wireflow/api/v1{path}")][method];
        let said = operation["description"].as_str().unwrap_or_default();
        assert!(
            said.contains("An extension of this server."),
            "{method} {path}: {operation}"
        );
    }
}

#[test]
#[should_panic(expected = "which the OpenAPI document does not have")]
fn an_answer_that_is_not_described_is_noticed() {
    described::check(
        &Method::GET,
        "/native/api/v1/runs?limit=1",
        StatusCode::IM_A_TEAPOT,
        &HeaderMap::new(),
        "",
    );
}

/// The headers that the request's answer always has, and these.
fn headers(more: &[&'static str]) -> HeaderMap {
    ["x-request-id"]
        .iter()
        .chain(more)
        .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")))
        .collect()
}

#[test]
#[should_panic(
    expected = "with the header x-ratelimit-limit, which the OpenAPI document does not have"
)]
fn a_header_that_is_not_described_is_noticed() {
    let headers = headers(&["x-ratelimit-limit"]);
    let text = r#"{"status":"ok"}"#;
    described::check(&Method::GET, "/api/health", StatusCode::OK, &headers, text);
}

#[test]
#[should_panic(expected = "without the header Retry-After, which the OpenAPI document promises")]
fn a_header_that_is_missing_is_noticed() {
    let (status, headers) = (StatusCode::TOO_MANY_REQUESTS, headers(&[]));
    described::check(&Method::GET, "/api/v1/runs", status, &headers, "{}");
}

#[test]
#[should_panic(expected = "what the OpenAPI document does not say")]
fn an_answer_of_another_shape_is_noticed() {
    let text = r#"{"success":true,"data":[{"id":1}],"meta":{"hasMore":false}}"#;
    let headers = headers(&[]);
    described::check(
        &Method::GET,
        "/api/v1/runs/",
        StatusCode::OK,
        &headers,
        text,
    );
}
