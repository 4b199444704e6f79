//! Every endpoint × every kind of key. Every request is one that would have an effect if it were let in: the right key
//! shows that it does, everybody else that it does not.

use super::bodies::{a_connection, an_agent, effective_body, pure_step};
use super::forged::{made_up, with_another_checksum, with_another_secret};
use crate::support::{Answer, Client, TestServer};
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use flowlatch::http::{Access, Endpoint, table};
use flowlatch::model::limit::Limit;
use flowlatch::model::scope::{Permission, all_words, parse_scope};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Where agents' models are asked.
const MODEL: &str = "/v1/chat/completions";

/// What the paths' parameters name.
struct Fixtures {
    event: String,
    folder: String,
    agent: String,
    workflow: String,
    run: String,
    key: String,
    table: String,
    row: String,
    connection: String,
}

/// Keys that let nobody in, each with the reason that is told.
struct Strangers {
    known: Vec<(Client, &'static str)>,
    bound_elsewhere: Client,
    /// By the scope that each lacks, while it has every other.
    lacking: HashMap<&'static str, Client>,
}

struct Bench {
    server: TestServer,
    /// What agents ask.
    models: Upstream,
    /// What stands between the server's URL and `/v1`.
    prefix: &'static str,
}

impl Bench {
    async fn start(base_path: &str, prefix: &'static str) -> Bench {
        let clock = Clock::manual(crate::support::MONDAY_MS);
        let models = Upstream::start().await;
        let says_yes = json!({ "choices": [{ "message": { "content": "Yes." } }] });
        models.answer(MODEL, move |_, _| Reply::json(200, &says_yes));
        let server = TestServer::start_with(clock, |config| {
            config.llm_base_url = Some(models.url("/v1"));
            config.base_path = base_path.to_owned();
            config.limit_write = Limit::Unlimited;
        })
        .await;
        Bench {
            server,
            models,
            prefix,
        }
    }

    /// A workflow, a run of it that rests, and a key.
    async fn fixtures(&self) -> Fixtures {
        let steps = json!([
            { "id": "rest", "type": "wait", "config": { "duration": 10, "unit": "days" } },
            { "id": "ask", "type": "approval", "config": { "approvers": [] } },
        ]);
        let workflow = self.server.workflow("subject", steps).await;
        let started = self
            .server
            .admin()
            .post(&format!("/api/v1/workflows/{workflow}/run"), json!({}))
            .await;
        assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text);
        let body = json!({ "name": "victim", "scopes": ["workflows:read"] });
        let (key, _) = self.server.with_key(body).await;
        let admin = self.server.admin();
        let made = admin.post("/api/v1/connections", a_connection()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
        let secret = json!({ "key": "KEPT", "value": "a-value" });
        let secrets = format!("/api/v1/workflows/{workflow}/secrets");
        let kept = admin.post(&secrets, secret).await;
        assert_eq!(kept.status, StatusCode::CREATED, "{}", kept.text);
        let table = json!({ "name": format!("of {workflow}") });
        let table = text(&admin.post("/api/v1/tables", table).await.data()["id"]);
        let rows = format!("/api/v1/tables/{table}/rows");
        let row = admin.post(&rows, json!({ "data": { "a": 1 } })).await;
        let agent = admin.post("/api/v1/agents", an_agent()).await.data();
        Fixtures {
            agent: text(&agent["id"]),
            event: self.event().await,
            folder: self.folder(&workflow).await,
            connection: text(&made.data()["id"]),
            table,
            row: text(&row.data()["id"]),
            workflow,
            run: text(&started.data()["runId"]),
            key: text(&key["id"]),
        }
    }

    /// A folder in which no table lies any more.
    async fn folder(&self, name: &str) -> String {
        let admin = self.server.admin();
        let table = json!({ "name": format!("once in {name}"), "folderName": name });
        let table = admin.post("/api/v1/tables", table).await.data();
        let path = format!("/api/v1/tables/{}", text(&table["id"]));
        admin.send(Method::DELETE, &path, Value::Null).await;
        text(&table["folderId"])
    }

    /// An event that a webhook has brought; it can be replayed.
    async fn event(&self) -> String {
        let hooked =
            json!({ "name": "hooked", "trigger": { "type": "webhook" }, "steps": pure_step() });
        let workflow = self.server.workflow_with(hooked).await;
        let path = format!("/webhooks/custom/{workflow}");
        let received = self.server.anonymous().post(&path, json!({})).await;
        assert_eq!(received.status, StatusCode::OK, "{}", received.text);
        text(&received.json()["eventId"])
    }

