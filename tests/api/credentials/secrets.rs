//! Secrets of workflows: kept per workflow, seen by steps that call outside, by nobody else.

use super::{calling, scene};
use crate::support::{Client, TestServer};
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

async fn keep(client: &Client, workflow: &str, name: &str, value: &str) {
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    let kept = client
        .post(&path, json!({ "key": name, "value": value }))
        .await;
    assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
    assert!(!kept.text.contains(value), "{}", kept.text);
}

fn pure() -> Value {
    json!([{ "id": "s", "type": "transform", "config": { "sourceData": 1 } }])
}

#[tokio::test]
async fn a_secret_is_kept_replaced_listed_by_name_and_deleted() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let workflow = server.workflow("w", pure()).await;
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    assert_eq!(admin.get(&path).await.data(), json!([]));
    keep(&admin, &workflow, "B_KEY", "planted-1").await;
    keep(&admin, &workflow, "A_KEY", "planted-2").await;
    let again = admin
        .post(&path, json!({ "key": "A_KEY", "value": "planted-3" }))
        .await;
    assert_eq!(
        (again.status, again.error_code().as_str()),
        (StatusCode::CONFLICT, "CONFLICT")
    );
    server.clock.advance_ms(1_000);
    let one = format!("{path}/A_KEY");
    let replaced = admin
        .send(Method::PUT, &one, json!({ "value": "planted-4" }))
        .await;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.text);
    let list = admin.get(&path).await;
    assert!(!list.text.contains("planted"), "{}", list.text);
    insta::assert_snapshot!(list.text, @r#"{"success":true,"data":[{"key":"A_KEY","createdAt":"2024-01-15T10:00:00.000Z","updatedAt":"2024-01-15T10:00:01.000Z"},{"key":"B_KEY","createdAt":"2024-01-15T10:00:00.000Z","updatedAt":"2024-01-15T10:00:00.000Z"}],"meta":{"hasMore":false}}"#);
    let gone = admin.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(gone.data(), json!({ "key": "A_KEY", "deleted": true }));
    for method in [Method::PUT, Method::DELETE] {
        let missing = admin
            .send(method, &one, json!({ "value": "planted" }))
            .await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND, "{}", missing.text);
    }
    let audit = admin.get("/api/v1/audit?limit=10").await;
    assert!(!audit.text.contains("planted"));
    for action in ["secret.created", "secret.updated", "secret.deleted"] {
        assert!(audit.text.contains(action), "{action}");
    }
}

