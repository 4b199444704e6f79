//! `examples/workflows/*.json` that decide, repeat and fan out, and the one that cleans up by night: each against a server
//! that plays the other side.

use crate::real_use::{ask, fired, rows, set_up, sides};
use crate::support::TestServer;
use crate::upstream::{Reply, Upstream};
use crate::workflows::{follow, follow_run, start};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;

/// A server with the workflow for orders, and those whom it calls.
async fn order_desk() -> (TestServer, Upstream, String) {
    let (server, others) = sides().await;
    let variables = json!({
        "customersUrl": others.url("/customers"), "ratesUrl": others.url("/rates"),
        "reviewUrl": others.url("/reviews"), "warehouseUrl": others.url("/orders"),
    });
    let id = set_up(&server, "enrich-and-branch", variables, &[]).await;
    (server, others, id)
}

/// Runs the order; gives the run and where the order was sent.
async fn enriched(order: Value, customer: Value) -> (Value, Vec<Value>, Vec<Value>) {
    let (server, others, id) = order_desk().await;
    others.reply("/customers/7", Reply::json(200, &customer));
    others.reply("/rates/USD", Reply::json(200, &json!({ "euros": 0.5 })));
    let (run, _) = follow(&server, &id, order).await;
    server.stop().await;
    let bodies = |path: &str| others.calls(path).iter().map(|call| call.json()).collect();
    (run, bodies("/reviews"), bodies("/orders"))
}

#[tokio::test]
async fn an_order_is_enriched_and_goes_where_its_amount_sends_it() {
    let order =
        |amount: f64| json!({ "id": "o1", "customerId": 7, "amount": amount, "currency": "USD" });
    let ada = |blocked: bool| json!({ "name": "Ada", "blocked": blocked });
    for (amount, blocked, sent_to) in [
        (9_999.98, false, "warehouse"),
        (10_000.0, false, "review"),
        (2.0, true, "review"),
    ] {
        let (run, reviews, shipments) = enriched(order(amount), ada(blocked)).await;
        let euros = amount / 2.0;
        let output = json!({ "sentTo": sent_to, "euros": euros });
        assert_eq!(run["output"], output, "{run}");
        let whole = json!({ "id": "o1", "customer": "Ada", "isBlocked": blocked, "euros": euros });
        let (to, other) = match sent_to {
            "review" => (reviews, shipments),
            _ => (shipments, reviews),
        };
        assert_eq!((to, other), (vec![whole], vec![]));
    }
}

