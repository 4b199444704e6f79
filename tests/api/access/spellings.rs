//! Other spellings of private paths: none of them may lead past the guard. Sent as bytes, since a client would tidy them up.

use crate::raw;
use crate::support::TestServer;
use flowlatch::http::{Access, Door, table};
use std::collections::BTreeSet;

/// A path of the table with parameters that are ids.
fn filled(pattern: &str) -> String {
    pattern
        .replace(":version", "1")
        .replace(":since", "2030-01-31T00:00:00.000Z")
        .replace(":chatId", "a-chat")
        .replace(":apikey", "not-a-key")
        .replace(":rowId", "row_0198c0de-0000-7000-8000-000000000001")
        .replace(":name", "NAME")
        .replace(":type", "wait")
        .replace(":slug", "hello")
        .replace(":webhookId", "whk_any")
        .replace(":stepId", "step")
        .replace(":nodeId", "node")
        .replace(":id", "0198c0de-0000-7000-8000-000000000001")
}

/// Paths that some server somewhere takes for `path`.
fn other_paths(path: &str) -> Vec<String> {
    let (front, last) = path.rsplit_once('/').expect("a slash");
    let rest = path.strip_prefix("/api/v1/").expect("an API path");
    let capital = |text: &str| text[..1].to_uppercase() + &text[1..];
    let encoded = |text: &str| format!("%{:02x}{}", text.as_bytes()[0], &text[1..]);
    let mut paths = vec![
        path.to_uppercase(),
        format!("/API/v1/{rest}"),
        format!("/Api/V1/{rest}"),
        format!("/api/v1/{}", capital(rest)),
        format!("/{path}"),
        format!("//localhost{path}"),
        format!("/api//v1/{rest}"),
        format!("/api/v1//{rest}"),
        format!("{front}//{last}"),
        format!("{path}//"),
        format!("/.{path}"),
        format!("/api/./v1/{rest}"),
        format!("/api/v1/./{rest}"),
        format!("{path}/."),
        format!("/x/..{path}"),
        format!("/api/x/../v1/{rest}"),
        format!(
            "/api/health/..{}",
            path.strip_prefix("/api").expect("an API path")
        ),
        format!("/api/health/../v1/{rest}"),
        format!("{path}/x/.."),
        format!("{path};a=b"),
        format!("/api;a=b/v1/{rest}"),
        format!("{front};/{last}"),
        format!("/%2e{path}"),
        format!("/api/%2e/v1/{rest}"),
        format!("/api/x/%2e%2e/v1/{rest}"),
        format!("/%61pi/v1/{rest}"),
        format!("/api/v1/{}", encoded(rest)),
        format!("{front}%2f{last}"),
        format!("/api%2fv1%2f{rest}"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path}.json"),
        format!("{path}\\"),
        format!("/api\\v1\\{rest}"),
        format!("{path}/api/health"),
        format!("{path}/../../health"),
        format!("/native/native{path}"),
        format!("/Native{path}"),
        format!("/native//{path}"),
    ];
    paths.retain(|other| other != path);
    paths
}

/// The path itself under these prefixes, with something appended that is not part of it.
fn decorated(path: &str, prefixes: &[&str]) -> Vec<String> {
    let one = |prefix: &&str| {
        [
            format!("{prefix}{path}"),
            format!("{prefix}{path}/"),
            format!("{prefix}{path}?x=/api/health"),
            format!("{prefix}{path}?/api/health"),
            format!("{prefix}{path}#/api/health"),
        ]
    };
    prefixes.iter().flat_map(one).collect()
}

#[tokio::test]
async fn no_spelling_leads_past_the_guard() {
    let server = TestServer::start().await;
    let (address, key) = (server.address(), server.admin_key.clone());
    let (host, bearer) = (address.to_string(), format!("Bearer {key}"));
    let mut connection = raw::Connection::open(address).await;
    let mut asked: BTreeSet<(String, String)> = BTreeSet::new();
    for endpoint in table().endpoints() {
        if endpoint.access == Access::Open {
            continue;
        }
        let (method, path) = (endpoint.method.as_str(), filled(endpoint.pattern));
        let (prefixes, header, key): (&[&str], _, _) = match endpoint.door {
            Door::Wireflow => (&["/wireflow"], "Authorization", &bearer),
            Door::Flowise => (&["/flowise"], "Authorization", &bearer),
            _ => (&["", "/native"], "x-api-key", &key),
        };
        for target in decorated(&path, prefixes) {
            let request = raw::request(method, &target, &[("Host", &host)], b"");
            let answer = connection.send(&request).await;
            assert_eq!(answer.status, 401, "{method} {target}: {}", answer.body);
        }
        for other in other_paths(&path) {
            let target = format!("{}{other}", prefixes[0]);
            if !asked.insert((method.to_owned(), target.clone())) {
                continue;
            }
            let anonymous = raw::request(method, &target, &[("Host", &host)], b"");
            let answer = connection.send(&anonymous).await;
            assert!(
                (400..500).contains(&answer.status),
                "{method} {target}: {} {}",
                answer.status,
                answer.body
            );
            // Not even with the right key: paths are matched exactly, so no front that reads them otherwise is fooled.
            let known = [("Host", host.as_str()), (header, key.as_str())];
            let answer = connection
                .send(&raw::request(method, &target, &known, b""))
                .await;
            assert!(
                matches!(answer.status, 404 | 405),
                "{method} {target}: {} {}",
                answer.status,
                answer.body
            );
            assert!(!answer.body.contains("\"success\":true"));
        }
    }
}
