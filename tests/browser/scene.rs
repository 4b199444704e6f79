//! A server as it looks after some weeks: keys, workflows of every form, runs that ended in every way, one that waits. What its
//! pages' paths may be made of is known here.

use crate::support::{Client, MONDAY_MS, TestServer};
use crate::upstream::{Reply, Upstream};
use flowlatch::clock::Clock;
use flowlatch::model::limit::Limit;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a run may take to come to where it waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has to be asked for at some paths.
const QUERIES: [(&str, &str); 2] = [
    ("/dashboard/runs/:id/config", "?step=fetch"),
    ("/dashboard/workflows/:id/difference", "?from=1&to=1"),
];

/// A server whose clock stands still, and what is on it.
pub(crate) struct Scene {
    pub(crate) server: TestServer,
    /// Where its workflows call.
    _orders: Upstream,
    /// By the word before a parameter in a page's path: what may stand there.
    choices: HashMap<&'static str, Vec<String>>,
}

impl Scene {
    pub(crate) async fn build() -> Scene {
        let orders = Upstream::start().await;
        let server = TestServer::start_with(Clock::manual(MONDAY_MS), |config| {
            config.outbound_allow = vec!["127.0.0.1".to_owned()];
            config.limit_read = Limit::Unlimited;
            config.limit_write = Limit::Unlimited;
            config.limit_execute = Limit::Unlimited;
        })
        .await;
        let mut scene = Scene {
            server,
            _orders: orders,
            choices: HashMap::new(),
        };
        let reviewing = scene.add_workflows().await;
        let shop = scene.add_keys().await;
        scene.add_days(&reviewing, &shop).await;
        scene.add_runs(&reviewing, &shop).await;
        scene.add_kept_things().await;
        scene
    }

    /// Every path that a pattern of the endpoint table stands for here. Fails where that is not known.
    pub(crate) fn paths(&self, pattern: &str) -> Vec<String> {
        let mut paths = vec![String::new()];
        let mut before = "";
        for segment in pattern.split('/').skip(1) {
            let one = [segment.to_owned()];
            let choices = match segment.starts_with(':') {
                false => &one[..],
                true => self.choices.get(before).unwrap_or_else(|| {
                    panic!(
                        "tests/browser/scene.rs does not know what {segment} of {pattern} may be"
                    )
                }),
            };
            let longer = paths
                .iter()
                .flat_map(|path| choices.iter().map(move |choice| format!("{path}/{choice}")));
            paths = longer.collect();
            before = segment;
        }
        let query = QUERIES.iter().find(|(asked, _)| *asked == pattern);
        for path in &mut paths {
            path.push_str(query.map_or("", |(_, query)| query));
        }
        paths
    }

    /// A workflow of each form, one of them with a schedule: the id of the one that has runs.
    async fn add_workflows(&mut self) -> String {
        let reviewing = self.server.workflow_with(order_review(&self._orders)).await;
        let admin = self.server.admin();
        let graph = created(&admin, "/api/v1/workflows", greeting()).await;
        let flow = admin
            .bearer()
            .post("/flowise/api/v1/chatflows", support_chat())
            .await;
        assert_eq!(flow.status, 200, "{}", flow.text);
        let daily = self.server.workflow_with(daily_report()).await;
        self.choices.insert("schedules", vec![daily.clone()]);
        let ids = vec![reviewing.clone(), graph, text(&flow.json()["id"]), daily];
        self.choices.insert("workflows", ids);
        self.choices.insert("versions", vec!["1".to_owned()]);
        reviewing
    }

