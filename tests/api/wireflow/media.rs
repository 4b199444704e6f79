//! Uploaded files: kept, listed, fetched through links, removed.

mod forms;
mod links;
mod room;
mod urls;

use crate::support::{Answer, Client, TestServer, described};
use reqwest::header::HeaderMap;
use reqwest::{Body, Method, StatusCode};
use serde_json::{Value, json};

const MEDIA: &str = "/api/v1/media";
const UPLOAD: &str = "/api/v1/media/upload";
const BOUNDARY: &str = "a-boundary";

/// A field of a form, as it is sent.
fn field(head: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").into_bytes();
    bytes.extend(content);
    bytes.extend(b"\r\n");
    bytes
}

/// The field `file`.
fn file(name: &str, media_type: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: {media_type}");
    field(&head, content)
}

/// A whole form of these fields.
fn form(fields: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = fields.concat();
    bytes.extend(format!("--{BOUNDARY}--\r\n").bytes());
    bytes
}

async fn send_form(client: &Client, body: impl Into<Body>) -> Answer {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    send_as(client, &content_type, body).await
}

async fn send_as(client: &Client, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = client
        .request(Method::POST, UPLOAD)
        .header("content-type", content_type)
        .body(body);
    let answer = Answer::read(request.send().await.expect("an answer")).await;
    let path = format!("/wireflow{UPLOAD}");
    described::check(
        &Method::POST,
        &path,
        answer.status,
        &answer.headers,
        &answer.text,
    );
    answer
}

/// An uploaded file: what is told of it.
async fn uploaded(client: &Client, name: &str, media_type: &str, content: &[u8]) -> Value {
    let answer = send_form(client, form(&[file(name, media_type, content)])).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    answer.data()
}