#[tokio::test]
async fn names_values_and_number_are_bounded() {
    let server = TestServer::start_with(Clock::system(), |config| {
        config.limit_write = Limit::Unlimited;
    })
    .await;
    let admin = server.admin();
    let workflow = server.workflow("w", pure()).await;
    let path = format!("/api/v1/workflows/{workflow}/secrets");
    for body in [
        json!({ "key": "1A", "value": "planted" }),
        json!({ "key": "a b", "value": "planted" }),
        json!({ "key": "", "value": "planted" }),
        json!({ "key": "x".repeat(65), "value": "planted" }),
        json!({ "key": "A", "value": "abc" }),
        json!({ "key": "A", "value": "p".repeat(16_385) }),
        json!({ "key": "A", "value": ["planted"] }),
        json!({ "key": "A" }),
        json!({ "key": "A", "value": "planted", "more": 1 }),
    ] {
        let refused = admin.post(&path, body.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(!refused.text.contains("planted"), "{}", refused.text);
    }
    for number in 0..100 {
        keep(&admin, &workflow, &format!("S{number}"), "a-value").await;
    }
    let full = admin
        .post(&path, json!({ "key": "ONE_MORE", "value": "a-value" }))
        .await;
    assert_eq!(full.status, StatusCode::CONFLICT, "{}", full.text);
    let taken = admin
        .post(&path, json!({ "key": "S7", "value": "a-value" }))
        .await;
    assert!(
        taken.text.contains("has a secret `S7` already"),
        "{}",
        taken.text
    );
}

#[tokio::test]
async fn a_step_that_calls_outside_sees_it_and_a_run_without_it_does_not_start() {
    let (server, upstream) = scene().await;
    let admin = server.admin();
    let more = json!({ "method": "POST", "headers": { "x-token": "{{secrets.TOKEN}}" },
        "body": { "password": "{{ secrets.PASS }}", "said": "pass {{secrets.PASS}}!" } });
    let workflow = server
        .workflow("w", calling(&upstream.url("/call"), more))
        .await;
    let run = format!("/api/v1/workflows/{workflow}/run");
    let refused = admin.post(&run, json!({ "mode": "sync" })).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
    assert!(refused.text.contains("`PASS`, `TOKEN`"), "{}", refused.text);
    keep(&admin, &workflow, "TOKEN", "token-1").await;
    let refused = admin.post(&run, json!({ "mode": "sync" })).await;
    assert!(
        refused.text.contains("no secret `PASS`"),
        "{}",
        refused.text
    );
    assert_eq!(admin.get("/api/v1/runs").await.data(), json!([]));
    keep(&admin, &workflow, "PASS", "p\"ww").await;
    let done = admin.post(&run, json!({ "mode": "sync" })).await;
    assert_eq!(done.data()["status"], "completed", "{}", done.text);
    let call = &upstream.calls("/call")[0];
    assert_eq!(call.headers["x-token"], "token-1");
    assert_eq!(
        call.json(),
        json!({ "password": "p\"ww", "said": "pass p\"ww!" })
    );
}

#[tokio::test]
async fn a_step_that_calls_nothing_may_not_name_one() {
    let server = TestServer::start().await;
    const OUTSIDE: &str = "only for steps that call outside";
    for (kind, config, place, reason) in [
        (
            "transform",
            json!({ "sourceData": "{{X}}" }),
            "sourceData",
            OUTSIDE,
        ),
        (
            "code",
            json!({ "code": "return input", "input": "a {{X}}" }),
            "input",
            OUTSIDE,
        ),
        (
            "subworkflow",
            json!({ "workflowId": "w", "inputMapping": { "a": "{{ X | json }}" } }),
            "inputMapping.a",
            OUTSIDE,
        ),
        (
            "approval",
            json!({ "approvers": [], "reason": "{{ X ~ 1 }}" }),
            "reason",
            OUTSIDE,
        ),
        (
            "data_table",
            json!({ "operation": "insert", "tableId": "t", "data": { "a": "{{X}}" } }),
            "data.a",
            "tables are kept in clear",
        ),
    ] {
        for secret in ["secrets.X", "approvals.ok.url"] {
            let config = config.to_string().replace('X', secret);
            let config: Value = serde_json::from_str(&config).expect("JSON");
            let steps = json!([
                { "id": "s", "type": kind, "config": config },
                { "id": "ok", "type": "approval", "config": { "approvers": [] } },
            ]);
            let body = json!({ "name": "w", "trigger": { "type": "api" }, "steps": steps });
            let refused = server.admin().post("/api/v1/workflows", body).await;
            let text = &refused.text;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{kind}: {text}");
            for told in [reason, secret, &format!("steps[0].config.{place}\"")] {
                assert!(text.contains(told), "{kind}: {told} is not in {text}");
            }
        }
    }
}

#[tokio::test]
async fn secrets_belong_to_one_workflow_and_go_with_it() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let (first, second) = (
        server.workflow("a", pure()).await,
        server.workflow("b", pure()).await,
    );
    keep(&admin, &first, "SHARED", "value-of-first").await;
    let path = |workflow: &str| format!("/api/v1/workflows/{workflow}/secrets");
    assert_eq!(admin.get(&path(&second)).await.data(), json!([]));
    let body = json!({ "name": "bound", "scopes": ["secrets:write"], "workflowId": second });
    let (_, bound) = server.with_key(body).await;
    keep(&bound, &second, "OWN", "value-of-second").await;
    let value = json!({ "key": "X", "value": "a-value" });
    for (method, path) in [
        (Method::GET, path(&first)),
        (Method::POST, path(&first)),
        (Method::PUT, format!("{}/SHARED", path(&first))),
        (Method::DELETE, format!("{}/SHARED", path(&first))),
    ] {
        let body = if method == Method::PUT {
            json!({ "value": "a-value" })
        } else {
            value.clone()
        };
        let refused = bound.send(method.clone(), &path, body).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let reader = server.with(&["workflows:read", "workflows:write"]).await;
    assert_eq!(
        reader.get(&path(&first)).await.status,
        StatusCode::FORBIDDEN
    );
    let purged = format!("/api/v1/workflows/{first}?purge=true");
    assert_eq!(
        admin
            .send(Method::DELETE, &purged, Value::Null)
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(admin.get(&path(&first)).await.status, StatusCode::NOT_FOUND);
    let left = rusqlite::Connection::open(server.data().join("flowlatch.db")).expect("a database");
    let names: Vec<String> = left
        .prepare("SELECT name FROM workflow_secret")
        .expect("a query")
        .query_map([], |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("names");
    assert_eq!(names, ["OWN"]);
}