    /// A key in use and one that was revoked: a client of the first.
    async fn add_keys(&mut self) -> Client {
        let body = |name: &str| json!({ "name": name, "scopes": ["workflows:read", "workflows:execute", "runs:read"] });
        let (shop, client) = self.server.with_key(body("Shop website")).await;
        let (old, _) = self.server.with_key(body("Old laptop")).await;
        let ids = vec![text(&shop["id"]), text(&old["id"])];
        let path = format!("/api/v1/auth/api-keys/{}", ids[1]);
        let revoked = self
            .server
            .admin()
            .send(reqwest::Method::DELETE, &path, Value::Null)
            .await;
        assert!(revoked.status.is_success(), "{}", revoked.text);
        self.choices.insert("keys", ids);
        client
    }

    /// Two weeks of use.
    async fn add_days(&self, reviewing: &str, shop: &Client) {
        for day in 0..14_usize {
            for order in 0..(day * 5) % 7 + 1 {
                shop.run(reviewing, json!({ "order": order })).await;
            }
            self.server.clock.advance_ms(DAY_MS);
        }
    }

    /// A run that is completed, one that failed, one that was cancelled, one that waits for an answer.
    async fn add_runs(&mut self, reviewing: &str, shop: &Client) {
        let completed = shop.run(reviewing, json!({ "order": 1 })).await;
        let failed = shop.run(reviewing, json!({ "order": 404 })).await;
        assert_eq!(
            (&completed["status"], &failed["status"]),
            (&json!("completed"), &json!("failed"))
        );
        let cancelled = self.started(reviewing, shop).await;
        let path = format!("/api/v1/runs/{cancelled}/cancel");
        let answer = self.server.admin().post(&path, json!({})).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        let waiting = self.started(reviewing, shop).await;
        let ids = vec![
            waiting,
            text(&completed["runId"]),
            text(&failed["runId"]),
            cancelled,
        ];
        self.choices.insert("runs", ids);
        self.choices.insert("data", vec!["input".to_owned()]);
        self.choices.insert("steps", vec!["fetch".to_owned()]);
        let edited =
            json!({ "description": "Holds large orders until somebody has looked at them." });
        let path = format!("/api/v1/workflows/{reviewing}");
        let answer = self
            .server
            .admin()
            .send(reqwest::Method::PUT, &path, edited)
            .await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }

    /// A run that waits for an answer: its id.
    async fn started(&self, reviewing: &str, shop: &Client) -> String {
        let path = format!("/api/v1/workflows/{reviewing}/run");
        let answer = shop
            .post(&path, json!({ "input": { "order": 4200 } }))
            .await;
        let run = text(&answer.data()["runId"]);
        until_asked(&self.server, &run).await;
        run
    }

