//! A credential goes to the hosts that its connection is bound to, and nowhere else: not by another spelling, not by a
//! redirect.

use super::{bearer, calling, connection, scene};
use crate::support::{Client, TestServer};
use crate::upstream::{Reply, Upstream};
use serde_json::{Value, json};

/// Calls `url` with the connection: the run.
async fn call(server: &TestServer, admin: &Client, url: &str, id: &str) -> Value {
    let workflow = server
        .workflow("w", calling(url, json!({ "connection": id })))
        .await;
    admin.run(&workflow, json!({})).await
}

fn port(upstream: &Upstream) -> String {
    let url = upstream.url("");
    url.rsplit(':').next().expect("a port").to_owned()
}

/// What a connection is bound to, what is called, and whether it may be. `OWN` and `OTHER` stand for ports.
const BOUND: &str = r"
127.0.0.1 ⇒ 127.0.0.1 ⇒ yes
127.0.0.1:OWN ⇒ 127.0.0.1 ⇒ yes
127.0.0.1:OTHER ⇒ 127.0.0.1 ⇒ no
127.0.0.1 ⇒ localhost ⇒ no
localhost ⇒ 127.0.0.1 ⇒ no
LocalHost. ⇒ localhost ⇒ yes
localhost ⇒ LOCALHOST ⇒ yes
127.0.0.1 ⇒ 2130706433 ⇒ yes
127.0.0.1 ⇒ [::ffff:127.0.0.1] ⇒ no
localhost ⇒ localhost.evil.example ⇒ no
localhost ⇒ evil-localhost ⇒ no
";

#[tokio::test]
async fn a_host_that_is_not_bound_gets_nothing() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let (own, other) = (port(&upstream), port(&Upstream::start().await));
    for line in BOUND.trim().lines() {
        let columns: Vec<&str> = line.split(" ⇒ ").collect();
        let host = columns[0].replace("OWN", &own).replace("OTHER", &other);
        let mut body = bearer("crm", "bound-token");
        body["hosts"] = json!([host]);
        let id = connection(&admin, body).await;
        let before = upstream.calls("/x").len();
        let url = format!("http://{}:{own}/x", columns[1]);
        let run = call(&server, &admin, &url, &id).await;
        let calls = upstream.calls("/x");
        let may = columns[2] == "yes";
        assert_eq!(calls.len() - before, usize::from(may), "{line}: {run}");
        if may {
            let sent = &calls.last().expect("a call").headers["authorization"];
            assert_eq!(sent, "Bearer bound-token");
        } else {
            let error = run["error"]["message"].as_str().expect("a sentence");
            assert!(
                error.contains("is bound to") && error.contains(&id),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_redirect_takes_no_header_to_another_host_or_port() {
    let (server, first) = scene().await;
    let second = Upstream::start().await;
    let admin = server.admin();
    // Bound to both, so that only the redirect is in question.
    let mut body = bearer("crm", "bound-token");
    body["hosts"] = json!(["127.0.0.1", "localhost"]);
    let id = connection(&admin, body).await;
    for (from, to, upstream) in [
        ("/port", second.url("/target-1"), &second),
        (
            "/host",
            format!("http://localhost:{}/target-2", port(&first)),
            &first,
        ),
    ] {
        let target = to.clone();
        first.answer(from, move |_, _| {
            Reply::text(307, "").with("location", target.clone())
        });
        let run = call(&server, &admin, &first.url(from), &id).await;
        assert_eq!(run["status"], "completed", "{run}");
        let path = format!("/{}", to.rsplit('/').next().expect("a path"));
        let arrived = upstream.calls(&path);
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].headers.get("authorization"), None, "{to}");
        assert_eq!(
            first.calls(from)[0].headers["authorization"],
            "Bearer bound-token"
        );
    }
    first.answer("/own", |_, _| Reply::text(302, "").with("location", "/end"));
    call(&server, &admin, &first.url("/own"), &id).await;
    assert_eq!(
        first.calls("/end")[0].headers["authorization"],
        "Bearer bound-token"
    );
}

#[tokio::test]
async fn a_redirect_takes_no_key_of_a_query_elsewhere() {
    let (server, first) = scene().await;
    let second = Upstream::start().await;
    let admin = server.admin();
    let body = json!({ "name": "n", "provider": "q", "type": "api-key", "hosts": [format!("127.0.0.1:{}", port(&first))],
        "credentials": { "key": "bound key/1", "name": "key", "in": "query" } });
    let id = connection(&admin, body).await;
    for (number, echoed) in [
        "?key=bound+key%2F1",
        "?k=bound%20key/1",
        "/bound%20key%2f1",
        "?b=Ym91bmQga2V5LzE",
    ]
    .into_iter()
    .enumerate()
    {
        let from = format!("/from-{number}");
        let target = second.url(&format!("/taken-{number}{echoed}"));
        first.answer(&from, move |_, _| {
            Reply::text(302, "").with("location", target.clone())
        });
        let run = call(&server, &admin, &first.url(&from), &id).await;
        assert_eq!(run["status"], "failed", "{echoed}");
        let error = run["error"]["message"].as_str().expect("a sentence");
        assert!(
            error.contains("a credential that is not for that host"),
            "{error}"
        );
        assert_eq!(
            first.calls(&from)[0].target,
            format!("{from}?key=bound+key%2F1")
        );
    }
    assert!(second.calls_by_key().is_empty(), "nobody called it");
    let plain = second.url("/plain?a=b");
    first.answer("/away", move |_, _| {
        Reply::text(302, "").with("location", plain.clone())
    });
    let run = call(&server, &admin, &first.url("/away"), &id).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(second.calls("/plain")[0].target, "/plain?a=b");
}
