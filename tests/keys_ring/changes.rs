//! Changes hold for the next request, survive a restart, and never widen.

use super::support::{Bench, NOW_MS, new_key};
use flowlatch::auth::{KeyChange, KeyError, Refusal};
use flowlatch::model::limit::{KeyLimits, Limit};
use flowlatch::model::scope::Permission;
use futures_util::FutureExt;

#[tokio::test]
async fn changes_hold_for_the_next_request() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (record, text) = bench.issue(&control, new_key("runs:read usage:read")).await;
    let entry = bench.is_in(&text).expect("lets in");
    let update = |change| bench.ring.update(&control, "10.0.0.1", &record.id, change);

    update(disabled(true)).await.expect("disabled");
    assert_eq!(bench.is_in(&text).err(), Some(Refusal::Disabled));
    assert!(!bench.ring.in_force(&entry));
    update(disabled(false)).await.expect("enabled");
    assert!(bench.is_in(&text).is_ok() && bench.ring.in_force(&entry));
    let narrowed = update(KeyChange {
        scopes: Some(vec!["usage:read".into()]),
        limits: Some(KeyLimits {
            read: Some(Limit::PerMinute(1)),
            ..KeyLimits::default()
        }),
        ..KeyChange::default()
    });
    let narrowed = narrowed.await.expect("narrowed");
    let now = bench.is_in(&text).expect("lets in");
    assert!(now.may(Permission::UsageRead) && !now.may(Permission::RunsRead));
    assert!(
        !bench.ring.in_force(&entry),
        "it says more than the key still may"
    );
    assert_eq!(bench.ring.limits_of(&narrowed)[0], Limit::PerMinute(1));
    update(ends_at(NOW_MS + 5)).await.expect("an end");
    bench.clock.advance_ms(4);
    assert!(bench.is_in(&text).is_ok());
    bench.clock.advance_ms(1);
    assert_eq!(bench.is_in(&text).err(), Some(Refusal::Expired));
    bench
        .ring
        .revoke(&control, "10.0.0.1", &record.id)
        .await
        .expect("revoked");
    assert_eq!(bench.is_in(&text).err(), Some(Refusal::Revoked));
}

#[tokio::test]
async fn what_has_ended_cannot_be_changed() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (record, _) = bench.issue(&control, new_key("runs:read")).await;
    let update = |change| bench.ring.update(&control, "-", &record.id, change);
    update(ends_at(NOW_MS + 1)).await.expect("an end");
    bench.clock.advance_ms(1);
    let longer = update(ends_at(NOW_MS + 9)).await;
    assert!(
        matches!(longer, Err(KeyError::Conflict(_))),
        "not brought back"
    );
    let rotated = bench.ring.rotate(&control, "-", &record.id, 0).await;
    assert!(matches!(rotated, Err(KeyError::Conflict(_))));
    bench
        .ring
        .revoke(&control, "-", &record.id)
        .await
        .expect("revoked");
    let again = bench.ring.revoke(&control, "-", &record.id).await;
    assert!(matches!(again, Err(KeyError::Conflict(_))));
    assert!(matches!(
        update(disabled(false)).await,
        Err(KeyError::Conflict(_))
    ));
    assert_eq!(
        bench.audit().await,
        ["key.created", "key.updated", "key.revoked"]
    );
}

#[tokio::test]
async fn changes_survive_a_restart_and_each_is_one_audit_row() {
    let bench = Bench::open().await;
    let control = bench.ring.control();
    let (record, text) = bench.issue(&control, new_key("runs:read usage:read")).await;
    let several = KeyChange {
        name: Some("other".into()),
        scopes: Some(vec!["usage:read".into()]),
        ..disabled(true)
    };
    for change in [
        disabled(true),
        disabled(true),
        disabled(false),
        several,
        KeyChange::default(),
    ] {
        bench
            .ring
            .update(&control, "10.0.0.1", &record.id, change)
            .await
            .expect("changed");
    }
    assert_eq!(
        bench.audit().await,
        ["key.created", "key.disabled", "key.enabled", "key.updated"],
        "what changes nothing writes nothing"
    );
    let bench = bench.reopen().await;
    assert_eq!(bench.enter(&text).await.err(), Some(Refusal::Disabled));
    let kept = bench
        .ring
        .get(&bench.ring.control(), &record.id)
        .expect("listed");
    assert_eq!(
        (kept.name.as_str(), kept.scopes),
        ("other", vec!["usage:read".to_owned()])
    );
    bench
        .ring
        .revoke(&bench.ring.control(), "-", &record.id)
        .await
        .expect("revoked");
    let bench = bench.reopen().await;
    assert_eq!(bench.enter(&text).await.err(), Some(Refusal::Revoked));
}

fn disabled(disabled: bool) -> KeyChange {
    KeyChange {
        disabled: Some(disabled),
        ..KeyChange::default()
    }
}

fn ends_at(unix_ms: i64) -> KeyChange {
    KeyChange {
        expires_at_ms: Some(Some(unix_ms)),
        ..KeyChange::default()
    }
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
    assert_eq!(bench.keys().len(), 4);
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
