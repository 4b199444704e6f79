//! `examples/workflows/*.json` that are started by events, by the clock or by a person, and those that loop and fan out:
//! each against a server that plays the other side, to which the workflow's variables are pointed.

use crate::smtp::{Script, SmtpServer};
use crate::support::{Answer, MONDAY_MS, TestServer};
use crate::upstream::{Reply, Upstream};
use crate::workflows::{file, follow, follow_run};
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const HOUR_MS: u64 = 3_600_000;
const GITHUB_SECRET: &str = "It is a secret to everybody";

pub(crate) async fn sides() -> (TestServer, Upstream) {
    let upstream = Upstream::start().await;
    let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
        config.outbound_allow = vec!["127.0.0.1".into()];
        // Looking again until something has happened takes many requests.
        config.limit_read = Limit::Unlimited;
    })
    .await;
    (server, upstream)
}

/// The example as somebody would set it up: posted, pointed elsewhere by its variables, given its secrets, activated.
pub(crate) async fn set_up(
    server: &TestServer,
    name: &str,
    variables: Value,
    secrets: &[(&str, &str)],
) -> String {
    let admin = server.admin();
    let workflow = file(name);
    let mut all = workflow.get("variables").cloned().unwrap_or(json!({}));
    let own = variables.as_object().expect("variables").clone();
    all.as_object_mut().expect("variables").extend(own);
    let created = admin.post("/api/v1/workflows", workflow).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    let id = created.data()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/workflows/{id}");
    let put = admin
        .send(Method::PUT, &path, json!({ "variables": all }))
        .await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    for (key, value) in secrets {
        let secret = json!({ "key": key, "value": value });
        let path = format!("{path}/secrets");
        ask(server, Method::POST, &path, secret).await;
    }
    let active = admin.post(&format!("{path}/activate"), Value::Null).await;
    assert_eq!(active.status, StatusCode::OK, "{}", active.text);
    id
}

/// The run that the clock has started, as soon as it has.
pub(crate) async fn fired(server: &TestServer, workflow: &str) -> String {
    let path = format!("/api/v1/workflows/{workflow}/firings");
    loop {
        let firings = server.admin().get(&path).await.data();
        if let Some(run) = firings[0]["runId"].as_str() {
            return run.to_owned();
        }
        assert!(firings[0].is_null(), "no run: {firings}");
        tokio::task::yield_now().await;
    }
}

/// A request for tables, connections or secrets: its `data`.
pub(crate) async fn ask(server: &TestServer, method: Method, path: &str, body: Value) -> Value {
    let request = server.admin().request(method, path);
    let request = if body.is_null() {
        request
    } else {
        request.json(&body)
    };
    let answer = Answer::read(request.send().await.expect("an answer")).await;
    assert!(answer.status.is_success(), "{path}: {}", answer.text);
    answer.data()
}

/// The rows of a table, by what they hold.
pub(crate) async fn rows(server: &TestServer, table: &str) -> Vec<Value> {
    let tables = ask(server, Method::GET, "/api/v1/tables", Value::Null).await;
    let tables = tables.as_array().expect("tables");
    let of_name = tables.iter().find(|one| one["name"] == table);
    let id = of_name.expect("the table")["id"].as_str().expect("an id");
    let path = format!("/api/v1/tables/{id}/rows");
    let rows = ask(server, Method::GET, &path, Value::Null).await;
    let rows = rows.as_array().expect("rows");
    let mut data: Vec<Value> = rows.iter().map(|row| row["data"].clone()).collect();
    data.sort_by_key(Value::to_string);
    data
}

async fn push(server: &TestServer, delivery: &str, secret: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(body.as_bytes());
    let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
    let request = server
        .anonymous()
        .request(Method::POST, "/webhooks/github/push-to-chat")
        .header("content-type", "application/json")
        .header("x-github-event", "push")
        .header("x-github-delivery", delivery)
        .header("x-hub-signature-256", signature)
        .body(body);
    Answer::read(request.send().await.expect("an answer")).await
}

/// The newest run of a workflow.
async fn newest_run(server: &TestServer, workflow: &str) -> String {
    let path = format!("/api/v1/runs?workflowId={workflow}");
    let runs = server.admin().get(&path).await.data();
    runs[0]["id"].as_str().expect("a run").to_owned()
}

