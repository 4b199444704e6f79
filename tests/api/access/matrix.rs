//! Every endpoint × every kind of key. Every request is one that would have an effect if it were let in: the right key
//! shows that it does, everybody else that it does not.

use super::bodies::{effective_body, pure_step, with_names};
use super::fixtures::{Fixtures, text};
use super::forged::{made_up, with_another_checksum, with_another_secret};
use super::paths::path;
use super::words::{forbidden, native_word, needed, needs_flow, not_found, unauthorized};
use crate::support::{Answer, Client, TestServer};
use crate::upstream::{Gate, Reply, Upstream};
use flowlatch::clock::Clock;
use flowlatch::http::{Access, Door, Endpoint, table};
use flowlatch::model::limit::Limit;
use flowlatch::model::scope::{Permission, all_words, parse_scope};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Where agents' models are asked.
const MODEL: &str = "/v1/chat/completions";
/// Where nodes are drawn; nobody answers before the end.
const DRAWING: &str = "/draw";
/// What is fetched as a file.
const FILE: &str = "/file.txt";

/// Keys that let nobody in, each with the reason that is told.
struct Strangers {
    known: Vec<(Client, &'static str)>,
    bound_elsewhere: Client,
    /// By the scope that each lacks, while it has every other.
    lacking: HashMap<&'static str, Client>,
}

struct Bench {
    server: TestServer,
    /// What agents and nodes ask.
    models: Upstream,
    drawing: Gate,
    /// What stands between the server's URL and `/v1`.
    prefix: &'static str,
}

impl Bench {
    async fn start(base_path: &str, prefix: &'static str) -> Bench {
        let clock = Clock::manual(crate::support::MONDAY_MS);
        let models = Upstream::start().await;
        let says_yes = json!({ "choices": [{ "message": { "content": "Yes." } }] });
        models.answer(MODEL, move |_, _| Reply::json(200, &says_yes));
        let gate = Gate::default();
        let drawing = gate.clone();
        models.answer(DRAWING, move |_, _| {
            Reply::json(200, &json!({})).behind(&gate)
        });
        models.answer(FILE, |_, _| Reply::text(200, "a file"));
        let url = models.url("");
        let (_, authority) = url.split_once("//").expect("a URL");
        let server = TestServer::start_with(clock, |config| {
            config.outbound_allow = vec![authority.to_owned()];
            config.llm_base_url = Some(models.url("/v1"));
            config.node_backends = vec![("generate:*".to_owned(), models.url(DRAWING))];
            config.base_path = base_path.to_owned();
            config.limit_write = Limit::Unlimited;
        })
        .await;
        Bench {
            server,
            models,
            drawing,
            prefix,
        }
    }

    async fn stop(self) {
        self.drawing.open();
        self.server.stop().await;
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
            if let Some(needed) = needed(endpoint)
                && !lacking.contains_key(&needed[0].word())
            {
                let client = self.server.with(&every_scope_but(needed)).await;
                lacking.insert(needed[0].word(), client);
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
        let client = match endpoint.door {
            Door::Wireflow | Door::Flowise => &client.bearer(),
            _ => client,
        };
        let path = path(endpoint, fixtures, self.prefix);
        if endpoint.pattern.contains("/attachments/") {
            return attach(client, &path).await;
        }
        let mut body = effective_body(endpoint);
        if endpoint.pattern.ends_with("/upload") {
            body = json!({ "url": self.models.url(FILE) });
        }
        with_names(endpoint, fixtures, &mut body);
        client.send(endpoint.method.clone(), &path, body).await
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
            "/api/v1/audit?action=media.created",
            "/api/v1/audit?action=media.deleted",
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

/// A form with one text.
async fn attach(client: &Client, path: &str) -> Answer {
    let form = "--b\r\nContent-Disposition: form-data; name=files\r\n\r\nx\r\n--b--\r\n";
    let request = client
        .request(Method::POST, path)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form);
    Answer::read(request.send().await.expect("an answer")).await
}

/// Every scope word that gives none of these permissions.
fn every_scope_but(needed: &[Permission]) -> Vec<&'static str> {
    let gives_none = |word: &&str| {
        let given = parse_scope(word).expect("a known word");
        !needed.iter().any(|permission| given.has(*permission))
    };
    all_words().filter(gives_none).collect()
}

async fn refused(bench: &Bench, endpoint: &Endpoint, fixtures: &Fixtures, strangers: &Strangers) {
    let what = format!("{} {}", endpoint.method, endpoint.pattern);
    for (client, reason) in &strangers.known {
        let answer = bench.call(client, endpoint, fixtures).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}, {reason}");
        assert_eq!(answer.json(), unauthorized(endpoint.door, reason), "{what}");
        assert!(answer.header("www-authenticate").is_some(), "{what}");
        // Strangers obey the limits of their address, where they may be let in.
        let is_counted =
            *reason == "missing" && matches!(endpoint.access, Access::NeedsUnlessOpen(..));
        let limit = answer.header("x-ratelimit-limit");
        assert_eq!(limit.is_some(), is_counted, "{what}");
    }
    if let Some(needed) = needed(endpoint) {
        let wrong_scope = &strangers.lacking[needed[0].word()];
        let answer = bench.call(wrong_scope, endpoint, fixtures).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}");
        assert_eq!(answer.json(), forbidden(endpoint.door, needed), "{what}");
    }
    // What is built in belongs to no workflow.
    if endpoint.pattern.contains(":id") && !endpoint.pattern.starts_with("/api/v1/templates/") {
        let answer = bench
            .call(&strangers.bound_elsewhere, endpoint, fixtures)
            .await;
        assert_eq!(
            answer.status,
            if needs_flow(endpoint) {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::NOT_FOUND
            },
            "{what}: {}",
            answer.text
        );
        match endpoint.door {
            Door::Flowise if needs_flow(endpoint) => {
                assert_eq!(answer.json(), unauthorized(endpoint.door, "other_key"));
            }
            Door::Flowise => assert_eq!(answer.json()["statusCode"], 404),
            Door::Wireflow => assert_eq!(answer.json(), not_found(endpoint)),
            _ => assert_eq!(answer.error_code(), "NOT_FOUND"),
        }
    }
}

