//! What is kept of events, who sees it, and what becomes of an event at a workflow.

use super::*;
use flowlatch::model::limit::Limit;

#[tokio::test]
async fn an_event_that_nobody_wants_is_kept_and_starts_nothing() {
    let server = server().await;
    let mut trigger = signed("stripe");
    trigger["events"] = json!(["invoice.paid"]);
    let workflow = hooked(&server, trigger).await;
    let path = format!("/webhooks/stripe/{workflow}");
    let answer = send_stripe(&server, &path, br#"{"id":"e","type":"invoice.void"}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["workflowsTriggered"], 0);
    let listed = events(&server, "").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["event"], "invoice.void");
    assert_eq!(listed[0]["deliveries"][0]["outcome"], "filtered");
    assert!(runs(&server, &workflow).await.is_empty());
    // Wanted from now on: that it came before is no reason to leave it out.
    let edit = json!({ "trigger": signed("stripe") });
    let one = format!("/api/v1/workflows/{workflow}");
    let edited = server.admin().send(Method::PUT, &one, edit).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let answer = send_stripe(&server, &path, br#"{"id":"e","type":"invoice.void"}"#).await;
    assert_eq!(answer.json()["workflowsTriggered"], 1);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_recorded_without_a_run() {
    let server = server().await;
    let body = json!({
        "name": "strict", "trigger": open("strict"), "steps": [],
        "inputSchema": { "type": "object", "required": ["amount"] },
    });
    let workflow = server.workflow_with(body).await;
    let answer = send(&server, "/webhooks/custom/strict", &[], b"{\"sum\":1}").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["workflowsTriggered"], 0);
    let listed = events(&server, &format!("?workflowId={workflow}")).await;
    let delivery = &listed[0]["deliveries"][0];
    assert_eq!(delivery["outcome"], "input_invalid");
    assert!(
        delivery["detail"].to_string().contains("amount"),
        "{delivery}"
    );
    assert!(runs(&server, &workflow).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn only_active_workflows_are_behind_a_path() {
    let server = server().await;
    let workflow = hooked(&server, open("door")).await;
    let ring = || send(&server, "/webhooks/custom/door", &[], b"{}");
    assert_eq!(ring().await.json()["workflowsTriggered"], 1);
    // Who comes to a path that is known already is behind it from the answer on.
    let second = hooked(&server, open("door")).await;
    assert_eq!(ring().await.json()["workflowsTriggered"], 2);
    let admin = server.admin();
    let path = format!("/api/v1/workflows/{second}/pause");
    assert_eq!(admin.post(&path, Value::Null).await.status, StatusCode::OK);
    assert_eq!(ring().await.json()["workflowsTriggered"], 1);
    let one = format!("/api/v1/workflows/{workflow}");
    let paused = admin.post(&format!("{one}/pause"), Value::Null).await;
    assert_eq!(paused.status, StatusCode::OK);
    let closed = ring().await;
    assert_eq!(closed.status, StatusCode::NOT_FOUND);
    insta::assert_snapshot!(closed.text, @r#"{"received":false,"error":"There is no webhook here.","code":"NOT_FOUND"}"#);
    // An edit while it is paused moves the path.
    let edit = json!({ "trigger": open("other-door") });
    let edited = admin.send(Method::PUT, &one, edit).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    assert_eq!(activate(&server, &workflow).await.status, StatusCode::OK);
    assert_eq!(ring().await.status, StatusCode::NOT_FOUND);
    let other = send(&server, "/webhooks/custom/other-door", &[], b"{}").await;
    assert_eq!(other.status, StatusCode::OK);
    let edit = json!({ "trigger": { "type": "api" } });
    assert_eq!(
        admin.send(Method::PUT, &one, edit).await.status,
        StatusCode::OK
    );
    let gone = send(&server, "/webhooks/custom/other-door", &[], b"{}").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let archived = hooked(&server, open("attic")).await;
    let path = format!("/api/v1/workflows/{archived}?purge=true");
    // Its first run keeps nothing from being purged: there is none.
    let purged = admin.send(Method::DELETE, &path, Value::Null).await;
    assert!(purged.status.is_success(), "{}", purged.text);
    let gone = send(&server, "/webhooks/custom/attic", &[], b"{}").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    server.stop().await;
}

#[tokio::test]
async fn a_key_sees_the_events_of_what_it_reaches() {
    let server = server().await;
    let mine = hooked(&server, open("mine")).await;
    let theirs = hooked(&server, open("theirs")).await;
    let shared = [
        hooked(&server, open("shared")).await,
        hooked(&server, open("shared")).await,
    ];
    for path in ["mine", "theirs", "shared"] {
        let path = format!("/webhooks/custom/{path}");
        assert_eq!(
            send(&server, &path, &[], b"{}").await.status,
            StatusCode::OK
        );
    }
    let key = |binding: Value| {
        let mut body = json!({ "name": "k", "scopes": ["runs:read"] });
        let fields = body.as_object_mut().expect("an object");
        fields.extend(binding.as_object().expect("an object").clone());
        server.with_key(body)
    };
    let (_, bound) = key(json!({ "workflowId": mine })).await;
    let (_, half) = key(json!({ "workflowId": shared[0] })).await;
    let (_, prefix) = key(json!({ "workflowPrefix": "hook" })).await;
    let (_, nothing) = key(json!({ "workflowPrefix": "x" })).await;
    let all = events(&server, "").await;
    assert_eq!(all.len(), 3);
    let their_event = all
        .iter()
        .find(|event| event["path"] == "theirs")
        .expect("theirs");
    let their_event = format!(
        "/api/v1/webhooks/events/{}",
        their_event["id"].as_str().expect("an id")
    );
    for (client, query, expected) in [
        (&bound, "", 1),
        (&bound, "?path=theirs", 0),
        (&bound, &format!("?workflowId={theirs}") as &str, 0),
        (&bound, &format!("?workflowId={mine}"), 1),
        (&half, "", 1),
        (&prefix, "", 3),
        (&prefix, "?path=mine", 1),
        (&prefix, "?provider=stripe", 0),
        (&nothing, "", 0),
    ] {
        let listed = client.get(&format!("/api/v1/webhooks/events{query}")).await;
        let count = listed.data().as_array().map(Vec::len);
        assert_eq!(count, Some(expected), "{query}: {}", listed.text);
        assert!(!listed.text.contains(&theirs) || expected == 3, "{query}");
    }
    let seen = half.get("/api/v1/webhooks/events").await.data();
    assert_eq!(seen[0]["deliveries"].as_array().map(Vec::len), Some(1));
    for (client, status) in [
        (&bound, StatusCode::NOT_FOUND),
        (&nothing, StatusCode::NOT_FOUND),
        (&prefix, StatusCode::OK),
    ] {
        assert_eq!(client.get(&their_event).await.status, status);
    }
    server.stop().await;
}

#[tokio::test]
async fn lists_are_paged_and_narrowed() {
    let server = server().await;
    let workflow = hooked(&server, open("many")).await;
    let mut stripe = signed("stripe");
    stripe["verifySignature"] = json!(false);
    hooked(&server, stripe).await;
    for number in 0..5 {
        let body = format!("{{\"n\":{number}}}");
        send(&server, "/webhooks/custom/many", &[], body.as_bytes()).await;
        // Within one millisecond, and in several.
        server.clock.advance_ms(number % 2);
    }
    let filters = [
        "".to_owned(),
        "&provider=custom".into(),
        "&path=many".into(),
    ]
    .into_iter()
    .chain([format!("&workflowId={workflow}")]);
    for filter in filters {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/webhooks/events?limit=2{filter}{cursor}");
            let answer = server.admin().get(&path).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            seen.extend(answer.data().as_array().expect("a list").clone());
            match answer.json()["meta"]["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={}", next.replace('=', "%3D")),
                None => break,
            }
        }
        let ids: std::collections::BTreeSet<String> =
            seen.iter().map(|event| event["id"].to_string()).collect();
        assert_eq!((seen.len(), ids.len()), (5, 5), "{filter}");
    }
    assert!(events(&server, "?provider=stripe").await.is_empty());
    for query in ["?limit=0", "?cursor=x", "?what=1", "?workflowId=a%20b"] {
        let path = format!("/api/v1/webhooks/events{query}");
        let answer = server.admin().get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
    }
    server.stop().await;
}

#[tokio::test]
async fn bodies_of_every_kind_reach_the_run_and_come_back() {
    let server = server().await;
    let workflow = hooked(&server, open("any")).await;
    let form = "application/x-www-form-urlencoded";
    for (content_type, body, input, encoding) in [
        ("text/xml", &b"<a>1</a>"[..], json!("<a>1</a>"), "utf8"),
        (
            form,
            b"a=1&b=2&b=3",
            json!({ "a": "1", "b": ["2", "3"] }),
            "utf8",
        ),
        (form, b"{\"a\": 1}", json!({ "a": 1 }), "utf8"),
        (
            "application/octet-stream",
            b"\xff\xfe\x00",
            json!({ "base64": "//4A" }),
            "base64",
        ),
        (
            "application/json",
            b" [1, {\"x\":null}] ",
            json!([1, { "x": null }]),
            "utf8",
        ),
        ("application/json", b"", json!({}), "utf8"),
    ] {
        let headers = [("content-type", content_type)];
        let answer = send(&server, "/webhooks/custom/any", &headers, body).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "{content_type}: {}",
            answer.text
        );
        let run = runs(&server, &workflow).await[0].clone();
        assert_eq!(run["input"], input, "{content_type}");
        assert_eq!(run["output"]["body"], input, "{content_type}");
        let event = answer.json()["eventId"].as_str().expect("an id").to_owned();
        let whole = server
            .admin()
            .get(&format!("/api/v1/webhooks/events/{event}"))
            .await
            .data();
        assert_eq!(whole["bodyEncoding"], encoding);
        assert_eq!(whole["bodyBytes"], body.len());
        if encoding == "utf8" {
            assert_eq!(whole["body"].as_str().map(str::as_bytes), Some(body));
        }
    }
    let json = [("content-type", "application/json")];
    let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
    for body in [&b"{\"a\":"[..], b"\xff", b"a=1", deep.as_bytes()] {
        let answer = send(&server, "/webhooks/custom/any", &json, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert_eq!(answer.json()["received"], false);
    }
    server.stop().await;
}

#[tokio::test]
async fn old_events_are_forgotten_and_what_they_started_is_remembered() {
    let server = TestServer::start_with(Clock::manual(crate::support::MONDAY_MS), |config| {
        config.webhook_events_count = 2;
        config.webhook_events_days = 7;
        config.limit_write = Limit::Unlimited;
    })
    .await;
    let workflow = hooked(&server, signed("stripe")).await;
    let path = format!("/webhooks/stripe/{workflow}");
    for number in 0..4 {
        let body = format!("{{\"id\":\"e{number}\"}}");
        send_stripe(&server, &path, body.as_bytes()).await;
    }
    assert_eq!(events(&server, "").await.len(), 4);
    server.clock.advance_ms(5 * 60 * 1_000);
    let kept = loop {
        let kept = events(&server, "").await;
        if kept.len() != 4 {
            break kept;
        }
    };
    let ids: Vec<&Value> = kept.iter().map(|event| &event["externalId"]).collect();
    assert_eq!(ids, ["e3", "e2"]);
    let again = send_stripe(&server, &path, b"{\"id\":\"e0\"}").await.json();
    assert_eq!(again["duplicate"], true, "{again}");
    assert_eq!(runs(&server, &workflow).await.len(), 4);
    server.clock.advance_ms(8 * 86_400_000);
    while !events(&server, "").await.is_empty() {}
    server.stop().await;
}

#[tokio::test]
async fn the_limits_of_a_workflow_hold_for_its_events() {
    let server = server().await;
    let hooked = |on_conflict: &str| {
        let body = json!({
            "name": on_conflict, "trigger": open(on_conflict),
            "settings": { "maxConcurrentRuns": 1, "onConflict": on_conflict },
            "steps": [{ "id": "rest", "type": "wait", "config": { "duration": 1_000 } }],
        });
        server.workflow_with(body)
    };
    let (queue, skip) = (hooked("queue").await, hooked("skip").await);
    for path in ["queue", "skip"] {
        for _ in 0..3 {
            let path = format!("/webhooks/custom/{path}");
            let answer = send(&server, &path, &[], b"{}").await;
            assert_eq!(answer.json()["workflowsTriggered"], 1, "{}", answer.text);
        }
    }
    let statuses = |workflow: String| {
        let admin = server.admin();
        async move {
            let path = format!("/api/v1/runs?workflowId={workflow}");
            let listed = admin.get(&path).await.data();
            let status = |run: &Value| run["status"].as_str().expect("a status").to_owned();
            listed
                .as_array()
                .expect("a list")
                .iter()
                .map(status)
                .collect::<Vec<_>>()
        }
    };
    while statuses(queue.clone()).await != ["pending", "pending", "running"] {}
    while statuses(skip.clone()).await != ["cancelled", "cancelled", "running"] {}
    // Each begins to rest when the one before it has ended, whenever that is noticed.
    while statuses(queue.clone()).await != ["completed", "completed", "completed"] {
        server.clock.advance_ms(1_000);
    }
    while statuses(skip.clone()).await != ["cancelled", "cancelled", "completed"] {}
    server.stop().await;
}
