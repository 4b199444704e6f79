//! Steps that call with a connection: how it is named, and how its credential is sent.

use super::{bearer, calling, connection, scene};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn each_kind_is_sent_as_it_should_be() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let kinds = [
        (
            "api-key",
            json!({ "key": "k e&y", "name": "X-Api-Key" }),
            "x-api-key",
            "k e&y",
        ),
        (
            "bearer",
            json!({ "token": "tok-en" }),
            "authorization",
            "Bearer tok-en",
        ),
        (
            "basic",
            json!({ "username": "me", "password": "öffne" }),
            "authorization",
            "Basic bWU6w7ZmZm5l",
        ),
        (
            "basic",
            json!({ "username": "sk_live_1" }),
            "authorization",
            "Basic c2tfbGl2ZV8xOg==",
        ),
    ];
    for (index, (kind, credentials, header, value)) in kinds.into_iter().enumerate() {
        let body = json!({ "name": "n", "provider": format!("p{index}"), "type": kind, "credentials": credentials,
            "hosts": ["127.0.0.1"] });
        let id = connection(&admin, body).await;
        let path = format!("/{index}");
        // A header of the step's own gives way to the connection's.
        let more = json!({ "connection": id, "headers": { header: "own" } });
        let workflow = server
            .workflow("w", calling(&upstream.url(&path), more))
            .await;
        assert_eq!(admin.run(&workflow, json!({})).await["status"], "completed");
        let call = &upstream.calls(&path)[0];
        let sent: Vec<_> = call.headers.get_all(header).iter().collect();
        assert_eq!(sent, [value], "{kind}");
    }
    let body = json!({ "name": "n", "provider": "query", "type": "api-key", "hosts": ["127.0.0.1"],
        "credentials": { "key": "k e&y", "name": "key", "in": "query" } });
    let id = connection(&admin, body).await;
    let more = json!({ "connectionId": id, "params": { "q": "1", "key": "own" } });
    let workflow = server
        .workflow("w", calling(&upstream.url("/q?a=b"), more))
        .await;
    assert_eq!(admin.run(&workflow, json!({})).await["status"], "completed");
    assert_eq!(upstream.calls("/q")[0].target, "/q?a=b&q=1&key=k+e%26y");
}

#[tokio::test]
async fn a_provider_means_the_only_active_one_or_the_default() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let steps = calling(&upstream.url("/call"), json!({ "connection": "crm" }));
    let workflow = server.workflow("w", steps).await;
    let outcome = async || {
        let run = admin.run(&workflow, json!({})).await;
        let error = run["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let calls = upstream.calls("/call");
        let sent = calls
            .last()
            .and_then(|call| call.headers.get("authorization").cloned());
        let sent = sent.map(|value| value.to_str().expect("ASCII").to_owned());
        (
            run["status"] == "completed",
            sent.unwrap_or_default(),
            error,
        )
    };
    let (done, _, error) = outcome().await;
    assert!(
        !done && error.contains("no active connection of the provider `crm`"),
        "{error}"
    );
    let first = connection(&admin, bearer("crm", "token-one")).await;
    assert_eq!(outcome().await.1, "Bearer token-one");
    let second = connection(&admin, bearer("crm", "token-two")).await;
    let (done, _, error) = outcome().await;
    assert!(
        !done && error.contains("several active connections"),
        "{error}"
    );
    let path = format!("/api/v1/connections/{second}");
    admin
        .send(Method::PUT, &path, json!({ "isDefault": true }))
        .await;
    assert_eq!(outcome().await.1, "Bearer token-two");
    // Another credential counts from the next attempt on.
    let rotated = json!({ "credentials": { "token": "token-new" } });
    admin.send(Method::PUT, &path, rotated).await;
    assert_eq!(outcome().await.1, "Bearer token-new");
    admin.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(outcome().await.1, "Bearer token-one");
    let gone = format!("/api/v1/connections/{first}");
    admin.send(Method::DELETE, &gone, Value::Null).await;
    assert!(!outcome().await.0);
}

#[tokio::test]
async fn a_run_may_be_started_with_a_connection() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let first = connection(&admin, bearer("crm", "token-one")).await;
    let mut default = bearer("crm", "token-two");
    default["isDefault"] = json!(true);
    connection(&admin, default).await;
    let other = connection(&admin, bearer("other", "token-other")).await;
    let steps = calling(&upstream.url("/call"), json!({ "connection": "crm" }));
    let workflow = server.workflow("w", steps).await;
    let run = format!("/api/v1/workflows/{workflow}/run");
    for (choice, sent) in [(&first, "Bearer token-one"), (&other, "Bearer token-two")] {
        let body = json!({ "mode": "sync", "connectionId": choice });
        let done = admin.post(&run, body).await;
        assert_eq!(done.data()["status"], "completed", "{}", done.text);
        let calls = upstream.calls("/call");
        assert_eq!(calls.last().expect("a call").headers["authorization"], sent);
    }
    // The same key with another choice is another request.
    let keyed =
        |choice: &str| json!({ "idempotencyKey": "k", "connectionId": choice, "mode": "sync" });
    assert_eq!(admin.post(&run, keyed(&first)).await.status, StatusCode::OK);
    let replayed = admin.post(&run, keyed(&first)).await;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        admin.post(&run, keyed(&other)).await.status,
        StatusCode::CONFLICT
    );

    let scopes = ["workflows:execute"];
    let bound = json!({ "name": "bound", "scopes": scopes, "workflowId": workflow });
    let (_, bound) = server.with_key(bound).await;
    for (client, choice) in [
        (&admin, "conn_none"),
        (&admin, "crm"),
        (&admin, ""),
        (&bound, first.as_str()),
    ] {
        let refused = client.post(&run, json!({ "connectionId": choice })).await;
        assert_eq!(
            refused.status,
            StatusCode::BAD_REQUEST,
            "{choice}: {}",
            refused.text
        );
        assert!(refused.text.contains("`connectionId`"), "{}", refused.text);
    }
    // What it may not choose, it uses all the same: the workflow's author did.
    let done = bound.post(&run, json!({ "mode": "sync" })).await;
    assert_eq!(done.data()["status"], "completed", "{}", done.text);
}

#[tokio::test]
async fn a_retry_keeps_the_choice() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let first = connection(&admin, bearer("crm", "token-one")).await;
    connection(&admin, bearer("crm", "token-two")).await;
    upstream.reply("/call", crate::upstream::Reply::text(400, "no"));
    let steps = calling(&upstream.url("/call"), json!({ "connection": "crm" }));
    let workflow = server.workflow("w", steps).await;
    let body = json!({ "mode": "sync", "connectionId": first });
    let failed = admin
        .post(&format!("/api/v1/workflows/{workflow}/run"), body)
        .await;
    assert_eq!(failed.data()["status"], "failed", "{}", failed.text);
    let run = failed.data()["runId"].as_str().expect("an id").to_owned();
    let retried = admin
        .post(&format!("/api/v1/runs/{run}/retry"), Value::Null)
        .await;
    assert_eq!(retried.status, StatusCode::ACCEPTED, "{}", retried.text);
    upstream.until_called("/call", 2).await;
    for call in upstream.calls("/call") {
        assert_eq!(call.headers["authorization"], "Bearer token-one");
    }
}
