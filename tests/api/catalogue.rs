//! Blocks, templates and drawings: what an editor asks for, and the whole sequence of calls that one makes.

use crate::support::{Answer, Client, TestServer};
use flowlatch::engine::step::rules;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The names of the examples in the repository.
fn examples() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/workflows");
    let files = std::fs::read_dir(folder).expect("the examples");
    let names = files.map(|file| file.expect("a file").path());
    names
        .map(|path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            stem.expect("a name").to_owned()
        })
        .collect()
}

fn types(list: &Value) -> Vec<&str> {
    let items = list.as_array().expect("a list").iter();
    items.filter_map(|item| item["type"].as_str()).collect()
}

#[tokio::test]
async fn blocks_are_the_step_types_and_the_triggers() {
    let server = TestServer::start().await;
    let reader = server.with(&["workflows:read"]).await;
    let all = reader.get("/api/v1/blocks").await;
    assert_eq!(all.status, StatusCode::OK, "{}", all.text);
    let all = all.data();
    for rule in rules() {
        let wanted = rule.name.replace('.', "_");
        assert!(types(&all).contains(&wanted.as_str()), "{wanted}");
    }
    let core = reader.get("/api/v1/blocks?kind=core").await.data();
    let triggers = reader.get("/api/v1/blocks?kind=triggers").await.data();
    let integrations = reader.get("/api/v1/blocks?kind=integrations").await.data();
    assert_eq!(
        types(&triggers),
        ["api_trigger", "schedule_trigger", "webhook_trigger"]
    );
    assert_eq!(
        types(&core).len() + types(&triggers).len() + types(&integrations).len(),
        types(&all).len()
    );
    for block in all.as_array().expect("a list") {
        let own = block["links"]["self"].as_str().expect("a link");
        let one = reader.get(own).await;
        assert_eq!(one.data(), *block, "{own}");
    }
    let wait = reader.get("/api/v1/blocks/wait").await.data();
    assert_eq!(wait["inputs"][0]["key"], "duration");
    assert_eq!(wait["subBlocks"][0]["required"], true);
    assert_eq!(wait["subBlocks"][1]["options"][1], "seconds");
    let request = reader.get("/api/v1/blocks/api_request").await.data();
    assert_eq!(request["actions"], json!(["api.request"]));
    assert_eq!(request["actionDefinitions"][0]["inputs"], request["inputs"]);
    // A mail goes over a connection and no other way.
    let needs = all.as_array().expect("a list").iter();
    let needs: Vec<&str> = needs
        .filter(|block| block["connectionRequired"] == true)
        .filter_map(|block| block["type"].as_str())
        .collect();
    assert_eq!(needs, ["email", "email_send"]);
    for (path, status) in [
        ("/api/v1/blocks/nothing", 404),
        ("/api/v1/blocks/Wait", 404),
        ("/api/v1/blocks?kind=other", 400),
        ("/api/v1/blocks?sort=name", 400),
    ] {
        assert_eq!(reader.get(path).await.status, status, "{path}");
    }
    let other = server.with(&["runs:read"]).await;
    assert_eq!(
        other.get("/api/v1/blocks").await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn templates_are_the_examples_and_become_workflows() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let list = admin.get("/api/v1/templates?limit=100").await;
    let templates = list.data();
    assert_eq!(list.json()["meta"], json!({ "hasMore": false }));
    let listed = templates.as_array().expect("a list").iter();
    let listed: BTreeSet<String> = listed.map(|one| text(&one["slug"])).collect();
    assert_eq!(listed, examples(), "every example is a template");
    for template in templates.as_array().expect("a list") {
        let (id, slug) = (text(&template["id"]), text(&template["slug"]));
        let by_slug = admin
            .get(&format!("/api/v1/templates/by-slug/{slug}"))
            .await;
        assert_eq!(by_slug.data(), *template);
        assert_eq!(
            admin.get(&format!("/api/v1/templates/{id}")).await.data(),
            *template
        );
        let file = format!(
            "{}/examples/workflows/{slug}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let file = std::fs::read_to_string(file).expect("the example");
        let example: Value = serde_json::from_str(&file).expect("JSON");
        for field in ["name", "description", "trigger", "steps", "nodes", "edges"] {
            assert_eq!(template[field], example[field], "{slug} {field}");
        }
        let made = instantiate(&admin, &id, json!({})).await;
        assert_eq!(made.status, StatusCode::CREATED, "{slug}: {}", made.text);
        let made = made.data();
        assert_eq!(made["status"], "draft");
        for field in ["steps", "nodes", "edges"] {
            assert_eq!(made[field], example[field], "{slug} {field}");
        }
        let activate = format!("/api/v1/workflows/{}/activate", text(&made["id"]));
        let activated = admin.post(&activate, Value::Null).await;
        // A webhook is believed by its signature, so its secret must be there first.
        let wants_secret = slug == "push-to-chat";
        let expected = if wants_secret {
            StatusCode::BAD_REQUEST
        } else {
            StatusCode::OK
        };
        assert_eq!(activated.status, expected, "{slug}: {}", activated.text);
        assert_eq!(wants_secret, activated.text.contains("GITHUB_WEBHOOK"));
    }
    let first = admin.get("/api/v1/templates?limit=1").await.json();
    let cursor = text(&first["meta"]["cursor"]);
    let rest = admin
        .get(&format!("/api/v1/templates?cursor={cursor}"))
        .await
        .data();
    let both = [
        first["data"].as_array().unwrap().clone(),
        rest.as_array().unwrap().clone(),
    ];
    assert_eq!(json!(both.concat()), templates);
}

#[tokio::test]
async fn what_a_template_becomes_can_be_named_and_set() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let set = json!({ "name": "mine", "variables": { "largeAmount": 5 } });
    let made = instantiate(&admin, "tpl_order-review", set).await.data();
    assert_eq!(
        (&made["name"], &made["variables"]["largeAmount"]),
        (&json!("mine"), &json!(5))
    );
    assert_eq!(made["variables"]["chatUrl"], "http://127.0.0.1:4000/chat");
    for (id, body, status) in [
        ("tpl_none", json!({}), 404),
        ("tpl_hello", json!({ "name": "" }), 400),
        ("tpl_hello", json!({ "name": "a\u{0}b" }), 400),
        (
            "tpl_order-review",
            json!({ "variables": { "largeAmont": 5 } }),
            400,
        ),
    ] {
        assert_eq!(instantiate(&admin, id, body).await.status, status);
    }
}

#[tokio::test]
async fn a_bound_key_makes_of_a_template_what_it_may_reach() {
    let server = TestServer::start().await;
    let body = json!({ "name": "team", "scopes": ["workflows:write"], "workflowPrefix": "team-" });
    let (_, team) = server.with_key(body).await;
    assert_eq!(
        instantiate(&team, "tpl_hello", json!({})).await.status,
        StatusCode::FORBIDDEN
    );
    let named = instantiate(&team, "tpl_hello", json!({ "name": "team-hello" })).await;
    assert_eq!(named.status, StatusCode::CREATED, "{}", named.text);
}

#[tokio::test]
async fn a_drawing_is_kept_beside_the_definition() {
    let server = TestServer::start_with_manual_clock().await;
    let admin = server.admin();
    let id = server.workflow("drawn", json!([pause(0)])).await;
    let one = format!("/api/v1/workflows/{id}");
    let before = admin.get(&one).await;
    assert_eq!(before.data()["canvasState"], Value::Null);
    server.clock.advance_ms(1_000);
    let canvas =
        json!({ "blocks": { "rest": { "position": { "x": 1.5, "y": -2 } } }, "edges": [] });
    let drawn = draw(&admin, &id, json!({ "canvasState": canvas })).await;
    assert_eq!(drawn.status, StatusCode::OK, "{}", drawn.text);
    let after = admin.get(&one).await;
    assert_eq!(
        (&after.data()["canvasState"], &after.data()["version"]),
        (&canvas, &json!(1))
    );
    assert_ne!(after.header("etag"), before.header("etag"));
    let versions = admin.get(&format!("{one}/versions")).await.data();
    assert_eq!(
        versions.as_array().map(Vec::len),
        Some(1),
        "a drawing makes no version"
    );

    let both = json!({ "canvasState": { "blocks": {} }, "steps": [pause(1)] });
    assert_eq!(draw(&admin, &id, both).await.data()["version"], 2);
    let steps = json!({ "steps": [pause(2)] });
    let kept = draw(&admin, &id, steps).await.data();
    assert_eq!(
        (&kept["version"], &kept["canvasState"]),
        (&json!(3), &json!({ "blocks": {} }))
    );
    let renamed = admin
        .send(Method::PUT, &one, json!({ "name": "again" }))
        .await
        .data();
    assert_eq!(
        renamed["canvasState"],
        json!({ "blocks": {} }),
        "an edit keeps the drawing"
    );
    let restored = admin
        .post(&format!("{one}/versions/1/restore"), Value::Null)
        .await
        .data();
    assert_eq!(restored["canvasState"], json!({ "blocks": {} }));
}

#[tokio::test]
async fn a_refused_drawing_changes_nothing() {
    let server = TestServer::start().await;
    let admin = server.admin();
    let id = server.workflow("drawn", json!([pause(0)])).await;
    let one = format!("/api/v1/workflows/{id}");
    let unchanged = admin.get(&one).await.text;
    for (body, place) in [
        (json!([]), ""),
        (json!({ "canvasState": [] }), ""),
        (json!({ "canvas": {} }), ""),
        (json!({ "steps": "none" }), ""),
        (
            json!({ "canvasState": {}, "steps": [{ "id": "a", "type": "wait", "config": {} }] }),
            "steps[0].config.duration",
        ),
        (
            json!({ "canvasState": { "big": "x".repeat(512 << 10) } }),
            "canvasState",
        ),
    ] {
        let refused = draw(&admin, &id, body).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
        let told = refused.json()["error"]["details"][0]["place"].clone();
        assert_eq!(told.as_str().unwrap_or_default(), place);
    }
    assert_eq!(
        admin.get(&one).await.text,
        unchanged,
        "a refused drawing changes nothing"
    );
    admin.send(Method::DELETE, &one, Value::Null).await;
    assert_eq!(
        draw(&admin, &id, json!({ "canvasState": {} })).await.status,
        StatusCode::CONFLICT
    );
    let gone = admin
        .send(Method::DELETE, &format!("{one}?purge=true"), Value::Null)
        .await;
    assert_eq!(gone.status, StatusCode::OK, "{}", gone.text);
}

/// What the public client of this API does, call by call.
#[tokio::test]
async fn the_whole_sequence_of_an_editor() {
    let server = TestServer::start().await;
    let scopes = [
        "workflows:read",
        "workflows:write",
        "workflows:execute",
        "runs:read",
    ];
    let client = server.with(&scopes).await;
    looks_around(&client).await;
    let body = json!({ "name": "[builder] operator probe (safe to delete)", "description": "A probe.",
        "trigger": { "type": "api" }, "steps": probe("10") });
    let created = client.post("/api/v1/workflows", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = text(&created.data()["id"]);
    let canvas = json!({
        "blocks": { "probe": { "id": "probe", "name": "Probe", "type": "condition", "enabled": true, "outputs": {},
            "position": { "x": 0, "y": 0 }, "subBlocks": {}, "horizontalHandles": true } },
        "edges": [{ "id": "e1", "source": "probe", "target": "yes", "sourceHandle": "true" }],
        "loops": {}, "parallels": {},
    });
    let drawing = |right: &str| json!({ "canvasState": canvas, "steps": probe(right) });
    let drawn = draw(&client, &id, drawing("10")).await;
    assert_eq!(drawn.json()["success"], true, "{}", drawn.text);
    assert_eq!(moves(&client, &id, "activate").await, StatusCode::OK);
    for (right, taken, skipped) in [("10", "yes", "no"), ("1000", "no", "yes")] {
        // It edits the drawing while the workflow is active, between runs.
        let drawn = draw(&client, &id, drawing(right)).await;
        assert_eq!(drawn.json()["success"], true, "{}", drawn.text);
        let start =
            json!({ "input": { "amount": 50 }, "mode": "sync", "maxExecutionTimeMs": 30_000 });
        let started = client
            .post(&format!("/api/v1/workflows/{id}/run"), start)
            .await;
        let run = started.data();
        assert_eq!(run["status"], "completed", "{}", started.text);
        let logs = client
            .get(&format!("/api/v1/runs/{}/logs", text(&run["run_id"])))
            .await;
        for step in logs.data().as_array().expect("a list") {
            let wanted = match text(&step["stepId"]) {
                step if step == taken || step == "probe" => "completed",
                step if step == skipped => "skipped",
                step => panic!("a step {step}"),
            };
            assert_eq!(step["status"], wanted, "{}", logs.text);
        }
    }
    assert_eq!(moves(&client, &id, "pause").await, StatusCode::OK);
    let read = client.get(&format!("/api/v1/workflows/{id}")).await.data();
    assert_eq!(
        (&read["canvasState"], &read["status"]),
        (&canvas, &json!("paused"))
    );
}

/// What it asks for when it starts.
async fn looks_around(client: &Client) {
    for kind in ["core", "integrations", "triggers"] {
        let blocks = client.get(&format!("/api/v1/blocks?kind={kind}")).await;
        assert_eq!(blocks.json()["success"], true);
    }
    let templates = client.get("/api/v1/templates?limit=100").await.data();
    for template in templates.as_array().expect("a list") {
        let path = format!("/api/v1/templates/by-slug/{}", text(&template["slug"]));
        assert_eq!(client.get(&path).await.json()["success"], true);
    }
}

/// Steps that show which way a comparison with `right` takes.
fn probe(right: &str) -> Value {
    json!([
        { "id": "probe", "name": "Probe", "type": "condition", "action": "condition.evaluate", "config": {
            "conditions": { "left": "{{input.amount}}", "operator": "gt", "right": right },
            "then": ["yes"], "else": ["no"] } },
        { "id": "yes", "name": "Yes", "type": "transform", "config": { "sourceData": "large" } },
        { "id": "no", "name": "No", "type": "transform", "config": { "sourceData": "small" } },
    ])
}

/// Clients say that they send JSON also where they send nothing.
async fn moves(client: &Client, id: &str, action: &str) -> StatusCode {
    let request = client.request(Method::POST, &format!("/api/v1/workflows/{id}/{action}"));
    let answer = request
        .header("content-type", "application/json")
        .send()
        .await;
    answer.expect("an answer").status()
}

async fn draw(client: &Client, id: &str, body: Value) -> Answer {
    client
        .send(
            Method::PATCH,
            &format!("/api/v1/workflows/{id}/canvas"),
            body,
        )
        .await
}

async fn instantiate(client: &Client, id: &str, body: Value) -> Answer {
    client
        .post(&format!("/api/v1/templates/{id}/instantiate"), body)
        .await
}

fn pause(duration: u32) -> Value {
    json!({ "id": "rest", "type": "wait", "config": { "duration": duration } })
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
