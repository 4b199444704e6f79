//! How large a file may be, and all of them together.

use super::{editor, file, form, lying, one, send_form, uploaded};
use crate::support::{Client, TestServer};
use flowlatch::clock::Clock;
use flowlatch::config::Config;
use futures_util::{future, stream};
use reqwest::{Body, Method, StatusCode};
use serde_json::Value;

async fn server(configure: impl FnOnce(&mut Config)) -> (TestServer, Client) {
    let server = TestServer::start_with(Clock::system(), configure).await;
    let client = editor(&server).await;
    (server, client)
}

/// The same bytes, without saying how many they are.
fn unannounced(bytes: Vec<u8>) -> Body {
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = bytes
        .chunks(10_000)
        .map(|piece| Ok(piece.to_vec()))
        .collect();
    Body::wrap_stream(stream::iter(pieces))
}

#[tokio::test]
async fn a_file_is_so_large_and_no_larger() {
    let (server, client) = server(|config| config.media.max_file_bytes = 100_000).await;
    let whole = |bytes: usize| form(&[file("a", "text/plain", &vec![b'x'; bytes])]);
    for bytes in [100_001, 170_000, 1_000_000] {
        for is_announced in [true, false] {
            let body = match is_announced {
                true => Body::from(whole(bytes)),
                false => unannounced(whole(bytes)),
            };
            let refused = send_form(&client, body).await;
            assert_eq!(
                super::super::told(&refused),
                r#"413 {"error":"The file is larger than 100000 bytes (setting `max_media_bytes`).","code":"payload_too_large","type":"invalid_request_error"}"#,
                "{bytes}, {is_announced}"
            );
            assert_eq!(lying(&server), [""; 0]);
        }
    }
    let largest = send_form(&client, whole(100_000)).await;
    assert_eq!(largest.data()["sizeBytes"], 100_000, "{}", largest.text);
    // Fields beside the file are bounded too.
    let beside = [
        super::field("name=note", &[b'x'; 170_000]),
        file("a", "text/plain", b"x"),
    ];
    let refused = send_form(&client, form(&beside)).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn all_files_together_never_have_more_than_they_may() {
    const TOTAL: u64 = 100_000;
    let (server, client) = server(|config| config.media.max_total_bytes = TOTAL).await;
    let whole = || form(&[file("a", "text/plain", &[b'x'; 30_000])]);
    let uploads = (0..12).map(|_| send_form(&client, unannounced(whole())));
    let answers = future::join_all(uploads).await;
    let (kept, refused): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::CREATED);
    assert!(kept.len() <= 3, "{} are kept", kept.len());
    for answer in refused {
        assert_eq!(
            super::super::told(answer),
            r#"507 {"error":"All files together may have 100000 bytes (setting `max_media_total_bytes`); delete some first.","code":"insufficient_storage","type":"api_error"}"#
        );
    }
    assert_eq!(lying(&server).len(), kept.len());
    // What came to nothing has given its room back: there is exactly as much as there should be.
    let mut files: Vec<Value> = kept.iter().map(|answer| answer.data()).collect();
    while files.len() < 3 {
        files.push(uploaded(&client, "more", "text/plain", &[b'x'; 30_000]).await);
    }
    uploaded(&client, "rest", "text/plain", &[b'x'; 10_000]).await;
    let full = send_form(&client, form(&[file("a", "text/plain", b"x")])).await;
    assert_eq!(full.status, StatusCode::INSUFFICIENT_STORAGE);
    uploaded(&client, "nothing", "text/plain", b"").await;
    let removed = client
        .send(Method::DELETE, &one(&files[0]), Value::Null)
        .await;
    assert_eq!(removed.status, StatusCode::OK);
    uploaded(&client, "again", "text/plain", &[b'x'; 30_000]).await;
    let full = send_form(&client, form(&[file("a", "text/plain", b"x")])).await;
    assert_eq!(full.status, StatusCode::INSUFFICIENT_STORAGE);
}

#[tokio::test]
async fn a_restart_knows_what_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let total = |config: &mut Config| config.media.max_total_bytes = 50_000;
    let server = TestServer::open(folder.path(), Clock::system(), total).await;
    let client = editor(&server).await;
    uploaded(&client, "a", "text/plain", &[b'x'; 30_000]).await;
    let key = client.key.clone();
    server.stop().await;
    let server = TestServer::open(folder.path(), Clock::system(), total).await;
    let client = server.client(key).bearer();
    let full = send_form(&client, form(&[file("b", "text/plain", &[b'x'; 20_001])])).await;
    assert_eq!(full.status, StatusCode::INSUFFICIENT_STORAGE);
    uploaded(&client, "b", "text/plain", &[b'x'; 20_000]).await;
    server.stop().await;
}
