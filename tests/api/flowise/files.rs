//! Files that are sent along with questions: as form parts, as data URLs, as text that was read before.

use super::{flow_with, key, made, refusal, text};
use crate::support::{Answer, Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Bytes that are no text.
const IMAGE: &[u8] = b"\x89PNG\r\n\x1a\n\xff<script>";

/// One part of a form: its name, its file's name and type, what is in it.
type Part<'a> = (&'a str, Option<(&'a str, &'a str)>, &'a [u8]);

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, bytes) in parts {
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"").bytes());
        if let Some((file, mime)) = file {
            body.extend(format!("; filename=\"{file}\"\r\nContent-Type: {mime}").bytes());
        }
        body.extend(b"\r\n\r\n");
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(b"--b--\r\n");
    body
}

async fn send(client: &Client, path: &str, parts: &[Part<'_>]) -> Answer {
    let request = client
        .request(Method::POST, path)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form(parts));
    Answer::read(request.send().await.expect("an answer")).await
}

/// A flow that says which files it was given, and the question.
fn reading(fields: Value) -> Value {
    let body = flow_with(fields);
    let drawing = text(&body["flowData"]).replace(
        "You said: {{question}}",
        "{{file_attachment}}|{{question}}|{{$vars.tone}}",
    );
    let mut body = body;
    body["flowData"] = json!(drawing);
    body
}

fn prediction(flow: &str) -> String {
    format!("/flowise/api/v1/prediction/{flow}")
}

#[tokio::test]
async fn a_form_asks_as_json_does_and_its_files_go_along() {
    let server = TestServer::start().await;
    let opened = json!({ "overrideConfig": { "status": true, "variables": [{ "name": "tone", "enabled": true }] } });
    let body = reading(json!({ "isPublic": true, "apiConfig": opened.to_string() }));
    let flow = made(&server, body).await;
    let nobody = server.anonymous();
    let overrides = br#"{"sessionId":"s","vars":"{\"tone\":\"kind\"}"}"#;
    let parts: [Part<'_>; 7] = [
        ("question", None, b"Hi"),
        ("chatId", None, b"c"),
        ("overrideConfig", None, overrides),
        (
            "history",
            None,
            br#"[{"type":"userMessage","message":"Before"}]"#,
        ),
        ("other", None, b"\xff"),
        (
            "files",
            Some(("../a'b.md", "text/markdown")),
            "# Hällo".as_bytes(),
        ),
        ("files", Some(("cat.png", "image/png")), IMAGE),
    ];
    let answer = send(&nobody, &prediction(&flow), &parts).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let told = answer.json();
    assert_eq!(told["text"], "<doc name='ab.md'># Hällo</doc>\n|Hi|kind");
    assert_eq!(
        json!([told["chatId"], told["sessionId"]]),
        json!(["c", "s"])
    );
    let admin = server.admin().bearer();
    let said = admin
        .get(&format!("/flowise/api/v1/chatmessage/{flow}"))
        .await
        .json();
    let files = json!([
        { "type": "file:full", "name": "a'b.md", "mime": "text/markdown" },
        { "type": "stored-file", "name": "cat.png", "mime": "image/png" },
    ]);
    assert_eq!(said[0]["fileUploads"], files);

    refused_forms(&server, &flow).await;
}

