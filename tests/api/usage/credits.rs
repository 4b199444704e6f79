//! Credits: what is shown of them, and what a start that costs something does with them.

use super::usage;
use crate::bare::{BareServer, engine, engine_options};
use crate::support::{MONDAY_MS, TestServer};
use crate::wire::Wire;
use flowlatch::clock::Clock;
use flowlatch::engine::{
    CreditOptions, Editor, Engine, EngineError, RunRequest, StartTrigger, StartedBy, Wait,
};
use flowlatch::http::{Access, Door, Endpoint, Problem};
use flowlatch::model::credit::{Balance, NodeCost, Prices, Shortfall};
use flowlatch::model::run::{Run, RunStatus};
use flowlatch::model::workflow::{Definition, DefinitionFormat, Reach, WorkflowStatus};
use flowlatch::store::{Store, StoreOptions, WorkflowDraft};
use serde_json::{Value, json, value::RawValue};
use std::path::Path;
use warp::Filter as _;
use warp::http::Method;
use warp::reply::Response;

#[tokio::test]
async fn the_balance_is_without_end_until_the_operator_sets_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = TestServer::open(folder.path(), Clock::manual(MONDAY_MS), |_| {}).await;
    let key = server.admin_key.clone();
    let seen = usage(&server.admin(), "").await;
    let unlimited = json!({ "granted": null, "spent": 0, "available": null });
    assert_eq!(seen["balance"], unlimited);
    assert_eq!(seen["totals"]["credits"], 0);
    server.stop().await;
    let server = TestServer::open(folder.path(), Clock::manual(MONDAY_MS), |config| {
        config.credit_balance = Some(25);
    })
    .await;
    let seen = usage(&server.client(Some(key)), "").await;
    let limited = json!({ "granted": 25, "spent": 0, "available": 25 });
    assert_eq!(seen["balance"], limited);
    server.stop().await;
}

const OWNER: Editor<'_> = Editor {
    address: None,
    label: "control",
    reach: &Reach::All,
};

/// An engine on a database, with two credits for each step that waits.
struct Bench {
    store: Store,
    engine: Engine,
}

impl Bench {
    fn open(database: &Path, granted: Option<u64>) -> Bench {
        let options = StoreOptions {
            readers: 2,
            commit_hook: None,
        };
        let store = Store::open(database, options).expect("a store");
        let prices = Prices::new(vec!["wait=2".parse().expect("a price")]);
        let mut options = engine_options();
        options.credits = CreditOptions {
            prices: prices.expect("one price"),
            granted,
        };
        let engine = engine(&store, &Clock::manual(MONDAY_MS), options);
        Bench { store, engine }
    }

    /// A workflow that begins with an approval, for which nothing is charged, and has so many steps that wait.
    async fn workflow(&self, settings: Value, waits: usize) -> flowlatch::id::WorkflowId {
        let mut steps = vec![json!({ "id": "ask", "type": "approval", "config": {} })];
        steps.extend((0..waits).map(|at| {
            json!({ "id": format!("s{at}"), "name": "Rest", "type": "wait", "config": { "duration": 9 } })
        }));
        let body = json!({ "trigger": { "type": "api" }, "settings": settings, "steps": steps });
        let draft = WorkflowDraft {
            name: "w".to_owned(),
            description: None,
            definition: Definition {
                format: DefinitionFormat::Steps,
                body,
            },
            canvas: None,
            status: None,
            beside: None,
        };
        let workflows = self.engine.workflows();
        let made = workflows.create(draft, OWNER).await.expect("made");
        let id = made.workflow.id.clone();
        let active = workflows
            .set_status(&id, WorkflowStatus::Active, OWNER)
            .await;
        active.expect("active");
        id
    }

    async fn start(
        &self,
        workflow: &flowlatch::id::WorkflowId,
        idempotency_key: Option<&str>,
    ) -> Result<Run, EngineError> {
        let workflow = self.engine.workflows().get(workflow).expect("read");
        let request = RunRequest {
            sent: None,
            workflow: workflow.expect("there"),
            input: RawValue::from_string("{}".to_owned()).expect("JSON"),
            idempotency_key: idempotency_key.map(str::to_owned),
            by: StartedBy {
                label: "abcdefgh".to_owned(),
                account: Some("key_1".to_owned()),
            },
            trigger: StartTrigger::API,
        };
        Ok(self.engine.start(request, Wait::No).await?.run)
    }