    async fn strangers(&self) -> Strangers {
        let every: Vec<&str> = Permission::ALL.iter().map(|p| p.word()).collect();
        let admin = self.server.admin();
        let key = |more: Value| {
            let mut body = json!({ "name": "stranger", "scopes": every.clone() });
            body.as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            self.server.with_key(body)
        };
        let (_, expired) = key(json!({ "expiresInSeconds": 1 })).await;
        let (disabled_key, disabled) = key(json!({})).await;
        let one = format!("/api/v1/auth/api-keys/{}", text(&disabled_key["id"]));
        let answer = admin
            .send(Method::PATCH, &one, json!({ "disabled": true }))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let (revoked_key, revoked) = key(json!({})).await;
        let one = format!("/api/v1/auth/api-keys/{}", text(&revoked_key["id"]));
        let answer = admin.send(Method::DELETE, &one, Value::Null).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let other = self.server.workflow("another", pure_step()).await;
        let (_, bound_elsewhere) = key(json!({ "workflowId": other })).await;
        self.server.clock.advance_ms(1_000);

        let mut lacking = HashMap::new();
        for endpoint in table().endpoints() {
            if let Access::Needs(permission, _) = endpoint.access {
                let client = self.server.with(&every_scope_but(permission)).await;
                lacking.insert(permission.word(), client);
            }
        }
        let presents = |text: String| self.server.client(Some(text));
        let admin_key = self.server.admin_key.as_str();
        Strangers {
            known: vec![
                (self.server.anonymous(), "missing"),
                (presents("wfk_not-a-key".to_owned()), "malformed"),
                (presents(with_another_checksum(admin_key)), "malformed"),
                (presents(made_up(&[7; 64])), "unknown"),
                (presents(with_another_secret(admin_key)), "unknown"),
                (expired, "expired"),
                (disabled, "disabled"),
                (revoked, "revoked"),
            ],
            bound_elsewhere,
            lacking,
        }
    }

    async fn call(&self, client: &Client, endpoint: &Endpoint, fixtures: &Fixtures) -> Answer {
        let mut path = endpoint.pattern.replacen("/api", self.prefix, 1);
        for (place, id) in [
            ("/workflows/:id", &fixtures.workflow),
            ("/runs/:id", &fixtures.run),
            ("/events/:id", &fixtures.event),
            ("/api-keys/:id", &fixtures.key),
            ("/tables/:id", &fixtures.table),
            ("/table-folders/:id", &fixtures.folder),
            ("/rows/:rowId", &fixtures.row),
            ("/connections/:id", &fixtures.connection),
            ("/agents/:id", &fixtures.agent),
        ] {
            let (kind, _) = place.split_once(':').expect("a parameter");
            path = path.replace(place, &format!("{kind}{id}"));
        }
        path = path.replace("/secrets/:name", "/secrets/KEPT");
        for (parameter, value) in [
            (":version", "1"),
            (":stepId", "ask"),
            ("/blocks/:type", "/blocks/wait"),
            ("/by-slug/:slug", "/by-slug/hello"),
            ("/templates/:id", "/templates/tpl_hello"),
        ] {
            path = path.replace(parameter, value);
        }
        assert!(!path.contains(':'), "a parameter without a value: {path}");
        client
            .send(endpoint.method.clone(), &path, effective_body(endpoint))
            .await
    }