/// The right key, with nothing but what is needed, on fixtures of its own.
async fn let_in(bench: &Bench, endpoint: &Endpoint) {
    let what = format!("{} {}", endpoint.method, endpoint.pattern);
    let fixtures = Fixtures::make(&bench.server).await;
    // Only a run that is over can be retried or removed, and only one that is not can be cancelled or answered.
    let needs_open_run = [
        "/api/v1/runs/:id/cancel",
        "/api/v1/runs/:id/approvals/:stepId",
        "/api/v1/workflows/executions/:id/cancel",
    ];
    if !needs_open_run.contains(&endpoint.pattern) {
        for run in [&fixtures.run, &fixtures.execution] {
            let cancel = format!("/api/v1/runs/{run}/cancel");
            let cancelled = bench.server.admin().post(&cancel, Value::Null).await;
            assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
        }
    }
    let key = match endpoint.access {
        Access::Needs(permission, _)
            if endpoint.pattern.contains("/api-keys") || endpoint.pattern.contains("/apikey") =>
        {
            // To give or manage `workflows:read`, one has to hold it.
            bench
                .server
                .with(&[native_word(permission), "workflows:read", "runs:read"])
                .await
        }
        Access::NeedsOneOf(permissions, _) => {
            let words: Vec<&str> = permissions.iter().map(|one| native_word(*one)).collect();
            bench.server.with(&words).await
        }
        Access::Needs(permission, _) | Access::NeedsUnlessOpen(permission, _) => {
            bench.server.with(&[native_word(permission)]).await
        }
        Access::AnyKey(_) | Access::Open | Access::SignedIn => {
            bench.server.with(&["usage:read"]).await
        }
    };
    let answer = bench.call(&key, endpoint, &fixtures).await;
    assert!(
        answer.status.is_success(),
        "{what}: {} {}",
        answer.status,
        answer.text
    );
}

async fn walk(door: Door, base_path: &str, prefix: &'static str) {
    let bench = Bench::start(base_path, prefix).await;
    let (fixtures, strangers) = (Fixtures::make(&bench.server).await, bench.strangers().await);
    let table = table();
    let guarded: Vec<&Endpoint> = table
        .endpoints()
        .iter()
        .filter(|endpoint| endpoint.access != Access::Open && endpoint.door == door)
        .collect();
    assert!(guarded.len() > 10, "the table is not what it was");
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
    bench.stop().await;
}

#[tokio::test]
async fn every_endpoint_asks_for_its_key() {
    walk(Door::Native, "", "/api").await;
}

#[tokio::test]
async fn every_endpoint_asks_for_its_key_under_the_doors_own_prefix() {
    walk(Door::Native, "", "/native/api").await;
}

#[tokio::test]
async fn every_endpoint_asks_for_its_key_under_a_base_path() {
    walk(Door::Native, "/flow", "/api").await;
}

#[tokio::test]
async fn every_endpoint_of_wireflows_door_asks_for_its_key() {
    walk(Door::Wireflow, "", "/wireflow/api").await;
}

#[tokio::test]
async fn every_endpoint_of_wireflows_door_asks_for_its_key_under_a_base_path() {
    walk(Door::Wireflow, "/flow", "/wireflow/api").await;
}

#[tokio::test]
async fn every_endpoint_of_flowises_door_asks_for_its_key() {
    walk(Door::Flowise, "", "/flowise/api").await;
}

#[tokio::test]
async fn every_endpoint_of_flowises_door_asks_for_its_key_under_a_base_path() {
    walk(Door::Flowise, "/flow", "/flowise/api").await;
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
