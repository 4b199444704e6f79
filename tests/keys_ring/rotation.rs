//! Rotation from the pending successor to the end of the old text's grace.

use super::support::{Bench, DAY_MS, new_key};
use flowlatch::auth::Refusal;

#[tokio::test]
async fn a_rotation_activates_on_first_use_and_the_old_text_has_its_grace() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (record, first) = bench.issue(&control, new_key("runs:read")).await;
    let (rotated, second) = bench
        .ring
        .rotate(&control, "10.0.0.1", &record.id, 60)
        .await
        .expect("rotated");
    let second = second.reveal().to_owned();
    assert_eq!(
        (&rotated.id, &rotated.current),
        (&record.id, &record.current)
    );
    assert!(bench.is_in(&first).is_ok());
    let bench = bench.reopen().await;
    let firsts = (0..10).map(|_| bench.enter(&second));
    for used in futures_util::future::join_all(firsts).await {
        assert_eq!(used.expect("the successor").id(), &record.id);
    }
    assert!(bench.is_in(&second).is_ok());
    bench.clock.advance_ms(59_999);
    assert!(bench.enter(&first).await.is_ok());
    bench.clock.advance_ms(1);
    assert_eq!(bench.enter(&first).await.err(), Some(Refusal::Expired));
    let bench = bench.reopen().await;
    assert_eq!(bench.enter(&first).await.err(), Some(Refusal::Expired));
    assert!(bench.enter(&second).await.is_ok());
    let (now, third) = bench
        .ring
        .rotate(&bench.ring.control(), "10.0.0.1", &record.id, 0)
        .await
        .expect("rotated");
    assert_eq!(
        now.former.map(|former| former.public_id),
        Some(record.current.public_id)
    );
    let by_old_text = bench.enter(&second).await.expect("still current");
    assert!(bench.ring.in_force(&by_old_text));
    assert!(bench.enter(third.reveal()).await.is_ok());
    assert_eq!(
        bench.enter(&second).await.err(),
        Some(Refusal::Expired),
        "no grace at all"
    );
    assert!(!bench.ring.in_force(&by_old_text));
    assert_eq!(
        bench.audit().await,
        [
            "key.created",
            "key.rotated",
            "key.activated",
            "key.rotated",
            "key.activated"
        ]
    );
}

#[tokio::test]
async fn a_successor_that_nobody_used_lapses() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (record, first) = bench.issue(&control, new_key("runs:read")).await;
    let (_, second) = bench
        .ring
        .rotate(&control, "-", &record.id, 60)
        .await
        .expect("rotated");
    let (_, third) = bench
        .ring
        .rotate(&control, "-", &record.id, 60)
        .await
        .expect("rotated again");
    assert_eq!(
        bench.enter(second.reveal()).await.err(),
        Some(Refusal::Unknown),
        "replaced"
    );
    bench.clock.advance_ms(7 * DAY_MS);
    assert_eq!(
        bench.enter(third.reveal()).await.err(),
        Some(Refusal::Expired)
    );
    assert!(bench.is_in(&first).is_ok());
}