    fn balance(&self) -> Balance {
        self.engine.balance().expect("read")
    }
}

fn shortfall(answer: Result<Run, EngineError>) -> Shortfall {
    match answer {
        Err(EngineError::InsufficientCredits(shortfall)) => shortfall,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_start_spends_what_it_costs_and_one_too_many_is_told_what_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("db");
    let bench = Bench::open(&database, Some(5));
    let free = bench.workflow(json!({}), 0).await;
    let one = bench.workflow(json!({}), 1).await;
    let two = bench.workflow(json!({}), 2).await;
    for workflow in [&free, &one, &one] {
        bench.start(workflow, None).await.expect("started");
    }
    assert_eq!(
        (bench.balance().spent, bench.balance().available()),
        (4, Some(1))
    );
    let short = shortfall(bench.start(&two, None).await);
    let cost = |id: &str| NodeCost {
        id: id.to_owned(),
        label: "Rest".to_owned(),
        credits: 2,
    };
    assert_eq!(
        short,
        Shortfall {
            required: 4,
            available: 1,
            breakdown: vec![cost("s0"), cost("s1")]
        }
    );
    bench
        .start(&free, None)
        .await
        .expect("what costs nothing starts always");
    assert_eq!(bench.balance().spent, 4);
    bench.engine.stop().await;
    bench.store.close().await;

    // The operator grants more; what was spent is known.
    let bench = Bench::open(&database, Some(6));
    assert_eq!(bench.balance().available(), Some(2));
    let (first, second) = tokio::join!(bench.start(&one, None), bench.start(&one, None));
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    let short = shortfall(if first.is_ok() { second } else { first });
    assert_eq!((short.required, short.available), (2, 0));
    assert_eq!(bench.balance().spent, 6);
    bench.engine.stop().await;
    bench.store.close().await;
}

#[tokio::test]
async fn a_replay_a_skipped_start_and_a_retry_are_not_charged() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::open(&folder.path().join("db"), Some(4));
    let settings = json!({ "maxConcurrentRuns": 1, "onConflict": "skip" });
    let workflow = bench.workflow(settings, 1).await;
    let run = bench.start(&workflow, Some("k")).await.expect("started");
    let skipped = bench.start(&workflow, None).await.expect("recorded");
    assert_eq!(skipped.summary.status, RunStatus::Cancelled);
    assert_eq!(bench.balance().spent, 2);
    let other = bench.workflow(json!({}), 1).await;
    bench.start(&other, None).await.expect("started");
    assert_eq!(bench.balance().available(), Some(0));
    let again = bench.start(&workflow, Some("k")).await.expect("replayed");
    assert_eq!(again.summary.id, run.summary.id);
    let by = StartedBy {
        label: "b".to_owned(),
        account: None,
    };
    let run = bench.engine.cancel(&again, "b").await.expect("cancelled");
    bench.engine.retry(&run, &by, None).await.expect("started");
    assert_eq!(bench.balance().spent, 4);
    bench.engine.stop().await;
    bench.store.close().await;
}

#[tokio::test]
async fn the_native_door_says_402() {
    let folder = tempfile::tempdir().expect("a folder");
    let short = Endpoint::open(
        Door::Native,
        Method::GET,
        "/api/v1/short",
        warp::any().map(|| {
            let mut response = Response::default();
            response
                .extensions_mut()
                .insert(Problem::from(EngineError::InsufficientCredits(Shortfall {
                    required: 10,
                    available: 3,
                    breakdown: Vec::new(),
                })));
            response
        }),
    );
    assert_eq!(short.access, Access::Open);
    let server = BareServer::start(&folder.path().join("db"), vec![short], None).await;
    let mut wire = Wire::to(server.address).await;
    wire.send("GET /api/v1/short HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    let answer = wire.next_answer().await.expect("an answer");
    assert_eq!(answer.status, 402, "{answer:?}");
    insta::assert_snapshot!(answer.body, @r#"{"success":false,"error":{"code":"INSUFFICIENT_CREDITS","message":"Insufficient credits. Required: 10, Available: 3."}}"#);
    server.stop().await;
}
