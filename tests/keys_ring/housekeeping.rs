//! What is written in batches, and what is forgotten.

use super::support::{Bench, DAY_MS, HOME, NOW_MS, new_key};
use flowlatch::auth::Refusal;
use flowlatch::model::limit::Category;
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

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("done in time")
}
