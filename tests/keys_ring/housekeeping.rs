//! What is written in batches, and what is forgotten.

use super::support::{Bench, DAY_MS, HOME, NOW_MS, new_key};
use flowlatch::auth::Refusal;
use flowlatch::model::limit::Category;
use flowlatch::model::usage::{Usage, UtcDay, UtcHour};
use std::time::Duration;

#[tokio::test]
async fn housekeeping_writes_what_is_due_until_it_is_stopped() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (gone, gone_text) = bench.issue(&control, new_key("runs:read")).await;
    bench
        .ring
        .revoke(&control, "-", &gone.id)
        .await
        .expect("revoked");
    let (used, text) = bench.issue(&control, new_key("runs:read")).await;
    let entry = bench.is_in(&text).expect("lets in");
    for _ in 0..5 {
        bench.ring.note_refusal("forbidden", Some(&entry), HOME);
        bench.ring.note_refusal("unknown", None, HOME);
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let housekeeping = tokio::spawn({
        let ring = bench.ring.clone();
        async move { ring.housekeeping(stopped).await }
    });
    tokio::task::yield_now().await;
    bench.clock.advance_ms(90 * DAY_MS + 1);
    let forgotten = async {
        while bench.ring.get(&control, &gone.id).is_some() {
            tokio::task::yield_now().await;
        }
    };
    in_time(forgotten).await;
    assert_eq!(bench.enter(&gone_text).await.err(), Some(Refusal::Unknown));
    let row = |actor: &str, reason: &str, network: Option<&str>| {
        let network = network.map(str::to_owned);
        (
            actor.to_owned(),
            reason.to_owned(),
            network,
            r#"{"count":5}"#.to_owned(),
        )
    };
    assert_eq!(
        bench.refusal_rows().await,
        [
            row("anonymous", "unknown", Some("127.0.0.0/24")),
            row(used.id.as_str(), "forbidden", None),
        ]
    );
    stop.send_replace(true);
    in_time(housekeeping).await.expect("no panic");
}

#[tokio::test]
async fn a_flush_writes_the_rest() {
    let bench = Bench::open().await;
    let (_, text) = bench
        .issue(&bench.ring.control(), new_key("runs:read"))
        .await;
    let entry = bench.is_in(&text).expect("lets in");
    entry.touch(NOW_MS, HOME, Category::Execute);
    let at_once = bench.ring.record(&entry).and_then(|record| record.last_use);
    assert_eq!(
        at_once.map(|last| last.at_ms),
        Some(NOW_MS),
        "shown before it is written"
    );
    bench.ring.note_refusal("forbidden", Some(&entry), HOME);
    assert!(bench.refusal_rows().await.is_empty());
    bench.ring.flush().await;
    assert_eq!(bench.refusal_rows().await.len(), 1);
    bench.ring.flush().await;
    assert_eq!(bench.refusal_rows().await.len(), 1, "once only");
    let bench = bench.reopen().await;
    let kept = bench.keys();
    let last_use = kept[0].last_use.as_ref().expect("written");
    assert_eq!(
        (last_use.category.as_str(), last_use.address.as_str()),
        ("execute", "127.0.0.1")
    );
}

/// What an account has used on the day of the clock.
async fn used(bench: &Bench, account: &str) -> Usage {
    let today = UtcDay::of(bench.clock.now_ms());
    let (first, last) = (UtcHour::first_of(today), UtcHour::last_of(today));
    let report = bench.store.usage(vec![account.to_owned()], first, last);
    report.await.expect("read").total()
}

#[tokio::test]
async fn requests_are_written_every_five_seconds_and_by_a_flush() {
    let bench = Bench::open().await;
    let (record, text) = bench
        .issue(&bench.ring.control(), new_key("runs:read"))
        .await;
    let entry = bench.is_in(&text).expect("lets in");
    let request = || {
        entry.touch(bench.clock.now_ms(), HOME, Category::Write);
        entry.note_let_in(Category::Write);
    };
    request();
    request();
    entry.note_refused();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let housekeeping = tokio::spawn({
        let ring = bench.ring.clone();
        async move { ring.housekeeping(stopped).await }
    });
    tokio::task::yield_now().await;
    bench.clock.advance_ms(4_999);
    tokio::task::yield_now().await;
    assert_eq!(used(&bench, record.id.as_str()).await, Usage::default());
    bench.clock.advance_ms(1);
    let expected = Usage {
        write_requests: 2,
        refused_requests: 1,
        ..Usage::default()
    };
    let written = async {
        while used(&bench, record.id.as_str()).await != expected {
            tokio::task::yield_now().await;
        }
    };
    in_time(written).await;
    housekeeping.abort();
    request();
    bench.ring.flush().await;
    bench.ring.flush().await;
    let bench = bench.reopen().await;
    let kept = used(&bench, record.id.as_str()).await;
    assert_eq!((kept.write_requests, kept.refused_requests), (3, 1));
}

#[tokio::test]
async fn what_cannot_be_written_stays_counted() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    control.touch(NOW_MS, HOME, Category::Read);
    control.note_let_in(Category::Read);
    bench.sql("CREATE TRIGGER full BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'full'); END");
    bench.ring.write_usage().await;
    assert_eq!(used(&bench, "control").await, Usage::default());
    bench.sql("DROP TRIGGER full");
    bench.ring.write_usage().await;
    assert_eq!(used(&bench, "control").await.read_requests, 1);
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("done in time")
}
