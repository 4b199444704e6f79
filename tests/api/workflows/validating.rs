//! `POST /workflows/validate`: every mistake at once, each with its place; nothing is stored, nothing called.

use super::{WORKFLOWS, definition, empty_server, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

const VALIDATE: &str = "/api/v1/workflows/validate";

#[tokio::test]
async fn a_good_definition_is_valid_and_not_stored() {
    let server = empty_server().await;
    let key = server.with(&["workflows:write"]).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener
        .set_nonblocking(true)
        .expect("a listener that does not wait");
    let port = listener.local_addr().expect("an address").port();
    let mut body = definition("valid");
    body["steps"] = json!([{
        "id": "call", "type": "action", "action": "api.request",
        "config": { "url": format!("http://127.0.0.1:{port}/"), "method": "GET" },
    }]);
    for body in [
        body.clone(),
        json!({ "trigger": body["trigger"], "steps": body["steps"] }),
    ] {
        let answer = key.post(VALIDATE, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.data(), json!({ "valid": true, "problems": [] }));
    }
    let list = server.admin().get(WORKFLOWS).await.data();
    assert_eq!(list, json!([]));
    let called = listener.accept().expect_err("validating calls nobody");
    assert_eq!(called.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn all_mistakes_are_told_at_once_with_their_places() {
    let server = empty_server().await;
    let admin = server.admin();
    let body = json!({
        "name": "",
        "descritpion": "x",
        "trigger": { "type": "apii" },
        "steps": [
            { "id": "a", "type": "transfrom", "config": {} },
            { "id": "a", "type": "wait", "config": { "duration": -1 } },
            { "type": "wait", "config": { "duration": 1 } },
            { "id": "c", "type": "condition", "config": {
                "conditions": { "left": "1", "operator": "like", "right": "2" },
                "then": ["nobody"],
            } },
            { "id": "d", "type": "action", "action": "api.requset", "config": {} },
        ],
        "inputSchema": { "type": "nothing" },
    });
    let told = admin.post(VALIDATE, body.clone()).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.text);
    assert_eq!(told.data()["valid"], json!(false));
    let problems = told.data()["problems"].clone();
    let lines: Vec<String> = problems
        .as_array()
        .expect("a list")
        .iter()
        .map(|problem| format!("{}: {}", text(&problem["place"]), text(&problem["message"])))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    descritpion: unknown field; did you mean `description`?
    name: it has 1 to 255 characters, not only spaces, and no control characters
    trigger.type: there is no trigger type `apii` (did you mean `api`?); use `api`, `webhook` or `schedule`
    steps[1].id: `a` is the id of steps[0] too; ids must be unique
    steps[2].id: the step has no id; templates and branches need one
    steps[0].type: step `a` has the unknown type `transfrom` (did you mean `transform`?); there are: action, agent, approval, code, condition, data_table, email, loop, parallel, slack, subworkflow, transform, wait
    steps[1].config.duration: -1 ms is not between 0 and 366 days
    steps[3].config.conditions.operator: `like` is not an operator; there are eq, ne, gt, gte, lt, lte, contains, startsWith, endsWith, exists, isEmpty, matches; did you mean `lte`?
    steps[3].config.then[0]: there is no step `nobody`
    steps[4].action: step `d` has the unknown action `api.requset` (did you mean `api.request`?); there are: api.request, email.send, slack.send_message
    inputSchema: not a JSON Schema that can be used: "nothing" is not valid under any of the schemas listed in the 'anyOf' keyword
    "#);
    // Whoever saves it is told the same.
    let refused = admin.post(WORKFLOWS, body).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.json()["error"]["message"],
        json!("Invalid workflow configuration")
    );
    assert_eq!(refused.json()["error"]["details"], problems);
    assert_eq!(admin.get(WORKFLOWS).await.data(), json!([]));
}

#[tokio::test]
async fn an_unknown_step_type_names_the_nearest() {
    let server = empty_server().await;
    for (step, nearest) in [
        (
            json!({ "id": "s", "type": "condtion", "config": {} }),
            "`condition`",
        ),
        (
            json!({ "id": "s", "type": "Wait", "config": { "duration": 1 } }),
            "`wait`",
        ),
        (
            json!({ "id": "s", "type": "action", "action": "api.requests", "config": {} }),
            "`api.request`",
        ),
    ] {
        let mut body = definition("unknown");
        body["steps"] = json!([step]);
        let answer = server.admin().post(WORKFLOWS, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let details: Value = answer.json()["error"]["details"].clone();
        let message = text(&details[0]["message"]);
        assert!(
            message.contains("`s`") && message.contains(nearest),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_schema_that_would_hold_or_end_the_server_is_refused_with_a_reason() {
    let server = empty_server().await;
    let admin = server.admin();
    let reference = |number: usize| json!({ "$ref": format!("#/$defs/d{number}") });
    let chain = |length: usize, times: usize| {
        let mut definitions: serde_json::Map<String, Value> = (0..length)
            .map(|number| {
                let next = vec![reference(number + 1); times];
                (format!("d{number}"), json!({ "allOf": next }))
            })
            .collect();
        definitions.insert(format!("d{length}"), json!({ "type": "object" }));
        json!({ "$ref": "#/$defs/d0", "$defs": definitions })
    };
    let patterns: Vec<Value> = (0..200)
        .map(|number| json!({ "pattern": format!("[\\p{{L}}{number}]{{60}}") }))
        .collect();
    for (schema, reason) in [
        (chain(9_000, 1), "levels"),
        (chain(40, 2), "multiply"),
        (json!({ "allOf": patterns }), "regular expressions"),
        (json!({ "pattern": "\\p{L}{1000}{1000}" }), "regex"),
        (
            json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] }),
            "leads back",
        ),
    ] {
        let mut body = definition("hostile");
        body["inputSchema"] = schema.clone();
        let told = admin.post(VALIDATE, body).await.data();
        assert_eq!(told["problems"][0]["place"], json!("inputSchema"), "{told}");
        let message = text(&told["problems"][0]["message"]);
        assert!(message.contains(reason), "{message}");
        // The same in a step.
        let mut body = definition("hostile");
        body["steps"] = json!([{
            "id": "check", "type": "transform",
            "config": { "sourceData": "{{input}}", "targetSchema": schema },
        }]);
        let told = admin.post(VALIDATE, body).await.data();
        let message = text(&told["problems"][0]["message"]);
        assert!(message.contains(reason), "{message}");
    }
    let mut body = definition("names");
    body["inputSchema"] = json!({
        "properties": { "name": { "type": "string", "pattern": "^[\\p{L} ]{1,80}$" } },
    });
    let told = admin.post(VALIDATE, body).await.data();
    assert_eq!(told["valid"], json!(true), "{told}");
}

#[tokio::test]
async fn an_input_that_would_take_too_long_to_check_is_a_400() {
    let server = empty_server().await;
    let choices: Vec<u32> = (0..30_000).collect();
    let mut body = definition("choices");
    body["inputSchema"] = json!({ "properties": { "all": { "items": { "enum": choices } } } });
    let workflow = server.workflow_with(body).await;
    let path = format!("{WORKFLOWS}/{workflow}/run");
    for (length, status) in [
        (10, StatusCode::ACCEPTED),
        (50_000, StatusCode::BAD_REQUEST),
    ] {
        let input = json!({ "all": vec![29_999; length] });
        let answer = server.admin().post(&path, json!({ "input": input })).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

/// What other servers take, and nothing here would come of: a step, the place, and a part of what is said.
const WITHOUT_EFFECT: &str = r#"
{"type": "approval", "config": {"requireAll": true}} ⇒ config.requireAll ⇒ one `approval` step for each person
{"type": "approval", "config": {"requireAll": "{{input.all}}"}} ⇒ config.requireAll ⇒ one answer decides
{"type": "subworkflow", "config": {"workflowId": "w", "queueConcurrencyLimit": 2}} ⇒ config.queueConcurrencyLimit ⇒ `settings.maxConcurrentRuns`
{"type": "subworkflow", "config": {"workflowId": "w", "waitForCompletion": false, "timeoutMinutes": 2}} ⇒ config.timeoutMinutes ⇒ `settings.timeoutMs`
{"type": "subworkflow", "config": {"workflowId": "w", "waitForCompletion": "false", "maxDurationSeconds": 2}} ⇒ config.maxDurationSeconds ⇒ `settings.timeoutMs`
{"type": "agent", "config": {"prompt": "p", "connections": ["conn_1"]}} ⇒ config.connections ⇒ named in `connection`
{"type": "loop", "config": {"iterations": 150, "steps": ["end"]}} ⇒ config.iterations ⇒ `maxIterations` is 100
{"type": "loop", "config": {"iterations": 3, "maxIterations": "2", "steps": ["end"]}} ⇒ config.iterations ⇒ `maxIterations` is 2
{"type": "action", "action": "slack.sendDirectMessage"} ⇒ action ⇒ (did you mean `slack.send_message`?)
{"type": "action", "action": "email.send_template"} ⇒ action ⇒ (did you mean `email.send`?)
{"type": "action", "action": "condition.evaluate"} ⇒ action ⇒ write `"type": "condition"`
{"type": "action", "action": "stripe.createInvoice"} ⇒ action ⇒ called by the action `api.request`
{"type": "code", "config": {"code": "return 1"}, "errorHandling": {"strategy": "stop"}} ⇒ errorHandling.strategy ⇒ (did you mean `fail`?)
{"type": "code", "config": {"code": "return 1"}, "errorHandling": {"strategy": "retry"}} ⇒ errorHandling.strategy ⇒ (did you mean `retryConfig` of the step?)
{"type": "code", "config": {"code": "return 1"}, "errorHandling": {"strategy": "Continue"}} ⇒ errorHandling.strategy ⇒ (did you mean `continue`?)
"#;

#[tokio::test]
async fn what_would_have_no_effect_is_refused_with_what_does() {
    let server = empty_server().await;
    let end = json!({ "id": "end", "type": "transform", "config": { "sourceData": 1 } });
    for line in WITHOUT_EFFECT.trim().lines() {
        let columns: Vec<&str> = line.split(" ⇒ ").collect();
        let mut step: Value = serde_json::from_str(columns[0]).expect(line);
        step["id"] = json!("s");
        let mut body = definition("no effect");
        body["steps"] = json!([step, end]);
        let told = server.admin().post(VALIDATE, body).await.data();
        let problems = told["problems"].as_array().expect("a list");
        assert_eq!(problems.len(), 1, "{line}: {told}");
        assert_eq!(
            text(&problems[0]["place"]),
            format!("steps[0].{}", columns[1]),
            "{line}"
        );
        let message = text(&problems[0]["message"]);
        assert!(message.contains(columns[2]), "{line}: {message}");
    }
}

/// What other servers take and what only describes is kept as it was written.
#[tokio::test]
async fn what_only_describes_is_kept() {
    let server = empty_server().await;
    let steps = json!([
        { "id": "a", "type": "approval", "config": {
            "requireAll": false, "notifyChannels": { "slack": "#x" }, "escalateTo": "boss@x.example" } },
        { "id": "b", "type": "subworkflow", "config": { "workflowId": "other", "queueName": "q", "machine": "small-1x" } },
        { "id": "c", "type": "agent", "config": { "prompt": "p", "connections": [], "maxToolIterations": 3 } },
        { "id": "d", "type": "loop", "config": { "iterations": 150, "maxIterations": 150, "steps": ["e"] } },
        { "id": "e", "type": "transform", "config": { "sourceData": 1 } },
    ]);
    let mut body = definition("describes");
    body["steps"] = steps.clone();
    let made = server.admin().post(WORKFLOWS, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert_eq!(made.data()["steps"], steps);
}

/// An empty text is no value of any field, and that is said with its place.
#[tokio::test]
async fn an_empty_text_in_a_loop_is_told_with_its_place() {
    let server = empty_server().await;
    for (kind, field) in [
        ("loop", "steps"),
        ("loop", "collection"),
        ("loop", "itemVariable"),
        ("loop", "indexVariable"),
        ("loop", "maxIterations"),
        ("loop", "iterations"),
        ("loop", "batchSize"),
        ("loop", "whileCondition"),
        ("loop", "breakCondition"),
        ("loop", "loopType"),
        ("parallel", "steps"),
        ("parallel", "forEachSource"),
        ("parallel", "strategy"),
    ] {
        let mut config = json!({ "steps": ["in"], "collection": [1], "forEachSource": [1] });
        config[field] = json!("");
        let body = json!({ "name": "x", "trigger": { "type": "api" }, "steps": [
            { "id": "out", "type": kind, "config": config },
            { "id": "in", "type": "transform", "config": { "sourceData": 1 } },
        ]});
        let answer = server.admin().post(WORKFLOWS, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{kind}.{field}");
        let place = format!("steps[0].config.{field}");
        assert!(answer.text.contains(&place), "{place}: {}", answer.text);
    }
}
