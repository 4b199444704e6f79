//! The same event again: by its sender, several times at once, and by its owner on purpose.

use super::*;

#[tokio::test]
async fn the_same_event_again_is_the_first_run() {
    let server = server().await;
    let workflow = hooked(&server, signed("stripe")).await;
    let path = format!("/webhooks/stripe/{workflow}");
    let body = br#"{"id":"evt_9","type":"a"}"#;
    let first = send_stripe(&server, &path, body).await.json();
    let run = runs(&server, &workflow).await[0]["id"].clone();
    let expected = json!({
        "received": true, "eventId": first["eventId"], "workflowsTriggered": 0, "duplicate": true, "runIds": [run],
    });
    assert_eq!(send_stripe(&server, &path, body).await.json(), expected);
    // Signed anew, an hour and nearly a day later: what counts is the sender's id.
    for later_ms in [3_600_000, 82_799_000] {
        server.clock.advance_ms(later_ms);
        let again = br#"{"id":"evt_9","type":"a","attempt":2}"#;
        assert_eq!(send_stripe(&server, &path, again).await.json(), expected);
    }
    assert_eq!(runs(&server, &workflow).await.len(), 1);
    assert_eq!(events(&server, "").await.len(), 1);
    server.clock.advance_ms(1_000);
    let answer = send_stripe(&server, &path, body).await.json();
    assert_eq!(answer["workflowsTriggered"], 1, "{answer}");
    assert_eq!(runs(&server, &workflow).await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn without_an_id_it_is_the_signed_text_that_counts() {
    let server = server().await;
    let workflow = hooked(&server, signed("stripe")).await;
    let path = format!("/webhooks/stripe/{workflow}");
    let first = send_stripe(&server, &path, b"{}").await.json();
    let again = send_stripe(&server, &path, b"{}").await.json();
    assert_eq!(
        (&again["duplicate"], &again["eventId"]),
        (&json!(true), &first["eventId"])
    );
    // A second later it is another one, as far as anybody can tell.
    server.clock.advance_ms(1_000);
    let other = send_stripe(&server, &path, b"{}").await.json();
    assert_eq!(other["workflowsTriggered"], 1);

    // Nothing tells two requests apart that have neither: both count.
    hooked(&server, open("bell")).await;
    for _ in 0..2 {
        let rung = send(&server, "/webhooks/custom/bell", &[], b"{}")
            .await
            .json();
        assert_eq!(rung["workflowsTriggered"], 1);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_at_the_same_time_are_one_run() {
    let server = server().await;
    let workflow = hooked(&server, signed("stripe")).await;
    let path = format!("/webhooks/stripe/{workflow}");
    let body = br#"{"id":"evt_once"}"#;
    let sending = (0..20).map(|_| send_stripe(&server, &path, body));
    let answers = futures_util::future::join_all(sending).await;
    let fresh = answers
        .iter()
        .filter(|answer| answer.json()["workflowsTriggered"] == 1)
        .count();
    assert_eq!(fresh, 1);
    let ids: std::collections::BTreeSet<String> = answers
        .iter()
        .map(|answer| answer.json()["eventId"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(runs(&server, &workflow).await.len(), 1);
    assert_eq!(events(&server, "").await.len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn what_was_received_is_remembered_over_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock::manual(crate::support::MONDAY_MS);
    let server = TestServer::open(folder.path(), clock.clone(), |_| {}).await;
    let key = server.admin_key.clone();
    let workflow = hooked(&server, signed("stripe")).await;
    let path = format!("/webhooks/stripe/{workflow}");
    let first = send_stripe(&server, &path, br#"{"id":"evt_9"}"#)
        .await
        .json();
    server.stop().await;
    let mut server = TestServer::open(folder.path(), clock, |_| {}).await;
    server.admin_key = key;
    let again = send_stripe(&server, &path, br#"{"id":"evt_9"}"#)
        .await
        .json();
    assert_eq!(
        (&again["duplicate"], &again["eventId"]),
        (&json!(true), &first["eventId"])
    );
    assert_eq!(runs(&server, &workflow).await.len(), 1);
    server.stop().await;
}

/// A push, as GitHub sends it.
async fn push(server: &TestServer) -> Value {
    let body = b"{\"n\":1}";
    let signature = format!("sha256={}", hmac(&[body]));
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", "push"),
        ("x-github-delivery", "d-1"),
    ];
    send(server, "/webhooks/github/repo", &headers, body)
        .await
        .json()
}

async fn edit_trigger(server: &TestServer, workflow: &str, trigger: &Value) {
    let path = format!("/api/v1/workflows/{workflow}");
    let body = json!({ "trigger": trigger });
    let edited = server.admin().send(Method::PUT, &path, body).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
}

#[tokio::test]
async fn an_event_is_replayed_for_those_who_match_now() {
    let server = server().await;
    let mut trigger = signed("github");
    trigger["path"] = json!("repo");
    trigger["events"] = json!(["push"]);
    let first = hooked(&server, trigger.clone()).await;
    let mut filtered = trigger.clone();
    filtered["events"] = json!(["pull_request"]);
    let later = hooked(&server, filtered.clone()).await;
    let other = hooked(&server, filtered).await;
    let received = push(&server).await;
    let event = received["eventId"].as_str().expect("an id").to_owned();
    edit_trigger(&server, &later, &trigger).await;
    // It has not believed the event when it came, and its signature is not kept.
    let latecomer = hooked(&server, trigger.clone()).await;
    let replay = format!("/api/v1/webhooks/events/{event}/replay");
    let bound =
        json!({ "name": "b", "scopes": ["workflows:execute", "runs:read"], "workflowId": later });
    let (_, bound) = server.with_key(bound).await;
    let unseen = json!({ "name": "u", "scopes": ["workflows:execute"], "workflowId": latecomer });
    let unseen = server.with_key(unseen).await.1;
    let unseen = unseen.post(&replay, Value::Null).await;
    assert_eq!(unseen.status, StatusCode::NOT_FOUND, "{}", unseen.text);

    let replayed = server.admin().post(&replay, Value::Null).await;
    assert_eq!(replayed.status, StatusCode::OK, "{}", replayed.text);
    assert_eq!(replayed.data()["workflowsTriggered"], 2);
    assert_eq!(replayed.data()["eventId"], event.as_str());
    let runs_of_first = runs(&server, &first).await;
    assert_eq!(runs_of_first.len(), 2);
    assert_eq!(runs_of_first[0]["output"]["event"], "push");
    assert_eq!(runs_of_first[0]["input"], runs_of_first[1]["input"]);
    let ids = replayed.data()["runIds"].clone();
    assert!(
        ids.as_array()
            .expect("ids")
            .contains(&runs_of_first[0]["id"])
    );
    assert_eq!(runs(&server, &later).await.len(), 1);
    assert!(runs(&server, &other).await.is_empty());
    assert!(runs(&server, &latecomer).await.is_empty());

    // The bound key starts its own workflow only.
    let own = bound.post(&replay, Value::Null).await;
    assert_eq!(own.data()["workflowsTriggered"], 1, "{}", own.text);
    assert_eq!(runs(&server, &later).await.len(), 2);
    assert_eq!(runs(&server, &first).await.len(), 2);
    let shown = bound.get(&format!("/api/v1/webhooks/events/{event}")).await;
    let deliveries = shown.data()["deliveries"].clone();
    let only_own = |delivery: &Value| delivery["workflowId"] == later.as_str();
    assert!(deliveries.as_array().expect("a list").iter().all(only_own));
    assert_eq!(deliveries.as_array().map(Vec::len), Some(3));

    // The sender's own second attempt is still a duplicate for the first, and new for those that start runs only now.
    let again = push(&server).await;
    assert_eq!(again["workflowsTriggered"], 2, "{again}");
    for workflow in [&first, &later] {
        let pause = format!("/api/v1/workflows/{workflow}/pause");
        assert_eq!(
            server.admin().post(&pause, Value::Null).await.status,
            StatusCode::OK
        );
    }
    let own = bound.post(&replay, Value::Null).await;
    assert_eq!(own.status, StatusCode::CONFLICT, "{}", own.text);
    server.stop().await;
}
