//! Forms as clients send them, and as they should not.

use super::{
    BOUNDARY, UPLOAD, editor, fetch, field, file, form, lying, path_of, send_as, send_form,
    uploaded,
};
use crate::raw::request;
use crate::support::TestServer;
use futures_util::stream;
use reqwest::{Body, StatusCode};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// The same bytes, sent in pieces and without saying how many they are.
fn in_pieces(bytes: &[u8], piece_bytes: usize) -> Body {
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = bytes
        .chunks(piece_bytes)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test]
async fn a_name_is_kept_without_what_could_harm() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    for (sent, name, header) in [
        ("a \\\"b\\\".png", "a \"b\".png", "a%20%22b%22.png"),
        ("../../etc/passwd", "passwd", "passwd"),
        ("C:\\temp\\cat.png", "cat.png", "cat.png"),
        (
            "Katze \u{e4}\u{1f431}.png",
            "Katze \u{e4}\u{1f431}.png",
            "Katze%20%C3%A4%F0%9F%90%B1.png",
        ),
        (
            "a%0D%0Ax-evil: 1",
            "a%0D%0Ax-evil: 1",
            "a%250D%250Ax-evil%3A%201",
        ),
        ("a; b='c'*", "a; b='c'*", "a%3B%20b%3D%27c%27%2A"),
        ("..", "file", "file"),
        ("", "file", "file"),
    ] {
        let made = uploaded(&client, sent, "image/png", b"x").await;
        assert_eq!(made["name"], name, "{sent}");
        let fetched = fetch(&server, &path_of(&server, &made)).await;
        assert_eq!(
            fetched.header("content-disposition"),
            format!("attachment; filename*=UTF-8''{header}"),
            "{sent}"
        );
        assert!(fetched.headers.get("x-evil").is_none());
    }
    // A line break ends the header of the field, and what follows is a header of the field.
    let broken = file("a\r\nx-evil: 1\r\nb", "image/png", b"x");
    let answer = send_form(&client, form(&[broken])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
    let nameless = send_form(&client, form(&[field("name=file", b"x")])).await;
    assert_eq!(nameless.data()["name"], "file");
    let long = form(&[file(&"x".repeat(256), "image/png", b"x")]);
    let refused = send_form(&client, long).await;
    assert_eq!(
        super::super::told(&refused),
        r#"400 {"error":"The file's name has 256 bytes, more than 255.","code":"validation_error","type":"invalid_request_error"}"#
    );
    assert_eq!(
        uploaded(&client, &"x".repeat(255), "image/png", b"x").await["sizeBytes"],
        1
    );
}

#[tokio::test]
async fn whatever_the_pieces_the_file_is_the_same() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    // What looks like the boundary, and is not.
    let tricky = format!(
        "\r\n--{BOUNDARX}\r\n--\r\r\n--{}",
        &BOUNDARY[..5],
        BOUNDARX = "a-boundarx"
    );
    let content = tricky.repeat(50).into_bytes();
    let fields = [
        field("name=\"note\"", b"let be"),
        file("a.bin", "image/png", &content),
        field("name=\"more\"; filename=\"b\"", &content),
    ];
    let whole = form(&fields);
    for piece_bytes in [1, 7, 1_000, whole.len()] {
        let answer = send_form(&client, in_pieces(&whole, piece_bytes)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        assert_eq!(answer.data()["name"], "a.bin");
        let fetched = fetch(&server, &path_of(&server, &answer.data())).await;
        assert!(fetched.bytes == content, "{piece_bytes}");
    }
    let empty = uploaded(&client, "empty", "text/plain", b"").await;
    assert_eq!(empty["sizeBytes"], 0);
    let fetched = fetch(&server, &path_of(&server, &empty)).await;
    assert_eq!((fetched.status, fetched.bytes.len()), (StatusCode::OK, 0));
    assert_eq!(fetched.header("content-length"), "0");
}