#[tokio::test]
async fn an_order_of_an_unknown_customer_goes_nowhere() {
    let (server, others, id) = order_desk().await;
    others.reply("/customers/7", Reply::text(404, "who?"));
    let order = json!({ "id": "o1", "customerId": 7, "amount": 1, "currency": "USD" });
    let (run, _) = follow(&server, &id, order).await;
    assert_eq!(run["status"], "failed", "{run}");
    assert!(others.calls("/reviews").is_empty() && others.calls("/orders").is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_flaky_api_is_asked_again_and_else_the_last_answer_is_given() {
    let (server, rates) = sides().await;
    let id = set_up(
        &server,
        "flaky-api",
        json!({ "ratesUrl": rates.url("/rates") }),
        &[],
    )
    .await;
    let dollars = json!({ "currency": "USD" });
    let answers = |statuses: &[u16]| {
        for status in statuses {
            let reply = Reply::json(*status, &json!({ "euros": 0.5 }));
            rates.reply("/rates/USD", reply);
        }
    };
    answers(&[503, 500, 429, 502, 200]);
    let (run, _) = follow(&server, &id, dollars.clone()).await;
    assert_eq!(rates.calls("/rates/USD").len(), 5);
    let as_of = run["output"]["asOf"].clone();
    let report = json!({ "euros": 0.5, "asOf": as_of, "isFresh": true });
    assert_eq!(run["output"], report, "{run}");

    answers(&[503; 5]);
    let (run, steps) = follow(&server, &id, dollars).await;
    assert_eq!(rates.calls("/rates/USD").len(), 10);
    let report = json!({ "euros": 0.5, "asOf": as_of, "isFresh": false });
    assert_eq!(run["output"], report, "{run}");
    assert_eq!(steps["ask"], "failed");

    // A mistake of ours is not repeated; nothing is known of this one.
    rates.reply("/rates/XXX", Reply::text(404, "no such currency"));
    let (run, _) = follow(&server, &id, json!({ "currency": "XXX" })).await;
    assert_eq!(rates.calls("/rates/XXX").len(), 1);
    let report = json!({ "euros": null, "asOf": null, "isFresh": false });
    assert_eq!(run["output"], report, "{run}");
    server.stop().await;
}

#[tokio::test]
async fn many_services_are_asked_four_at_a_time() {
    let (server, services) = sides().await;
    let id = set_up(&server, "fan-out", json!({}), &[]).await;
    // The sixth that comes is down, whichever it is; each is held until another one has to come.
    let mut gates = Vec::new();
    for n in 0..7 {
        let (reply, gate) = Reply::text(if n == 5 { 500 } else { 200 }, "").gated();
        services.reply("/health", reply);
        gates.push(gate);
    }
    let mut list: Vec<Value> = (0..7)
        .map(|n| json!({ "name": format!("s{n}"), "url": services.url(&format!("/health?n={n}")) }))
        .collect();
    // Nobody listens there, and this server may not call it anyway.
    list.push(json!({ "name": "gone", "url": "http://10.0.0.1/health" }));
    let run = start(&server, &id, json!({ "services": list })).await;
    for (answered, gate) in gates.iter().enumerate() {
        services
            .until_called("/health", (answered + 4).min(7))
            .await;
        gate.open();
    }
    let (run, _) = follow_run(&server, &run).await;
    let sixth = services.calls("/health")[5].target.clone();
    let name = format!("s{}", sixth.split('=').nth(1).expect("a number"));
    let down = json!([{ "name": name, "status": 500 }, { "name": "gone", "status": 0 }]);
    assert_eq!(
        run["output"]["result"],
        json!({ "asked": 8, "down": down }),
        "{run}"
    );
    assert_eq!(services.calls("/health").len(), 7);
    assert_eq!(services.most_open("/health"), 4);
    server.stop().await;
}

/// Starts a payment and answers its question as soon as it is asked.
async fn decided(server: &TestServer, workflow: &str, answer: Value) -> String {
    let input = json!({ "invoice": "R-17", "payee": "Paper Ltd", "amount": 120.5 });
    let run = start(server, workflow, input).await;
    let path = format!("/api/v1/runs/{run}/approvals");
    let admin = server.admin();
    let asked = loop {
        let asked = admin.get(&path).await.data();
        if asked[0].is_object() {
            break asked[0].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        asked["request"]["reason"],
        "Pay 120.5 to Paper Ltd for R-17"
    );
    let said = admin.post(&format!("{path}/decision"), answer).await;
    assert_eq!(said.status, StatusCode::OK, "{}", said.text);
    run
}

async fn bank() -> (TestServer, Upstream, String) {
    let (server, others) = sides().await;
    let variables =
        json!({ "chatUrl": others.url("/chat"), "paymentsUrl": others.url("/payments") });
    let id = set_up(&server, "approve-payment", variables, &[]).await;
    (server, others, id)
}

#[tokio::test]
async fn an_approved_payment_is_made_once_though_the_bank_stumbles() {
    let (server, bank, id) = bank().await;
    // The bank books the first call, but its answer is an error; the second call has the same key.
    bank.answer("/payments", |_, with_this_key| match with_this_key {
        1 => Reply::text(500, "booked, but stumbled"),
        _ => Reply::json(200, &json!({ "id": "pay_1", "repeated": true })),
    });
    let answer = json!({ "approved": true, "comment": "fine" });
    let run = decided(&server, &id, answer).await;
    let asked = bank.calls("/chat");
    let text = asked[0].json()["text"].as_str().expect("a text").to_owned();
    assert!(
        text.starts_with("Pay 120.5 to Paper Ltd for R-17? http"),
        "{text}"
    );
    assert!(text.contains(&run), "{text}");
    let (view, _) = follow_run(&server, &run).await;
    let output = json!({ "paid": true, "payment": "pay_1", "comment": "fine" });
    assert_eq!(view["output"], output, "{view}");
    let calls = bank.calls("/payments");
    let keys: Vec<_> = calls.iter().map(|call| call.key()).collect();
    assert_eq!(keys, [format!("{run}:pay"), format!("{run}:pay")]);
    let body = json!({ "reference": "R-17", "payee": "Paper Ltd", "amount": 120.5 });
    assert_eq!(calls[1].json(), body);
    server.stop().await;
}

#[tokio::test]
async fn a_payment_without_a_yes_is_not_made() {
    let (server, bank, id) = bank().await;
    let answer = json!({ "approved": false, "comment": "twice" });
    let run = decided(&server, &id, answer).await;
    let (view, steps) = follow_run(&server, &run).await;
    let output = json!({ "paid": false, "comment": "twice" });
    assert_eq!(view["output"], output, "{view}");
    assert_eq!(steps["pay"], "skipped");
    // Nobody answers for three days.
    let input = json!({ "invoice": "R-18", "payee": "Paper Ltd", "amount": 1 });
    let (view, _) = follow(&server, &id, input).await;
    assert_eq!(view["output"]["paid"], false, "{view}");
    assert!(bank.calls("/payments").is_empty());
    server.stop().await;
}

#[tokio::test]
async fn by_night_old_rows_are_removed_and_others_stay() {
    let (server, monitor) = sides().await;
    let table = json!({ "name": "sessions" });
    let made = ask(&server, Method::POST, "/api/v1/tables", table).await;
    let table = made["id"].as_str().expect("an id");
    let path = format!("/api/v1/tables/{table}/rows");
    let add = async |names: &[&str]| {
        let rows: Vec<Value> = names.iter().map(|name| json!({ "of": name })).collect();
        ask(&server, Method::POST, &path, json!({ "rows": rows })).await;
    };
    add(&["a", "b", "c", "d", "e"]).await;
    server.clock.advance_ms(30 * DAY_MS);
    add(&["f"]).await;
    let variables = json!({ "batch": 2, "monitorUrl": monitor.url("/cleanups") });
    let id = set_up(&server, "nightly-cleanup", variables, &[]).await;
    // Half past three in the next morning.
    server.clock.advance_ms(DAY_MS / 48 * 35);
    let (run, _) = follow_run(&server, &fired(&server, &id).await).await;
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(rows(&server, "sessions").await, [json!({ "of": "f" })]);
    let told = monitor.calls("/cleanups");
    let body = json!({
        "table": "sessions", "removed": 5, "olderThan": "2024-01-16T03:30:00.000Z",
    });
    assert_eq!((told.len(), told[0].json()), (1, body));
    server.stop().await;
}
