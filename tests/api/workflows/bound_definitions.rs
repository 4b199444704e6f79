//! What a bound key may put into a definition: nothing that it does not reach, by whatever way it is saved.

use super::{WORKFLOWS, post, put, say, text};
use crate::support::{Client, TestServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const SCOPES: [&str; 4] = [
    "workflows:read",
    "workflows:write",
    "workflows:execute",
    "runs:read",
];

struct Bench {
    server: TestServer,
    /// `team-a/mine`, `team-a/next` and `team-b/other`.
    mine: String,
    next: String,
    other: String,
    /// Bound to `team-a/mine`, and to the prefix `team-a/`.
    to_one: Client,
    to_prefix: Client,
}

impl Bench {
    async fn start() -> Bench {
        let server = TestServer::start().await;
        let mine = server.workflow("team-a/mine", say("mine")).await;
        let next = server.workflow("team-a/next", say("next")).await;
        let other = server.workflow("team-b/other", say("theirs")).await;
        let one = json!({ "name": "one", "scopes": SCOPES, "workflowId": mine });
        let prefix = json!({ "name": "prefix", "scopes": SCOPES, "workflowPrefix": "team-a/" });
        Bench {
            to_one: server.with_key(one).await.1,
            to_prefix: server.with_key(prefix).await.1,
            server,
            mine,
            next,
            other,
        }
    }

    /// The steps that a bound key may not save: the field that is pointed at, and a part of what is said.
    fn refused(&self) -> Vec<(Value, &'static str, &'static str)> {
        let call = |config: Value| json!({ "id": "x", "type": "action", "action": "api.request", "config": config });
        let child =
            |id: &str| json!({ "id": "x", "type": "subworkflow", "config": { "workflowId": id } });
        let agent = |config: Value| json!({ "id": "x", "type": "agent", "config": config });
        let table = |config: Value| json!({ "id": "x", "type": "data_table", "config": config });
        let mail = json!({ "id": "x", "type": "email", "config": {
            "provider": "office", "to": "a@b.example", "subject": "s", "text": "t" } });
        let slack = json!({ "id": "x", "type": "action", "action": "slack.send_message", "config": {
            "webhookUrl": "{{secrets.SLACK}}", "provider": "slack", "text": "t" } });
        let url = "https://api.crm.example/";
        let none = "that this key reaches";
        let template = "a template could name any";
        vec![
            (child(&self.other), "workflowId", none),
            (child("nobody"), "workflowId", none),
            (child("{{input.id}}"), "workflowId", template),
            (child("{% if input %}a{% endif %}"), "workflowId", template),
            (
                call(json!({ "url": url, "connection": "conn_1" })),
                "connection",
                "no connections",
            ),
            (
                call(json!({ "url": url, "connectionId": "crm" })),
                "connectionId",
                "no connections",
            ),
            (
                call(json!({ "url": url, "connection": "{{input.c}}" })),
                "connection",
                "no connections",
            ),
            (
                agent(json!({ "agentId": "agent_extraction" })),
                "agentId",
                "no agents",
            ),
            (agent(json!({ "prompt": "Hi" })), "provider", "no agents"),
            (
                agent(json!({ "prompt": "Hi", "connection": "openai" })),
                "connection",
                "no connections",
            ),
            (
                table(json!({ "operation": "find", "tableId": "t" })),
                "tableId",
                "no data tables",
            ),
            (
                table(json!({ "operation": "listTables" })),
                "operation",
                "no data tables",
            ),
            (mail, "provider", "no connections"),
            (slack, "provider", "no connections"),
        ]
    }
}

#[tokio::test]
async fn a_bound_key_saves_no_step_that_names_what_it_does_not_reach() {
    let bench = Bench::start().await;
    let path = format!("{WORKFLOWS}/{}", bench.mine);
    let before = bench.to_one.get(&path).await.text;
    for (step, field, said) in bench.refused() {
        let steps = json!([say("first")[0], step]);
        let body = json!({ "name": "team-a/new", "trigger": { "type": "api" }, "steps": steps });
        let drawn = json!({ "canvasState": {}, "steps": steps });
        let edit = json!({ "steps": steps });
        let canvas = format!("{path}/canvas");
        let by_one = &bench.to_one;
        let by_prefix = &bench.to_prefix;
        let mut answers = vec![by_prefix.post(WORKFLOWS, body.clone()).await];
        for key in [by_one, by_prefix] {
            answers.push(key.send(Method::PUT, &path, edit.clone()).await);
            answers.push(key.send(Method::PATCH, &canvas, drawn.clone()).await);
        }
        for answer in answers {
            assert_eq!(
                answer.status,
                StatusCode::BAD_REQUEST,
                "{step}: {}",
                answer.text
            );
            let problems = answer.json()["error"]["details"].clone();
            assert_eq!(problems.as_array().map(Vec::len), Some(1), "{problems}");
            assert_eq!(
                problems[0]["place"],
                json!(format!("steps[1].config.{field}")),
                "{step}"
            );
            assert!(
                text(&problems[0]["message"]).contains(said),
                "{step}: {problems}"
            );
        }
        let validity = by_one
            .post(&format!("{WORKFLOWS}/validate"), body.clone())
            .await;
        assert_eq!(validity.data()["valid"], json!(false), "{step}");
        // A key that is not bound may.
        let admin = bench.server.admin();
        let validity = admin.post(&format!("{WORKFLOWS}/validate"), body).await;
        assert_eq!(
            validity.data()["valid"],
            json!(true),
            "{step}: {}",
            validity.text
        );
    }
    assert_eq!(
        bench.to_one.get(&path).await.text,
        before,
        "nothing was saved"
    );
}

#[tokio::test]
async fn every_mistake_is_told_at_once() {
    let bench = Bench::start().await;
    let steps = json!([
        { "id": "a", "type": "subworkflow", "config": { "workflowId": bench.other } },
        { "id": "b", "type": "wait", "config": {} },
        { "id": "c", "type": "data_table", "config": { "operation": "listTables" } },
    ]);
    let answer = put(
        &bench.to_one,
        &bench.mine,
        json!({ "steps": steps, "name": 5 }),
    )
    .await;
    let problems = answer.json()["error"]["details"].clone();
    let mut places: Vec<String> = problems
        .as_array()
        .expect("a list")
        .iter()
        .map(|problem| text(&problem["place"]))
        .collect();
    places.sort();
    assert_eq!(
        places,
        [
            "name",
            "steps[0].config.workflowId",
            "steps[1].config.duration",
            "steps[2].config.operation"
        ]
    );
}

#[tokio::test]
async fn a_bound_key_runs_workflows_within_its_reach_from_steps() {
    let bench = Bench::start().await;
    let child =
        |id: &str| json!([{ "id": "x", "type": "subworkflow", "config": { "workflowId": id } }]);
    let key = &bench.to_prefix;
    let edited = put(key, &bench.mine, json!({ "steps": child(&bench.next) })).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let run = key.run(&bench.mine, json!({})).await;
    assert_eq!(run["output"]["result"], json!({ "said": "next" }), "{run}");
    // The other key reaches `mine` alone.
    let edited = put(
        &bench.to_one,
        &bench.mine,
        json!({ "steps": child(&bench.mine) }),
    )
    .await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
}

#[tokio::test]
async fn what_another_key_has_saved_runs_and_may_be_kept_but_not_changed() {
    let bench = Bench::start().await;
    let (key, admin) = (&bench.to_one, bench.server.admin());
    let child = json!({ "id": "x", "type": "subworkflow",
        "config": { "workflowId": bench.other, "inputMapping": { "a": 1 } } });
    let saved = put(&admin, &bench.mine, json!({ "steps": [child] })).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text);
    let run = key.run(&bench.mine, json!({})).await;
    assert_eq!(
        run["output"]["result"],
        json!({ "said": "theirs" }),
        "{run}"
    );

    let kept = json!({ "steps": [say("before")[0], child] });
    let edited = put(key, &bench.mine, kept).await;
    assert_eq!(edited.status, StatusCode::OK, "{}", edited.text);
    let mut changed = child.clone();
    changed["config"]["inputMapping"] = json!({ "a": 2 });
    let edited = put(key, &bench.mine, json!({ "steps": [changed] })).await;
    assert_eq!(edited.status, StatusCode::BAD_REQUEST, "{}", edited.text);

    // Once it is gone it does not come back by an older version.
    let removed = put(key, &bench.mine, json!({ "steps": say("alone") })).await;
    assert_eq!(removed.status, StatusCode::OK, "{}", removed.text);
    let restored = post(key, &bench.mine, "versions/2/restore").await;
    assert_eq!(
        restored.status,
        StatusCode::BAD_REQUEST,
        "{}",
        restored.text
    );
    let restored = post(&admin, &bench.mine, "versions/2/restore").await;
    assert_eq!(restored.status, StatusCode::OK, "{}", restored.text);
}