    /// A connection, secrets, a variable of flows.
    async fn add_kept_things(&mut self) {
        let admin = self.server.admin();
        let connection = json!({ "name": "Shop", "provider": "shop", "type": "bearer",
            "credentials": { "token": "a-token" }, "hosts": ["127.0.0.1"] });
        let connection = created(&admin, "/api/v1/connections", connection).await;
        self.choices.insert("connections", vec![connection]);
        let variable = json!({ "name": "greeting", "value": "Good morning" });
        let variable = admin
            .bearer()
            .post("/flowise/api/v1/variables", variable)
            .await;
        assert_eq!(variable.status, 200, "{}", variable.text);
        let variable = text(&variable.json()["id"]);
        self.choices.insert("variables", vec![variable]);
        for workflow in &self.choices["workflows"] {
            let secret = json!({ "key": "ORDERS_TOKEN", "value": "a-value" });
            let path = format!("/api/v1/workflows/{workflow}/secrets");
            let answer = admin.post(&path, secret).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
        self.choices
            .insert("secrets", vec!["ORDERS_TOKEN".to_owned()]);
    }
}

/// Waits until a run waits for an answer.
pub(crate) async fn until_asked(server: &TestServer, run: &str) {
    let path = format!("/api/v1/runs/{run}/approvals");
    let waits = async {
        let mut beat = tokio::time::interval(Duration::from_millis(10));
        while server.admin().get(&path).await.data() == json!([]) {
            beat.tick().await;
        }
    };
    let asked = tokio::time::timeout(PATIENCE, waits).await;
    asked.expect("a run that waits");
}

async fn created(client: &Client, path: &str, body: Value) -> String {
    let answer = client.post(path, body).await;
    assert_eq!(answer.status, 201, "{path}: {}", answer.text);
    text(&answer.data()["id"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Steps that fetch an order, and ask somebody where it is large.
fn order_review(orders: &Upstream) -> Value {
    orders.answer("/orders", |call, _| {
        let order = call.target.split("id=").nth(1).expect("an id").to_owned();
        let amount: u64 = order.parse().expect("a number");
        match amount {
            404 => Reply::json(404, &json!({ "error": "There is no such order." })),
            _ => Reply::json(200, &json!({ "id": order, "amount": amount })),
        }
    });
    let url = orders.url("/orders?id={{input.order}}");
    json!({
        "name": "Order review",
        "description": "Fetches an order, and asks somebody where it is large.",
        "trigger": { "type": "api" },
        "inputSchema": {
            "type": "object",
            "required": ["order"],
            "properties": { "order": { "type": "integer", "minimum": 0, "description": "The order's number" } },
        },
        "steps": [
            { "id": "fetch", "name": "Fetch the order", "type": "action", "action": "api.request", "config": { "url": url } },
            { "id": "large", "name": "Is it large?", "type": "condition", "config": {
                "conditions": { "left": "{{steps.fetch.data.amount}}", "operator": "gte", "right": 1000 },
                "then": ["decision"], "else": [] } },
            { "id": "decision", "name": "Somebody decides", "type": "approval", "config": {
                "approvers": ["treasurer@shop.example"], "reason": "Order {{input.order}} is large" } },
            { "id": "released", "name": "Release", "type": "transform", "config": {
                "sourceData": { "order": "{{input.order}}", "amount": "{{steps.fetch.data.amount}}" } } },
        ],
    })
}

/// Steps that run each morning.
fn daily_report() -> Value {
    json!({
        "name": "Daily report",
        "trigger": { "type": "schedule", "cron": "0 6 * * *" },
        "steps": [{ "id": "report", "type": "transform", "config": { "sourceData": { "day": "{{trigger.scheduledAt}}" } } }],
    })
}

/// A graph of nodes, as Wireflow's clients draw them.
fn greeting() -> Value {
    json!({
        "name": "Greeting",
        "description": "Says hello",
        "nodes": [
            { "id": "name", "type": "basedNode", "position": { "x": 0, "y": 0 },
              "data": { "label": "Name", "nodeType": "input:text", "config": { "prompt": "Ada" } } },
            { "id": "shown", "type": "basedNode", "position": { "x": 400, "y": 60 },
              "data": { "label": "Shown", "nodeType": "output:preview", "config": {} } },
        ],
        "edges": [
            { "id": "e1", "source": "name", "target": "shown", "sourceHandle": "out-text", "targetHandle": "in-value" },
        ],
    })
}

/// A flow, as Flowise draws one.
fn support_chat() -> Value {
    let node = |id: &str, label: &str, name: &str, x: u32, inputs: Value| {
        json!({ "id": id, "type": "agentFlow", "position": { "x": x, "y": 0 },
            "data": { "id": id, "label": label, "name": name, "inputs": inputs } })
    };
    let drawing = json!({
        "nodes": [
            node("startAgentflow_0", "Start", "startAgentflow", 0, json!({ "startInputType": "chatInput" })),
            node("directReplyAgentflow_0", "Answer", "directReplyAgentflow", 300, json!({ "directReplyMessage": "You said: {{question}}" })),
        ],
        "edges": [{ "id": "e", "source": "startAgentflow_0", "target": "directReplyAgentflow_0",
            "sourceHandle": "startAgentflow_0-output-startAgentflow", "targetHandle": "directReplyAgentflow_0" }],
    });
    json!({ "name": "Support chat", "type": "AGENTFLOW", "flowData": drawing.to_string() })
}