#[tokio::test]
async fn a_push_to_the_default_branch_is_told_to_the_chat_once() {
    let (server, chat) = sides().await;
    let address = chat.url("/services/T000/B000/pl4nted");
    let secrets = [
        ("GITHUB_WEBHOOK", GITHUB_SECRET),
        ("SLACK_WEBHOOK", &address),
    ];
    let id = set_up(
        &server,
        "push-to-chat",
        json!({ "shownCommits": 1 }),
        &secrets,
    )
    .await;
    let mut event = json!({
        "ref": "refs/heads/main", "deleted": false, "pusher": { "name": "Ada" },
        "repository": { "full_name": "shop/site", "default_branch": "main" },
        "commits": [
            { "id": "0123456789abcdef", "message": "Sum & <b>carry</b>\n\nAt length." },
            { "id": "fedcba9876543210", "message": "Mend" },
        ],
    });
    let forged = push(&server, "1", "a guess", &event).await;
    assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "{}", forged.text);
    // GitHub may deliver an event twice.
    for _ in 0..2 {
        let taken = push(&server, "1", GITHUB_SECRET, &event).await;
        assert_eq!(taken.status, StatusCode::OK, "{}", taken.text);
    }
    let (run, _) = follow_run(&server, &newest_run(&server, &id).await).await;
    assert_eq!(run["status"], "completed", "{run}");
    let told = chat.calls("/services/T000/B000/pl4nted");
    assert_eq!(told.len(), 1);
    let text = "Ada pushed 2 commits to shop/site\n• Sum &amp; &lt;b&gt;carry&lt;/b&gt; (0123456)\n… and 1 more";
    assert_eq!(told[0].json(), json!({ "text": text }));

    event["ref"] = json!("refs/heads/a-try");
    push(&server, "2", GITHUB_SECRET, &event).await;
    let (run, steps) = follow_run(&server, &newest_run(&server, &id).await).await;
    assert_eq!(
        (&run["status"], &steps["tell"]),
        (&json!("completed"), &json!("skipped"))
    );
    assert_eq!(chat.calls("/services/T000/B000/pl4nted").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn in_the_morning_the_sales_of_the_day_before_are_mailed() {
    let (server, shop) = sides().await;
    let smtp = SmtpServer::start(Script::default()).await;
    let credentials = json!({
        "host": "127.0.0.1", "port": smtp.port().to_string(), "security": "none", "from": "Shop <flow@shop.example>",
    });
    let connection = json!({
        "name": "Office", "provider": "office-mail", "type": "smtp", "credentials": credentials,
    });
    ask(&server, Method::POST, "/api/v1/connections", connection).await;
    shop.reply("/sales", Reply::text(503, "not yet"));
    let sales = json!({ "orders": 12, "revenue": 480.5, "top": ["pen", "ink"] });
    shop.reply("/sales", Reply::json(200, &sales));
    let id = set_up(
        &server,
        "daily-report",
        json!({ "salesUrl": shop.url("/sales") }),
        &[],
    )
    .await;
    // Tuesday, seven in Berlin.
    server.clock.advance_ms(20 * HOUR_MS);
    let (run, _) = follow_run(&server, &fired(&server, &id).await).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["input"]["scheduledAt"], "2024-01-16T06:00:00.000Z");
    let asked = shop.calls("/sales");
    let targets: Vec<_> = asked.iter().map(|call| call.target.as_str()).collect();
    assert_eq!(targets, ["/sales?day=2024-01-15"; 2]);
    let mail = smtp.message();
    for part in [
        "To: sales@shop.example\r\n",
        "Subject: Sales of 2024-01-15\r\n",
        "12 orders, 480.5 EUR.\r\nMost sold: pen, ink.",
    ] {
        assert!(mail.contains(part), "{part}: {mail}");
    }
    server.stop().await;
}

#[tokio::test]
async fn all_pages_are_read_and_their_customers_kept() {
    let (server, crm) = sides().await;
    let page = |ids: &[u32], has_more: bool| {
        let customers = ids
            .iter()
            .map(|id| json!({ "id": id, "name": format!("c{id}") }));
        let customers: Vec<Value> = customers.collect();
        Reply::json(200, &json!({ "customers": customers, "hasMore": has_more }))
    };
    let variables = json!({ "customersUrl": crm.url("/customers"), "perPage": 2 });
    let id = set_up(&server, "paginated-fetch", variables, &[]).await;
    crm.reply("/customers", page(&[1, 2], true));
    // A page that fails is asked for again; a customer who moved to the next page meanwhile is kept once.
    crm.reply("/customers", Reply::text(502, ""));
    crm.reply("/customers", page(&[2, 3], true));
    crm.reply("/customers", page(&[4], false));
    let (run, _) = follow(&server, &id, json!({})).await;
    let report = json!({ "pages": 3, "customers": 5, "complete": true });
    assert_eq!(run["output"], report, "{run}");
    let asked = crm.calls("/customers");
    let targets: Vec<_> = asked.iter().map(|call| call.target.as_str()).collect();
    let expected = [1, 2, 2, 3].map(|number| format!("/customers?page={number}&perPage=2"));
    assert_eq!(targets, expected);
    let names: Vec<Value> = rows(&server, "customers")
        .await
        .iter()
        .map(|row| row["name"].clone())
        .collect();
    assert_eq!(names, ["c1", "c2", "c3", "c4"]);
    // Nobody at all is an end too.
    crm.reply("/customers", page(&[], false));
    let (run, _) = follow(&server, &id, json!({})).await;
    let report = json!({ "pages": 1, "customers": 0, "complete": true });
    assert_eq!(run["output"], report, "{run}");
    server.stop().await;
}
