//! The keyring on a real store: changes that hold at once and survive a restart, first use, rotation, throttle, batches.

#![allow(clippy::expect_used)]

#[path = "keys_ring/support.rs"]
mod support;

use flowlatch::auth::{KeyChange, KeyError, Refusal};
use flowlatch::model::audit::AuditFilter;
use flowlatch::model::key::KeyFormat;
use flowlatch::model::limit::{Category, KeyLimits, Limit};
use flowlatch::model::scope::Permission;
use flowlatch::model::workflow::Reach;
use futures_util::FutureExt;
use std::time::Duration;
use support::{Bench, DAY_MS, HOME, NOW_MS, forged, new_key};

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

#[tokio::test]
async fn changes_hold_for_the_next_request_and_after_a_restart() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (record, text) = bench.issue(&control, new_key("runs:read usage:read")).await;
    let entry = bench.is_in(&text).expect("lets in");
    let update = |change| bench.ring.update(&control, "10.0.0.1", &record.id, change);
    let disabled = |disabled| KeyChange {
        disabled: Some(disabled),
        ..KeyChange::default()
    };

    update(disabled(true)).await.expect("disabled");
    assert_eq!(bench.is_in(&text).err(), Some(Refusal::Disabled));
    assert!(!bench.ring.in_force(&entry));
    update(disabled(false)).await.expect("enabled");
    assert!(bench.is_in(&text).is_ok() && bench.ring.in_force(&entry));
    let narrowed = update(KeyChange {
        name: Some("other".into()),
        scopes: Some(vec!["usage:read".into()]),
        limits: Some(KeyLimits {
            read: Some(Limit::PerMinute(1)),
            ..KeyLimits::default()
        }),
        ..KeyChange::default()
    })
    .await
    .expect("narrowed");
    assert!(
        !bench
            .is_in(&text)
            .expect("lets in")
            .may(Permission::RunsRead)
    );
    assert!(
        !bench.ring.in_force(&entry),
        "it says more than the key still may"
    );
    assert_eq!(bench.ring.limits_of(&narrowed)[0], Limit::PerMinute(1));
    update(KeyChange::default())
        .await
        .expect("nothing to change");
    update(KeyChange {
        expires_at_ms: Some(Some(NOW_MS + 5)),
        ..KeyChange::default()
    })
    .await
    .expect("an end");
    bench.clock.advance_ms(4);
    assert!(bench.is_in(&text).is_ok());
    bench.clock.advance_ms(1);
    assert_eq!(bench.is_in(&text).err(), Some(Refusal::Expired));
    let late = KeyChange {
        expires_at_ms: Some(None),
        ..KeyChange::default()
    };
    assert!(
        matches!(update(late).await, Err(KeyError::Conflict(_))),
        "not brought back"
    );
    assert!(matches!(
        bench.ring.rotate(&control, "-", &record.id, 0).await,
        Err(KeyError::Conflict(_))
    ));

    bench
        .ring
        .revoke(&control, "10.0.0.1", &record.id)
        .await
        .expect("revoked");
    assert_eq!(bench.is_in(&text).err(), Some(Refusal::Revoked));
    assert!(matches!(
        bench.ring.revoke(&control, "-", &record.id).await,
        Err(KeyError::Conflict(_))
    ));
    assert!(matches!(
        update(disabled(false)).await,
        Err(KeyError::Conflict(_))
    ));
    assert_eq!(
        bench.audit().await,
        [
            "key.created",
            "key.disabled",
            "key.enabled",
            "key.updated",
            "key.updated",
            "key.revoked"
        ]
    );
    let bench = bench.reopen().await;
    assert_eq!(bench.enter(&text).await.err(), Some(Refusal::Revoked));
    let kept = bench
        .ring
        .get(&bench.ring.control(), &record.id)
        .expect("listed");
    assert_eq!(
        (kept.name.as_str(), kept.scopes.as_slice()),
        ("other", &["usage:read".to_owned()][..])
    );
}