#[tokio::test]
async fn a_kept_step_whose_template_names_something_is_not_led_elsewhere() {
    let bench = Bench::start().await;
    let (key, admin) = (&bench.to_one, bench.server.admin());
    let body = json!({
        "variables": { "which": bench.next },
        "steps": [{ "id": "x", "type": "subworkflow", "config": { "workflowId": "{{variables.which}}" } }],
    });
    let saved = put(&admin, &bench.mine, body).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.text);
    let led = put(
        key,
        &bench.mine,
        json!({ "variables": { "which": bench.other } }),
    )
    .await;
    assert_eq!(led.status, StatusCode::BAD_REQUEST, "{}", led.text);
    // What leaves the definition alone is no matter.
    let named = put(key, &bench.mine, json!({ "description": "Runs another." })).await;
    assert_eq!(named.status, StatusCode::OK, "{}", named.text);
    let run = key.run(&bench.mine, json!({})).await;
    assert_eq!(run["output"]["result"], json!({ "said": "next" }), "{run}");
}

#[tokio::test]
async fn a_template_that_uses_tables_is_not_for_bound_keys() {
    let bench = Bench::start().await;
    let path = "/api/v1/templates/by-slug/nightly-cleanup";
    let template = bench.to_prefix.get(path).await.data();
    let path = format!("/api/v1/templates/{}/instantiate", text(&template["id"]));
    let body = json!({ "name": "team-a/cleanup" });
    let refused = bench.to_prefix.post(&path, body.clone()).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text);
    assert!(
        refused.text.contains("sees no data tables"),
        "{}",
        refused.text
    );
    let made = bench.server.admin().post(&path, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
}