/// What came through a link.
struct Fetched {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl Fetched {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect(name);
        value.to_str().expect("text")
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Fetches a path without a key.
async fn fetch_as(method: Method, server: &TestServer, path: &str) -> Fetched {
    let request = server.anonymous().request(method.clone(), path);
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status(), response.headers().clone());
    described::check(&method, path, status, &headers, "");
    let bytes = response.bytes().await.expect("a whole body").to_vec();
    Fetched {
        status,
        headers,
        bytes,
    }
}

async fn fetch(server: &TestServer, path: &str) -> Fetched {
    fetch_as(Method::GET, server, path).await
}

/// The path of a file's link, which is absolute.
fn path_of(server: &TestServer, media: &Value) -> String {
    let url = media["url"].as_str().expect("a URL");
    let path = url.strip_prefix(server.url.as_str());
    path.unwrap_or_else(|| panic!("{url} is elsewhere"))
        .to_owned()
}

fn one(media: &Value) -> String {
    format!("{MEDIA}/{}", media["id"].as_str().expect("an id"))
}

/// What lies in the folder of uploaded files.
fn lying(server: &TestServer) -> Vec<String> {
    let entries = std::fs::read_dir(server.data().join("media")).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names
        .map(|name| name.into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

async fn editor(server: &TestServer) -> Client {
    server
        .wireflow_with(&["workflows:read", "workflows:write"])
        .await
}

#[tokio::test]
async fn what_is_uploaded_is_listed_fetched_without_a_key_and_removed() {
    let server = TestServer::start_with_manual_clock().await;
    let client = editor(&server).await;
    let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let made = uploaded(&client, "cat.png", "image/png", &content).await;
    let path = path_of(&server, &made);
    assert_eq!(
        made,
        json!({
            "id": made["id"], "url": made["url"], "name": "cat.png", "contentType": "image/png", "sizeBytes": 300_000,
            "createdAt": "2024-01-15T10:00:00.000Z", "expiresAt": "2024-01-22T10:00:00.000Z",
        })
    );
    let listed = client.get(MEDIA).await;
    assert_eq!(listed.json(), json!([made]));

    let fetched = fetch(&server, &path).await;
    assert_eq!(fetched.status, StatusCode::OK);
    assert!(fetched.bytes == content, "other bytes came back");
    let head = fetch_as(Method::HEAD, &server, &path).await;
    assert!(head.bytes.is_empty());
    for seen in [&fetched, &head] {
        assert_eq!(seen.header("content-type"), "image/png");
        assert_eq!(seen.header("content-length"), "300000");
        assert_eq!(
            seen.header("content-disposition"),
            "attachment; filename*=UTF-8''cat.png"
        );
        assert_eq!(seen.header("x-content-type-options"), "nosniff");
        assert_eq!(
            seen.header("content-security-policy"),
            "sandbox; default-src 'none'"
        );
        assert_eq!(seen.header("cache-control"), "private");
        assert_eq!(seen.header("x-ratelimit-limit"), "1000");
    }

    let removed = client.send(Method::DELETE, &one(&made), Value::Null).await;
    assert_eq!(removed.json(), json!({ "id": made["id"], "deleted": true }));
    assert_eq!(lying(&server), [""; 0]);
    assert_eq!(client.get(MEDIA).await.json(), json!([]));
    assert_eq!(fetch(&server, &path).await.status, StatusCode::NOT_FOUND);
    let again = client.send(Method::DELETE, &one(&made), Value::Null).await;
    assert_eq!(
        super::told(&again),
        r#"404 {"error":"There is no such file."}"#
    );

    let audit = server.admin().get("/api/v1/audit").await.data();
    let audit = audit.as_array().expect("rows").iter();
    let told: Vec<&Value> = audit
        .filter(|row| row["target"] == made["id"])
        .map(|row| &row["action"])
        .collect();
    assert_eq!(told, ["media.deleted", "media.created"]);
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = uploaded(&client, "a", "text/plain", b"secret").await;
    let folder = server.data().join("media");
    let file = folder.join(made["id"].as_str().expect("an id"));
    for (path, mode) in [(&folder, 0o700), (&file, 0o600)] {
        let found = std::fs::metadata(path).expect("there").permissions().mode();
        assert_eq!(found & 0o777, mode, "{}", path.display());
    }
}

#[tokio::test]
async fn the_list_goes_from_the_newest_on_in_pages() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(uploaded(&client, name, "text/plain", b"").await["id"].clone());
    }
    let page = async |query: &str| {
        let listed = client.get(&format!("{MEDIA}{query}")).await.json();
        let listed = listed.as_array().expect("a bare array").clone();
        listed
            .iter()
            .map(|one| one["id"].clone())
            .collect::<Vec<_>>()
    };
    let [a, b, c] = [0, 1, 2].map(|at: usize| ids[at].clone());
    assert_eq!(page("").await, [c.clone(), b.clone(), a.clone()]);
    assert_eq!(page("?limit=2").await, [c, b.clone()]);
    let after_b = format!("?cursor={}", b.as_str().expect("an id"));
    assert_eq!(page(&after_b).await, std::slice::from_ref(&a));
    // The page goes on there although its file is gone.
    let gone = client
        .send(Method::DELETE, &one(&json!({ "id": b })), Value::Null)
        .await;
    assert_eq!(gone.status, StatusCode::OK);
    assert_eq!(page(&after_b).await, [a]);
    for wrong in ["?limit=0", "?limit=1001", "?cursor=a%20b", "?page=2"] {
        let answer = client.get(&format!("{MEDIA}{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn only_keys_with_the_scope_that_are_bound_to_nothing_reach_files() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let made = uploaded(&client, "a", "text/plain", b"secret").await;
    let body = || form(&[file("b", "text/plain", b"b")]);

    let reader = server.wireflow_with(&["workflows:read"]).await;
    let refused = send_form(&reader, body()).await;
    assert_eq!(
        super::told(&refused),
        r#"403 {"error":"Forbidden","required":["workflows:write"]}"#
    );
    let refused = reader.send(Method::DELETE, &one(&made), Value::Null).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let writer = server.wireflow_with(&["workflows:write"]).await;
    assert_eq!(writer.get(MEDIA).await.status, StatusCode::FORBIDDEN);
    let nobody = server.anonymous().bearer();
    assert_eq!(
        send_form(&nobody, body()).await.status,
        StatusCode::UNAUTHORIZED
    );

    let step =
        json!([{ "id": "say", "type": "transform", "config": { "sourceData": { "said": 1 } } }]);
    let workflow = server.workflow("bound", step).await;
    for binding in ["workflowId", "workflowPrefix"] {
        let mut key = json!({ "name": "bound", "format": "sk", "scopes": ["workflows:read", "workflows:write"] });
        key[binding] = json!(workflow);
        let bound = server.with_key(key).await.1.bearer();
        let refused = send_form(&bound, body()).await;
        assert_eq!(
            super::told(&refused),
            r#"403 {"error":"This key is bound to workflows; an uploaded file belongs to none.","code":"forbidden","type":"invalid_request_error"}"#
        );
        assert_eq!(bound.get(MEDIA).await.json(), json!([]));
        let refused = bound.send(Method::DELETE, &one(&made), Value::Null).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(lying(&server), [made["id"].as_str().expect("an id")]);
}