#[tokio::test]
async fn a_key_gives_and_touches_no_more_than_it_holds() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let mut new = new_key("keys:write runs:read");
    new.expires_at_ms = Some(NOW_MS + 1_000);
    new.limits.write = Some(Limit::PerMinute(10));
    let (_, text) = bench.issue(&control, new.clone()).await;
    let by = bench.is_in(&text).expect("lets in");
    let (child, child_text) = bench.issue(&by, new.clone()).await;
    assert_eq!(child.created_by, by.id().to_string());
    assert!(bench.is_in(&child_text).is_ok());

    let mut unbounded = new.clone();
    unbounded.limits.write = None;
    let mut endless = new.clone();
    endless.expires_at_ms = None;
    let mut wider = new.clone();
    wider.scopes.push("usage:read".into());
    for new in [unbounded, endless, wider] {
        assert!(matches!(
            bench.ring.issue(&by, "-", new).await,
            Err(KeyError::NotHeld(_))
        ));
    }
    let (stranger, _) = bench.issue(&control, new_key("admin")).await;
    let (lasting, lasting_text) = bench.issue(&control, new_key("runs:read")).await;
    assert!(bench.ring.get(&by, &stranger.id).is_none());
    assert!(matches!(
        bench.ring.revoke(&by, "-", &stranger.id).await,
        Err(KeyError::NotFound)
    ));
    assert!(matches!(
        bench.ring.rotate(&by, "-", &stranger.id, 0).await,
        Err(KeyError::NotFound)
    ));
    assert!(bench.ring.get(&by, &lasting.id).is_some());
    assert!(
        matches!(
            bench.ring.rotate(&by, "-", &lasting.id, 0).await,
            Err(KeyError::NotHeld(_))
        ),
        "its text would outlive the one who asks"
    );
    bench
        .ring
        .revoke(&by, "-", &lasting.id)
        .await
        .expect("may end what it covers");
    assert_eq!(bench.is_in(&lasting_text).err(), Some(Refusal::Revoked));

    let (_, own) = bench
        .ring
        .rotate(&by, "-", by.id(), 60)
        .await
        .expect("itself");
    assert!(bench.enter(own.reveal()).await.is_ok());
    bench
        .ring
        .revoke(&control, "-", by.id())
        .await
        .expect("revoked");
    let refused = bench.ring.issue(&by, "-", new).await;
    assert!(
        matches!(refused, Err(KeyError::NotHeld(_))),
        "a request that was under way"
    );
    assert_eq!(bench.ring.list(&control).len(), 4);
}

#[tokio::test]
async fn a_change_goes_to_its_end_when_the_caller_hangs_up() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (record, _) = bench.issue(&control, new_key("runs:read")).await;
    {
        let renamed = KeyChange {
            name: Some("renamed".into()),
            ..KeyChange::default()
        };
        let update = bench.ring.update(&control, "-", &record.id, renamed);
        let mut update = std::pin::pin!(update);
        assert!(update.as_mut().now_or_never().is_none(), "under way");
    }
    let after = bench
        .ring
        .revoke(&control, "-", &record.id)
        .await
        .expect("next in turn");
    assert_eq!(after.name, "renamed");
    assert_eq!(
        bench.audit().await,
        ["key.created", "key.updated", "key.revoked"]
    );
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
    let stranger = flowlatch::model::key::from_entropy(KeyFormat::Sk, &[9; 128]).expect("a text");
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

#[tokio::test]
async fn housekeeping_writes_in_batches_and_forgets_in_time() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (gone, gone_text) = bench.issue(&control, new_key("runs:read")).await;
    let (used, text) = bench.issue(&control, new_key("runs:read")).await;
    bench
        .ring
        .revoke(&control, "-", &gone.id)
        .await
        .expect("revoked");
    let entry = bench.is_in(&text).expect("lets in");
    entry.touch(bench.clock.now_ms(), HOME, Category::Execute);
    for _ in 0..5 {
        bench.ring.note_refusal("forbidden", Some(&entry), HOME);
        bench.ring.note_refusal("unknown", None, HOME);
    }
    assert_eq!(
        bench.ring.list(&control)[0]
            .last_use
            .as_ref()
            .map(|last| last.at_ms),
        Some(NOW_MS)
    );

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let housekeeping = tokio::spawn({
        let ring = bench.ring.clone();
        async move { ring.housekeeping(stopped).await }
    });
    tokio::task::yield_now().await;
    bench.clock.advance_ms(90 * DAY_MS + 1);
    let written = async {
        while bench.ring.get(&control, &gone.id).is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), written)
        .await
        .expect("done in time");
    assert_eq!(bench.enter(&gone_text).await.err(), Some(Refusal::Unknown));
    let refused = AuditFilter {
        action: Some("request.refused".into()),
        ..AuditFilter::default()
    };
    let mut rows: Vec<_> = bench
        .store
        .audit_rows(refused, 10)
        .await
        .expect("rows")
        .into_iter()
        .map(|row| (row.actor, row.result, row.address, row.detail.to_string()))
        .collect();
    rows.sort();
    let count = r#"{"count":5}"#.to_owned();
    assert_eq!(
        rows,
        [
            (
                "anonymous".to_owned(),
                "unknown".to_owned(),
                Some("127.0.0.0/24".to_owned()),
                count.clone()
            ),
            (used.id.to_string(), "forbidden".to_owned(), None, count),
        ]
    );
    stop.send_replace(true);
    tokio::time::timeout(Duration::from_secs(20), housekeeping)
        .await
        .expect("stops")
        .expect("no panic");

    entry.touch(bench.clock.now_ms(), HOME, Category::Read);
    bench.ring.flush().await;
    let bench = bench.reopen().await;
    let kept = bench.ring.list(&bench.ring.control());
    let last_use = kept[0].last_use.as_ref().expect("written");
    assert_eq!(
        (
            kept.len(),
            last_use.category.as_str(),
            last_use.address.as_str()
        ),
        (1, "read", "127.0.0.1")
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
