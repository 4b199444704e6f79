//! Key records come back as they were written.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::audit_tests::entry;
use super::fixture::{Fixture, open};
use crate::id::{KeyId, WorkflowId};
use crate::model::audit::ChainCheck;
use crate::model::key::{KeyFormat, KeyRecord, KeySecret, LastUse, PendingSecret};
use crate::model::limit::{KeyLimits, Limit};
use crate::model::scope::parse_scopes;
use crate::model::workflow::Reach;

fn secret(public_id: &str) -> KeySecret {
    KeySecret {
        public_id: public_id.into(),
        phc: format!("$argon2id$of${public_id}"),
        created_at_ms: 10,
        valid_until_ms: None,
    }
}

fn key(public_id: &str) -> KeyRecord {
    let words = ["runs:read", "apikeys:update", "executions:read"];
    KeyRecord {
        id: KeyId::generate(),
        name: "a key".into(),
        format: KeyFormat::Wfk,
        scopes: words.map(String::from).into(),
        permissions: parse_scopes(words).unwrap(),
        reach: Reach::All,
        limits: KeyLimits::default(),
        created_at_ms: 10,
        updated_at_ms: 10,
        created_by: "control".into(),
        expires_at_ms: None,
        disabled: false,
        revoked_at_ms: None,
        last_use: None,
        current: secret(public_id),
        pending: None,
        former: None,
    }
}

#[tokio::test]
async fn every_field_comes_back_also_after_reopening() {
    let fixture = Fixture::new();
    let plain = key("aaaaaaaa");
    let full = KeyRecord {
        format: KeyFormat::Flowise,
        reach: Reach::Prefix("team-".into()),
        limits: KeyLimits {
            read: Some(Limit::PerMinute(u32::MAX)),
            write: Some(Limit::PerMinute(0)),
            execute: Some(Limit::Unlimited),
        },
        expires_at_ms: Some(99),
        disabled: true,
        revoked_at_ms: Some(98),
        pending: Some(PendingSecret {
            secret: KeySecret {
                valid_until_ms: Some(77),
                ..secret("cccccccc")
            },
            grace_seconds: 3_600,
        }),
        former: Some(KeySecret {
            valid_until_ms: Some(66),
            ..secret("dddddddd")
        }),
        ..key("bbbbbbbb")
    };
    let bound = KeyRecord {
        format: KeyFormat::Sk,
        reach: Reach::Workflow(WorkflowId::generate()),
        ..key("eeeeeeee")
    };
    let expected = vec![plain, full, bound];
    for record in &expected {
        fixture
            .store
            .insert_key(record.clone(), entry(1, "control"))
            .await
            .unwrap();
    }
    assert_eq!(fixture.store.all_keys().unwrap(), expected);
    fixture.store.close().await;
    assert_eq!(open(&fixture.folder).all_keys().unwrap(), expected);
}

#[tokio::test]
async fn a_rotation_is_an_update_and_keeps_the_last_use() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut record = key("aaaaaaaa");
    store
        .insert_key(record.clone(), entry(1, "control"))
        .await
        .unwrap();
    let used = |at_ms| LastUse {
        at_ms,
        address: "::1".into(),
        category: "read".into(),
    };
    let gone = KeyId::generate();
    store
        .record_last_uses(vec![(record.id.clone(), used(50)), (gone, used(50))])
        .await
        .unwrap();
    store
        .record_last_uses(vec![(record.id.clone(), used(40))])
        .await
        .unwrap();

    record.pending = Some(PendingSecret {
        secret: secret("bbbbbbbb"),
        grace_seconds: 0,
    });
    store
        .update_key(record.clone(), entry(2, "control"))
        .await
        .unwrap();
    record.former = Some(std::mem::replace(&mut record.current, secret("bbbbbbbb")));
    record.pending = None;
    store
        .update_key(record.clone(), entry(3, "control"))
        .await
        .unwrap();
    record.last_use = Some(used(50));
    assert_eq!(store.all_keys().unwrap(), [record]);
    assert_eq!(
        store.check_audit_chain().await.unwrap(),
        ChainCheck::Intact { rows: 3 }
    );
}

#[tokio::test]
async fn what_is_refused_leaves_neither_key_nor_audit_row() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let record = key("aaaaaaaa");
    store
        .insert_key(record.clone(), entry(1, "control"))
        .await
        .unwrap();
    // The same public id again, and a key that does not exist.
    assert!(
        store
            .insert_key(key("aaaaaaaa"), entry(2, "control"))
            .await
            .is_err()
    );
    assert!(
        store
            .update_key(key("bbbbbbbb"), entry(2, "control"))
            .await
            .is_err()
    );
    assert_eq!(store.all_keys().unwrap(), [record]);
    assert_eq!(fixture.count("audit"), 1);
}

#[tokio::test]
async fn keys_go_for_good_some_time_after_they_were_revoked() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut ids = Vec::new();
    for (public_id, revoked_at_ms) in [
        ("aaaaaaaa", None),
        ("bbbbbbbb", Some(100)),
        ("cccccccc", Some(200)),
    ] {
        let record = KeyRecord {
            revoked_at_ms,
            ..key(public_id)
        };
        ids.push(record.id.clone());
        store.insert_key(record, entry(1, "control")).await.unwrap();
    }
    assert_eq!(
        store.delete_keys_revoked_before(200).await.unwrap(),
        [ids[1].clone()]
    );
    let left: Vec<KeyId> = store
        .all_keys()
        .unwrap()
        .into_iter()
        .map(|record| record.id)
        .collect();
    assert_eq!(left, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(fixture.count("api_key_secret"), 2);
}