#[tokio::test]
async fn a_form_that_does_not_fit_is_refused_by_name_and_leaves_nothing() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let good = || file("a", "text/plain", b"content");
    let whole = form(&[good()]);
    let early = whole[..whole.len() - 10].to_vec();
    let long_head = field(
        &format!("name=\"file\"; x=\"{}\"", "y".repeat(100_000)),
        b"x",
    );
    let many: Vec<Vec<u8>> = (0..17)
        .map(|n| field(&format!("name=n{n}"), b"x"))
        .collect();
    let before = [vec![b'x'; 100_000], form(&[good()])].concat();
    for (body, sentence) in [
        (
            form(&[field("name=\"files\"", b"x")]),
            "The form has no field `file`, as in `curl -F file=@cat.png`.",
        ),
        (form(&[]), "The form has no field `file`"),
        (
            form(&[good(), good()]),
            "The form has two fields `file`; send one file in a request.",
        ),
        (early, "The form does not fit: "),
        (whole[..20].to_vec(), "The form does not fit: "),
        (Vec::new(), "The form does not fit: "),
        (b"no form at all".to_vec(), "The form does not fit: "),
        (long_head, "more than 16384 bytes"),
        (before, "more than 16384 bytes"),
        (form(&many), "The form has more than 16 fields."),
    ] {
        let answer = send_form(&client, body).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{sentence}: {}",
            answer.text
        );
        let error = answer.json()["error"]
            .as_str()
            .expect("a sentence")
            .to_owned();
        assert!(error.contains(sentence), "{sentence}: {error}");
        assert_eq!(lying(&server), [""; 0], "{sentence}");
    }
    for (content_type, status) in [
        (
            "multipart/form-data; boundary=another",
            StatusCode::BAD_REQUEST,
        ),
        ("multipart/form-data", StatusCode::BAD_REQUEST),
        (
            "multipart/mixed; boundary=a-boundary",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("image/png", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        ("application/json", StatusCode::BAD_REQUEST),
    ] {
        let answer = send_as(&client, content_type, whole.clone()).await;
        assert_eq!(answer.status, status, "{content_type}: {}", answer.text);
        assert_eq!(lying(&server), [""; 0], "{content_type}");
    }
}

#[tokio::test]
async fn a_form_that_takes_too_long_leaves_nothing() {
    let server = TestServer::start_with(flowlatch::clock::Clock::system(), |config| {
        config.body_timeout_ms = 100;
    })
    .await;
    let client = editor(&server).await;
    let begin = file("a", "text/plain", b"some of it");
    let never = stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let slow = futures_util::StreamExt::chain(stream::iter([Ok(begin)]), never);
    let answer = send_form(&client, Body::wrap_stream(slow)).await;
    assert_eq!(
        answer.status,
        StatusCode::REQUEST_TIMEOUT,
        "{}",
        answer.text
    );
    assert_eq!(lying(&server), [""; 0]);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_nothing() {
    let server = TestServer::start().await;
    let client = editor(&server).await;
    let key = format!("Bearer {}", client.key.clone().expect("a key"));
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let begin = file("a", "text/plain", &[b'x'; 50_000]);
    let host = server.address().to_string();
    let head = [
        ("host", host.as_str()),
        ("authorization", key.as_str()),
        ("content-type", content_type.as_str()),
        ("content-length", "1000000"),
    ];
    let mut connection = TcpStream::connect(server.address())
        .await
        .expect("a connection");
    let bytes = request("POST", UPLOAD, &head, &begin);
    connection.write_all(&bytes).await.expect("taken");
    until(|| lying(&server).iter().any(|name| name.ends_with(".part"))).await;
    drop(connection);
    until(|| lying(&server).is_empty()).await;
    // Its room is free again.
    assert_eq!(client.get(super::MEDIA).await.json(), json!([]));
}

async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it comes to pass");
}