    /// Everything that an endpoint could have changed.
    async fn state(&self) -> Value {
        let admin = self.server.admin();
        let mut state = Vec::new();
        for path in [
            "/api/v1/workflows",
            "/api/v1/workflows?status=archived",
            "/api/v1/runs",
            "/api/v1/connections",
            "/api/v1/agents",
            "/api/v1/auth/api-keys",
            "/api/v1/tables",
            "/api/v1/table-folders",
            "/api/v1/audit?action=key.created",
            "/api/v1/audit?action=connection.tested",
            "/api/v1/audit?action=secret.created",
            "/api/v1/audit?action=secret.updated",
            "/api/v1/audit?action=secret.deleted",
            "/api/v1/audit?action=key.updated",
            "/api/v1/audit?action=key.rotated",
        ] {
            let mut list = admin.get(path).await.data();
            for item in list.as_array_mut().expect("a list") {
                item["lastUsedAt"] = Value::Null;
                item["lastUsedFrom"] = Value::Null;
            }
            state.push(list);
        }
        Value::Array(state)
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

/// Every scope word that does not give this permission.
fn every_scope_but(needed: Permission) -> Vec<&'static str> {
    all_words()
        .filter(|word| !parse_scope(word).expect("a known word").has(needed))
        .collect()
}

/// By which word a 403 of the native door asks for a permission.
fn native_word(permission: Permission) -> &'static str {
    match permission {
        Permission::KeysCreate | Permission::KeysUpdate | Permission::KeysDelete => "keys:write",
        permission => permission.word(),
    }
}

async fn refused(bench: &Bench, endpoint: &Endpoint, fixtures: &Fixtures, strangers: &Strangers) {
    let what = format!("{} {}", endpoint.method, endpoint.pattern);
    for (client, reason) in &strangers.known {
        let answer = bench.call(client, endpoint, fixtures).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}, {reason}");
        let error = json!({
            "code": "UNAUTHORIZED", "message": "Invalid or missing API key", "reason": reason,
        });
        assert_eq!(
            answer.json(),
            json!({ "success": false, "error": error }),
            "{what}"
        );
        assert!(answer.header("www-authenticate").is_some(), "{what}");
        assert_eq!(answer.header("x-ratelimit-limit"), None, "{what}");
    }
    if let Access::Needs(permission, _) = endpoint.access {
        let wrong_scope = &strangers.lacking[permission.word()];
        let answer = bench.call(wrong_scope, endpoint, fixtures).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
        let error = json!({
            "code": "FORBIDDEN",
            "message": "Insufficient permissions for this operation",
            "required": [native_word(permission)],
        });
        assert_eq!(
            answer.json(),
            json!({ "success": false, "error": error }),
            "{what}"
        );
    }
    // What is built in belongs to no workflow.
    if endpoint.pattern.contains(":id") && !endpoint.pattern.starts_with("/api/v1/templates/") {
        let answer = bench
            .call(&strangers.bound_elsewhere, endpoint, fixtures)
            .await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{what}: {}",
            answer.text
        );
        assert_eq!(answer.error_code(), "NOT_FOUND");
    }
}

/// The right key, with nothing but what is needed, on fixtures of its own.
async fn let_in(bench: &Bench, endpoint: &Endpoint) {
    let what = format!("{} {}", endpoint.method, endpoint.pattern);
    let fixtures = bench.fixtures().await;
    // Only a run that is over can be retried, and only one that is not can be cancelled or answered.
    let needs_open_run = [
        "/api/v1/runs/:id/cancel",
        "/api/v1/runs/:id/approvals/:stepId",
    ];
    if !needs_open_run.contains(&endpoint.pattern) {
        let cancel = format!("/api/v1/runs/{}/cancel", fixtures.run);
        let cancelled = bench.server.admin().post(&cancel, Value::Null).await;
        assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    }
    let key = match endpoint.access {
        Access::Needs(permission, _) if endpoint.pattern.contains("/api-keys") => {
            // To give or manage `workflows:read`, one has to hold it.
            bench
                .server
                .with(&[native_word(permission), "workflows:read", "runs:read"])
                .await
        }
        Access::Needs(permission, _) => bench.server.with(&[native_word(permission)]).await,
        Access::AnyKey(_) | Access::Open => bench.server.with(&["usage:read"]).await,
    };
    let answer = bench.call(&key, endpoint, &fixtures).await;
    assert!(
        answer.status.is_success(),
        "{what}: {} {}",
        answer.status,
        answer.text
    );
}

async fn walk(base_path: &str, prefix: &'static str) {
    let bench = Bench::start(base_path, prefix).await;
    let (fixtures, strangers) = (bench.fixtures().await, bench.strangers().await);
    let table = table();
    let guarded: Vec<&Endpoint> = table
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint.access != Access::Open)
        .collect();
    assert!(guarded.len() > 20, "the table is not what it was");
    let before = bench.state().await;
    for endpoint in &guarded {
        refused(&bench, endpoint, &fixtures, &strangers).await;
        // Four failed attempts an endpoint stay below sixty a minute.
        bench.server.clock.advance_ms(5_000);
    }
    assert_eq!(
        before,
        bench.state().await,
        "a refused request has changed something"
    );
    assert!(bench.models.calls(MODEL).is_empty());
    for endpoint in &guarded {
        let_in(&bench, endpoint).await;
    }
    bench.server.stop().await;
}

#[tokio::test]
async fn every_endpoint_asks_for_its_key() {
    walk("", "/api").await;
}

#[tokio::test]
async fn every_endpoint_asks_for_its_key_under_the_doors_own_prefix() {
    walk("", "/native/api").await;
}

#[tokio::test]
async fn every_endpoint_asks_for_its_key_under_a_base_path() {
    walk("/flow", "/api").await;
}

#[tokio::test]
async fn what_is_open_answers_whatever_key_is_sent() {
    let bench = Bench::start("", "/api").await;
    for (client, reason) in bench.strangers().await.known {
        let answer = client.get("/api/health").await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (StatusCode::OK, r#"{"status":"ok"}"#),
            "{reason}"
        );
    }
}
