//! Files that the server fetches itself.

use super::{UPLOAD, editor, fetch, lying, path_of};
use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test]
async fn a_url_is_fetched_where_outgoing_calls_may_go_and_nowhere_else() {
    let upstream = Upstream::start().await;
    upstream.answer("/cat.png", |_, _| {
        Reply::text(200, "a cat").with("content-type", "image/png")
    });
    let strict = TestServer::start().await;
    let client = editor(&strict).await;
    let cat = json!({ "url": upstream.url("/cat.png?token=secret") });
    let refused = client.post(UPLOAD, cat.clone()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    assert!(refused.text.contains("outbound_allow"), "{}", refused.text);
    assert!(!refused.text.contains("secret"), "{}", refused.text);
    assert!(upstream.calls("/cat.png").is_empty());
    assert_eq!(lying(&strict), [""; 0]);

    let server = TestServer::start_with(Clock::system(), |config| {
        config.outbound_allow = vec!["127.0.0.1".to_owned()];
        config.media.max_file_bytes = 1024;
        config.max_response_bytes = 4096;
    })
    .await;
    let client = editor(&server).await;
    let made = client.post(UPLOAD, cat).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.data();
    assert_eq!(
        (&made["name"], &made["contentType"], &made["sizeBytes"]),
        (&json!("cat.png"), &json!("image/png"), &json!(5))
    );
    assert_eq!(
        fetch(&server, &path_of(&server, &made)).await.text(),
        "a cat"
    );

    upstream.answer("/gone", |_, _| Reply::text(404, "no"));
    upstream.answer("/large", |_, _| Reply::text(200, &"x".repeat(1025)));
    upstream.answer("/huge", |_, _| Reply::text(200, &"x".repeat(4097)));
    for (url, status, words) in [
        (
            json!(upstream.url("/gone")),
            502,
            "answered with the status 404",
        ),
        (json!(upstream.url("/large")), 413, "max_media_bytes"),
        (json!(upstream.url("/huge")), 502, "max_response_bytes"),
        (json!(server.url), 400, "was not fetched"),
        (json!("file:///etc/passwd"), 400, "was not fetched"),
        (json!("cat.png"), 400, "was not fetched"),
        (
            json!("http://169.254.169.254/latest"),
            400,
            "was not fetched",
        ),
        (json!(7), 400, "invalid type"),
        (Value::Null, 400, "invalid type"),
    ] {
        let answer = client.post(UPLOAD, json!({ "url": url })).await;
        assert_eq!(answer.status.as_u16(), status, "{url}: {}", answer.text);
        assert!(answer.text.contains(words), "{url}: {}", answer.text);
        assert_eq!(lying(&server).len(), 1, "{url}");
    }
    let nothing = client.post(UPLOAD, Value::Null).await;
    assert_eq!(nothing.status, StatusCode::BAD_REQUEST);
    assert!(
        nothing.text.contains("missing field `url`"),
        "{}",
        nothing.text
    );
}
