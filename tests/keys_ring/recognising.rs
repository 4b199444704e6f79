//! Whom a text lets in: the first time, after a restart, under a flood of guesses.

use super::support::{Bench, HOME, forged, new_key};
use flowlatch::auth::Refusal;
use flowlatch::model::key::{KeyFormat, from_entropy};
use flowlatch::model::scope::Permission;
use flowlatch::model::workflow::Reach;

#[tokio::test]
async fn a_new_key_lets_in_at_once_and_is_hashed_once_after_a_restart() {
    let bench = Bench::open().await;
    for format in [KeyFormat::Wfk, KeyFormat::Sk, KeyFormat::Flowise] {
        let mut new = new_key("runs:read");
        new.format = format;
        let (record, text) = bench.issue(&bench.ring.control(), new).await;
        let entry = bench.is_in(&text).expect("lets in");
        assert_eq!(
            (entry.id(), entry.label()),
            (&record.id, record.current.public_id.as_str())
        );
        assert!(entry.may(Permission::RunsRead) && !entry.may(Permission::WorkflowsRead));
        assert!(text.contains(entry.label()) && record.current.phc.starts_with("$argon2id$"));
        assert_eq!(bench.ring.slow_hashes(), 0);
    }
    let (_, text) = bench
        .issue(&bench.ring.control(), new_key("runs:read"))
        .await;
    let bench = bench.reopen().await;
    assert!(
        bench.ring.check(text.as_bytes(), HOME).is_none(),
        "not known without a slow hash"
    );
    let firsts = (0..10).map(|_| bench.ring.verify(text.as_bytes(), HOME));
    for first in futures_util::future::join_all(firsts).await {
        assert!(first.is_ok());
    }
    assert!(bench.is_in(&text).is_ok());
    for _ in 0..20 {
        assert_eq!(
            bench.enter(&forged(&text)).await.err(),
            Some(Refusal::Unknown)
        );
    }
    assert_eq!(bench.ring.slow_hashes(), 1);
}

#[tokio::test]
async fn the_text_is_nowhere_in_the_data_folder() {
    let bench = Bench::open().await;
    let (record, text) = bench
        .issue(&bench.ring.control(), new_key("runs:read"))
        .await;
    let (_, successor) = bench
        .ring
        .rotate(&bench.ring.control(), "127.0.0.1", &record.id, 60)
        .await
        .expect("rotated");
    bench.store.close().await;
    for secret in [&text[12..], &successor.reveal()[12..]] {
        assert!(!bench.folder_contains(secret), "a secret was written");
    }
    assert!(
        bench.folder_contains(&record.current.public_id),
        "the search finds what is there"
    );
}

#[tokio::test]
async fn a_bound_key_reaches_what_it_is_bound_to() {
    let bench = Bench::open().await;
    let mut new = new_key("workflows:execute");
    new.reach = Reach::Prefix("billing-".into());
    let (_, text) = bench.issue(&bench.ring.control(), new).await;
    let bench = bench.reopen().await;
    let entry = bench.enter(&text).await.expect("lets in");
    assert_eq!(entry.reach(), &Reach::Prefix("billing-".into()));
}

#[tokio::test]
async fn guesses_are_throttled_and_good_keys_never() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (_, known) = bench.issue(&control, new_key("runs:read")).await;
    let (gone, gone_text) = bench.issue(&control, new_key("runs:read")).await;
    bench
        .ring
        .revoke(&control, "-", &gone.id)
        .await
        .expect("revoked");
    let (_, fresh) = bench.issue(&control, new_key("runs:read")).await;
    let bench = bench.reopen().await;
    assert!(bench.enter(&known).await.is_ok());
    for _ in 0..100 {
        assert_eq!(
            bench.enter(&gone_text).await.err(),
            Some(Refusal::Revoked),
            "not a guess"
        );
    }
    let stranger = from_entropy(KeyFormat::Sk, &[9; 128]).expect("a text");
    let mistyped = format!("{}x", &known[..known.len() - 1]);
    let guesses = [
        stranger,
        forged(&known),
        forged(&fresh),
        mistyped,
        "x".into(),
    ];
    let reasons = [
        Refusal::Unknown,
        Refusal::Unknown,
        Refusal::Unknown,
        Refusal::Malformed,
        Refusal::Malformed,
    ];
    for _ in 0..12 {
        for (guess, reason) in guesses.iter().zip(reasons) {
            assert_eq!(bench.enter(guess).await.err(), Some(reason));
        }
    }
    for guess in &guesses {
        let refused = bench.enter(guess).await.err();
        assert_eq!(refused, Some(Refusal::Throttled { retry_after_s: 60 }));
    }
    assert!(bench.enter(&known).await.is_ok());
    assert!(bench.enter(&fresh).await.is_ok(), "also for the first time");
    assert_eq!(bench.enter(&gone_text).await.err(), Some(Refusal::Revoked));
    let elsewhere = "203.0.113.9".parse().expect("an address");
    assert_eq!(
        bench.ring.verify(b"x", elsewhere).await.err(),
        Some(Refusal::Malformed)
    );
    bench.clock.advance_ms(60_000);
    assert_eq!(bench.enter("x").await.err(), Some(Refusal::Malformed));
}
