//! What a request and a step cost inside the process, without sockets and disk. `cargo bench` runs it; the ratios that need
//! a whole server are in `examples/load`.

#![allow(missing_docs, clippy::expect_used)]

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use flowlatch::auth::{Keyring, KeyringOptions, NewKey};
use flowlatch::clock::Clock;
use flowlatch::engine::redact::Redactor;
use flowlatch::engine::step;
use flowlatch::model::key::{ForeignLookup, KeyFormat};
use flowlatch::model::limit::{Category, KeyLimits, Limit, Window};
use flowlatch::model::plan::{self, DefinitionLimits, RunState};
use flowlatch::model::run::Event;
use flowlatch::model::scope::Permission;
use flowlatch::model::workflow::Reach;
use flowlatch::store::{Store, StoreOptions};
use serde_json::json;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Everything that stands before a handler: digest, look-up, comparison, expiry, scope, and the exact window.
fn key_check(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let clock = Clock::system();
    let (keyring, text) = runtime.block_on(async {
        let options = StoreOptions {
            readers: 2,
            commit_hook: None,
        };
        let store = Store::open(&folder.path().join("flowlatch.db"), options).expect("a store");
        let options = KeyringOptions {
            default_limits: [Limit::PerMinute(1_000); 3],
            foreign_lookup: ForeignLookup::new(&[7; 32]),
            tells_alerts: false,
        };
        let keyring = Keyring::open(store, clock.clone(), options)
            .await
            .expect("a keyring");
        let new = NewKey {
            name: "bench".to_owned(),
            scopes: vec!["workflows:read".to_owned()],
            format: KeyFormat::Wfk,
            expires_at_ms: None,
            reach: Reach::All,
            limits: KeyLimits::default(),
        };
        let issued = keyring.issue(&keyring.control(), "bench", new).await;
        (keyring, issued.expect("a key").1.reveal().to_owned())
    });
    criterion.bench_function("key check: digest, compare, scope, limit", |bencher| {
        bencher.iter(|| {
            let entry = keyring
                .check(black_box(text.as_bytes()), PEER)
                .expect("known")
                .expect("good");
            let counted = entry.count(Category::Read, &clock).is_ok();
            entry.may(Permission::WorkflowsRead) && counted
        });
    });
    let mut now_ms = 0;
    criterion.bench_function("exact window: accept one at 1,000 a minute", |bencher| {
        let mut window = Window::default();
        bencher.iter(|| {
            now_ms += 61;
            assert!(window.count(now_ms, 1_000).is_ok());
        });
    });
}

/// One run of three pure steps: ask the plan and fold what happened.
fn three_steps(criterion: &mut Criterion) {
    let step = |id: &str, source: &str| json!({ "id": id, "type": "transform", "config": { "sourceData": { "value": source } } });
    let definition = json!({
        "trigger": { "type": "api" },
        "steps": [step("a", "{{input.amount}}"), step("b", "{{steps.a.value}}"), step("c", "{{steps.b.value}}")]
    });
    let plan = plan::steps::compile(&definition, step::rules(), &DefinitionLimits::of_new(500))
        .expect("a plan");
    let output = Arc::new(json!({ "value": 42 }));
    criterion.bench_function("plan and fold: a run of three steps", |bencher| {
        bencher.iter(|| {
            let mut state = RunState::new(&plan);
            state.apply(&plan, 0, &Event::RunStarted).expect("fits");
            for node in &plan.nodes {
                black_box(plan::next(&plan, &state));
                let event = Event::StepCompleted {
                    step: node.id.clone(),
                    output: output.clone(),
                    way: None,
                    logs: None,
                    reused: false,
                };
                state.apply(&plan, 0, &event).expect("fits");
            }
            plan::next(&plan, &state)
        });
    });
}

/// A body searched for a secret: as bodies are, and as bad as they can be for the search. Both grow with the body alone.
fn redaction(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let row = r#"{"id": 17, "name": "Ada", "url": "https:\/\/a.example\/x?y=%20z", "note": "one\ntwo"}, "#;
    for (name, secret, part) in [
        ("rows of JSON", "s3cr3t-token-of-a-service".to_owned(), row),
        (
            "one letter, half a secret of 16 KB",
            "b".to_owned() + &"a".repeat(16_000),
            "a",
        ),
        (
            "one letter, percent-encoded",
            "b".to_owned() + &"a".repeat(16_000),
            "%61",
        ),
    ] {
        let redactor = Redactor::default();
        redactor.learn(&secret);
        let body = Bytes::from(part.repeat((1 << 20) / part.len()));
        criterion.bench_function(&format!("redaction: 1 MiB, {name}"), |bencher| {
            bencher.iter(|| assert!(!runtime.block_on(redactor.finds(body.clone()))));
        });
    }
}

criterion_group!(benches, key_check, three_steps, redaction);
criterion_main!(benches);
