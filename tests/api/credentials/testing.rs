//! The test call of a connection, and what it says of it.

use super::{bearer, connection, scene};
use crate::upstream::Reply;
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn a_test_tells_whether_the_other_side_takes_the_credential() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let id = connection(&admin, bearer("crm", "planted-token")).await;
    let one = format!("/api/v1/connections/{id}");
    upstream.answer("/refuses", |call, _| {
        Reply::text(401, &format!("not {:?}", call.headers["authorization"]))
    });
    upstream.answer("/is-missing", |_, _| Reply::text(404, "no"));
    for (path, ok, status, standing) in [
        ("/is-missing", false, 404, "active"),
        ("/takes", true, 200, "active"),
        ("/refuses", false, 401, "error"),
        ("/is-missing", false, 404, "error"),
        ("/takes", true, 200, "active"),
    ] {
        let body = json!({ "url": upstream.url(path) });
        let tested = admin.post(&format!("{one}/test"), body).await;
        assert_eq!(tested.status, StatusCode::OK, "{}", tested.text);
        let data = tested.data();
        assert_eq!(
            (&data["ok"], &data["status"]),
            (&json!(ok), &json!(status)),
            "{path}"
        );
        let now = admin.get(&one).await;
        assert_eq!(now.data()["status"], standing, "{path}");
        assert_eq!(
            now.data()["lastTest"],
            json!(format!("it answered {status}"))
        );
        assert!(now.data()["lastTestedAt"].is_string());
        assert!(!tested.text.contains("planted") && !now.text.contains("planted"));
    }
    let call = &upstream.calls("/takes")[0];
    assert_eq!(
        (call.method.as_str(), &call.headers["authorization"]),
        ("GET", &"Bearer planted-token".parse().unwrap())
    );
    let audit = admin.get("/api/v1/audit?action=connection.tested").await;
    assert_eq!(audit.data().as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_test_goes_to_bound_hosts_only() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let id = connection(&admin, bearer("crm", "planted-token")).await;
    let test = format!("/api/v1/connections/{id}/test");
    for url in [
        "http://localhost/x",
        "ftp://127.0.0.1/",
        "127.0.0.1",
        "",
        "http://[::1]/",
    ] {
        let refused = admin.post(&test, json!({ "url": url })).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{url}: {}",
            refused.text
        );
    }
    // Without a URL, the first host over https: nobody speaks that here.
    let unreachable = admin.post(&test, json!({ "url": "/x" })).await;
    assert_eq!(unreachable.data()["ok"], false, "{}", unreachable.text);
    assert!(
        unreachable.data()["message"]
            .as_str()
            .is_some_and(|text| text.contains("https://127.0.0.1"))
    );
    assert!(upstream.calls_by_key().is_empty());
    let body = json!({ "name": "m", "provider": "m", "type": "smtp", "credentials": { "host": "127.0.0.1" } });
    let mail = connection(&admin, body).await;
    let refused = admin
        .post(
            &format!("/api/v1/connections/{mail}/test"),
            json!({ "url": upstream.url("/x") }),
        )
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    assert!(refused.text.contains("leave `url` out"), "{}", refused.text);
    assert!(upstream.calls_by_key().is_empty());
}