/// A form that does not fit is told why, and asks nothing.
async fn refused_forms(server: &TestServer, flow: &str) {
    let (nobody, admin) = (server.anonymous(), server.admin().bearer());
    let path = prediction(flow);
    let question: Part<'_> = ("question", None, b"Hi");
    for (part, status, why) in [
        (("question", None, &b"Again"[..]), 400, "twice"),
        (("history", None, b"[{"), 400, "`history` is not JSON"),
        (("history", None, b"{}"), 400, "`history` is a list"),
        (("chatId", None, b"\xff"), 400, "not UTF-8"),
        (
            ("files", Some(("a.pdf", "application/pdf")), IMAGE),
            400,
            "`a.pdf` is no text",
        ),
        (
            ("files", Some(("a.txt", "text/plain")), b"a\0b"),
            400,
            "`a.txt` is no text",
        ),
        (
            ("overrideConfig", None, "[".repeat(100).as_bytes()),
            400,
            "64 levels",
        ),
        (
            ("files", Some(("a.txt", "text/plain")), &[b'x'; 3 << 20]),
            413,
            "max_body_bytes",
        ),
    ] {
        let (got, message) = refusal(&send(&nobody, &path, &[question, part]).await);
        assert_eq!(got, status, "{message}");
        assert!(message.contains(why), "{message}");
    }
    let many = vec![question; 17];
    assert_eq!(refusal(&send(&nobody, &path, &many).await).0, 400);
    let said = admin
        .get(&format!("/flowise/api/v1/chatmessage/{flow}"))
        .await
        .json();
    assert_eq!(
        said.as_array().map(Vec::len),
        Some(2),
        "what was refused was not asked"
    );
}

#[tokio::test]
async fn an_image_is_fetched_by_who_may_ask_and_holds_the_name_of_the_conversation() {
    let server = TestServer::start().await;
    let open = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let closed = made(&server, flow_with(json!({}))).await;
    let (_, may) = key(&server, &["predictions:create"]).await;
    let nobody = server.anonymous();
    let svg = ("evil.svg", "image/svg+xml");
    for (client, flow) in [(&nobody, &open), (&may, &closed)] {
        let parts: [Part<'_>; 4] = [
            ("question", None, b"Hi"),
            ("chatId", None, b"c"),
            ("files", Some(("cat 1.png", "image/png")), IMAGE),
            ("files", Some(svg), b"<svg><script/></svg>"),
        ];
        let answer = send(client, &prediction(flow), &parts).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
    let path = |flow: &str, chat: &str, name: &str| {
        format!("/flowise/api/v1/get-upload-file?chatflowId={flow}&chatId={chat}&fileName={name}")
    };
    let request = nobody.request(Method::GET, &path(&open, "c", "evil.svg"));
    let answer = request.send().await.expect("an answer");
    let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "application/octet-stream");
    assert_eq!(
        header("content-disposition"),
        "attachment; filename*=UTF-8''evil.svg"
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(
        header("content-security-policy"),
        "sandbox; default-src 'none'"
    );
    assert_eq!(
        &answer.bytes().await.expect("bytes")[..],
        b"<svg><script/></svg>"
    );
    let name = "cat%201.png&download=true";
    let image = may
        .request(Method::GET, &path(&closed, "c", name))
        .send()
        .await
        .expect("an answer");
    assert_eq!(image.headers()["content-type"], "image/png");
    assert_eq!(&image.bytes().await.expect("bytes")[..], IMAGE);

    hidden_images(&server, [&open, &closed], &may).await;
}

/// Nobody sees an image who may not ask its flow, or does not know its conversation; and it goes with its message.
async fn hidden_images(server: &TestServer, [open, closed]: [&str; 2], may: &Client) {
    let nobody = &server.anonymous();
    let path = |flow: &str, chat: &str, name: &str| {
        format!("/flowise/api/v1/get-upload-file?chatflowId={flow}&chatId={chat}&fileName={name}")
    };
    for (client, path, status) in [
        (nobody, path(closed, "c", "evil.svg"), 401),
        (nobody, path(open, "d", "evil.svg"), 404),
        (nobody, path(open, "c", "none.png"), 404),
        (nobody, path("none", "c", "evil.svg"), 401),
        (may, path("none", "c", "evil.svg"), 400),
        (
            nobody,
            "/flowise/api/v1/get-upload-file?chatId=c".to_owned(),
            401,
        ),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
    }
    let messages = format!("/flowise/api/v1/chatmessage/{open}?chatId=c");
    server
        .admin()
        .bearer()
        .send(Method::DELETE, &messages, Value::Null)
        .await;
    let gone = nobody.get(&path(open, "c", "evil.svg")).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_upload_that_is_no_image_is_refused() {
    let server = TestServer::start().await;
    let flow = made(&server, flow_with(json!({ "isPublic": true }))).await;
    let upload = |kind: &str, data: &str| json!({ "type": kind, "name": "a", "mime": "image/png", "data": data });
    let good = upload("file", "data:image/png;base64,AAAA");
    for (uploads, why) in [
        (
            json!([upload("file", "data:image/png,AAAA")]),
            "is no data URL with base64",
        ),
        (
            json!([upload("file", "data:image/png;base64,?")]),
            "is no data URL with base64",
        ),
        (
            json!([upload("file", "data:text/html;base64,AAAA")]),
            "is not taken here",
        ),
        (
            json!([upload("url", "file:///etc/passwd")]),
            "is not taken here",
        ),
        (
            json!([upload("audio", "data:audio/wav;base64,AAAA")]),
            "`audio` is not taken here",
        ),
        (json!(vec![good; 33]), "it may have 32"),
    ] {
        let body = json!({ "question": "Hi", "uploads": uploads });
        let (status, message) = refusal(&super::ask(&server.anonymous(), &flow, body).await);
        assert!(status == 400 && message.contains(why), "{status} {message}");
    }
}

#[tokio::test]
async fn the_text_of_files_is_read_where_the_flow_takes_them() {
    let server = TestServer::start().await;
    let config = |upload: Value| json!({ "isPublic": true, "chatbotConfig": json!({ "fullFileUpload": upload }).to_string() });
    let on = config(json!({ "status": true, "allowedUploadFileTypes": "text/plain,text/csv" }));
    let takes = made(&server, flow_with(on)).await;
    let off = made(&server, flow_with(config(json!({ "status": false })))).await;
    let (_, bound) = key(&server, &["predictions:create"]).await;
    let closed = made(&server, flow_with(json!({}))).await;
    let nobody = server.anonymous();
    let path = |flow: &str| format!("/flowise/api/v1/attachments/{flow}/c+1");
    let csv: Part<'_> = ("files", Some(("dir/a.csv", "text/csv")), b"a;b\n");
    let plain: Part<'_> = ("files", Some(("b.txt", "text/plain")), "ä".as_bytes());
    let read = send(&nobody, &path(&takes), &[csv, plain]).await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.text);
    let expected = json!([
        { "name": "a.csv", "mimeType": "text/csv", "size": 4, "content": "a;b\n" },
        { "name": "b.txt", "mimeType": "text/plain", "size": 2, "content": "ä" },
    ]);
    assert_eq!(read.json(), expected);
    for (flow, part, status, why) in [
        (
            &takes,
            ("files", Some(("a.html", "text/html")), &b"x"[..]),
            400,
            "does not take",
        ),
        (
            &takes,
            ("files", Some(("a.csv", "text/csv")), IMAGE),
            400,
            "is no text",
        ),
        (
            &takes,
            ("file", Some(("a.csv", "text/csv")), b"x"),
            400,
            "no field `files`",
        ),
        (
            &off,
            csv,
            400,
            "File upload is not enabled for this chatflow",
        ),
        (&closed, csv, 401, "missing"),
    ] {
        let (got, message) = refusal(&send(&nobody, &path(flow), &[part]).await);
        assert_eq!(got, status, "{message}");
        assert!(message.contains(why), "{message}");
    }
    let (_, viewer) = key(&server, &["agentflows:view"]).await;
    assert_eq!(
        send(&viewer, &path(&closed), &[csv]).await.status,
        StatusCode::FORBIDDEN
    );
    let enabled = "File upload is not enabled for this chatflow";
    assert_eq!(
        refusal(&send(&bound, &path(&closed), &[csv]).await),
        (400, enabled.to_owned())
    );
    let json = nobody.post(&path(&takes), json!({})).await;
    assert_eq!(json.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
